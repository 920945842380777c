//! Normalisation layers.

use autograd::ops::conv2d::RunningNorm;
use autograd::{Param, Var};
use ndarray::{ArrayViewD, ArrayViewMutD, Zip};
use tensor::gpu::{Argument, Call, Grid};
use tensor::{DType, Real, Tensor, Update};

use crate::module::{Next, Role};
use crate::{Activation, Mode, Module, Result, range};

/// Layer normalisation (Ba, Kiros and Hinton, 2016, arXiv 1607.06450) of rows of `[.., d]`, with a scale and a shift
/// for each feature and epsilon 1e-5.
pub struct LayerNorm {
    weight: Param,
    bias: Param,
    epsilon: f64,
}

impl LayerNorm {
    /// Creates a layer with scale 1 and shift 0.
    pub fn new(features: usize, dtype: DType) -> Self {
        let filled = |value| Param::new(Tensor::full(value, &[features], dtype));
        Self { weight: filled(1.0), bias: filled(0.0), epsilon: 1e-5 }
    }

    /// The same layer with this epsilon, which is added to the variance.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) unless it is finite and positive in f32.
    pub fn with_epsilon(self, epsilon: f64) -> Result<Self> {
        range::EPSILON.check("epsilon", epsilon)?;
        Ok(Self { epsilon, ..self })
    }
}

impl Module for LayerNorm {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        let tape = x.tape();
        Ok(x.layer_norm(&tape.param(&self.weight)?, &tape.param(&self.bias)?, self.epsilon)?)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![("weight".into(), &self.weight), ("bias".into(), &self.bias)]
    }
}

/// Batch normalisation (Ioffe and Szegedy, 2015, arXiv 1502.03167) of the channels of `[n, c, ..]`. The running
/// statistics, the mean and the unbiased variance, are updated with momentum 0.1.
///
/// ```
/// use agon_models::{BatchNorm, LayerNorm};
/// use tensor::DType;
///
/// let norm = BatchNorm::new(16, DType::F32).with_epsilon(1e-3)?.with_momentum(0.01)?;
/// let other = LayerNorm::new(16, DType::F32).with_epsilon(1e-6)?;
/// # let _ = (norm, other);
/// # Ok::<(), agon_models::Error>(())
/// ```
pub struct BatchNorm {
    /// The scale and the shift.
    affine: Option<[Param; 2]>,
    epsilon: f64,
    momentum: f64,
    running_mean: Param,
    running_variance: Param,
}

impl BatchNorm {
    /// Creates a layer with a scale of 1 and a shift of 0 for each channel, and epsilon 1e-5.
    pub fn new(channels: usize, dtype: DType) -> Self {
        let affine = [1.0, 0.0].map(|value| Param::new(Tensor::full(value, &[channels], dtype)));
        Self { affine: Some(affine), epsilon: 1e-5, ..Self::without_affine(channels, dtype) }
    }

    /// Creates a layer without scale and shift and with epsilon 1e-6, as used on the ViT's mean token.
    pub fn without_affine(channels: usize, dtype: DType) -> Self {
        let filled = |value, dtype| Param::new(Tensor::full(value, &[channels], dtype));
        Self {
            affine: None,
            epsilon: 1e-6,
            momentum: 0.1,
            running_mean: filled(0.0, dtype.accumulator()),
            running_variance: filled(1.0, dtype.accumulator()),
        }
    }

    /// The same layer with this epsilon, which is added to the variance.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) unless it is finite and positive in f32.
    pub fn with_epsilon(self, epsilon: f64) -> Result<Self> {
        range::EPSILON.check("epsilon", epsilon)?;
        Ok(Self { epsilon, ..self })
    }

    /// The same layer with this momentum, the weight of a batch in the running statistics.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) unless it is in [0, 1].
    pub fn with_momentum(self, momentum: f64) -> Result<Self> {
        range::PROBABILITY.check("momentum", momentum)?;
        Ok(Self { momentum, ..self })
    }
}

impl BatchNorm {
    /// The parameters and running statistics, for evaluation.
    pub(crate) fn running(&self) -> RunningNorm {
        RunningNorm {
            affine: self.affine.as_ref().map(|affine| affine.each_ref().map(Param::value)),
            mean: self.running_mean.value(),
            variance: self.running_variance.value(),
            eps: self.epsilon,
        }
    }
}

impl Module for BatchNorm {
    fn role(&self) -> Role<'_> {
        Role::BatchNorm(self)
    }

    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        Ok(self.forward_fused(x, Next::default(), mode)?.0)
    }

    /// Fuses a following ReLU and, in training, also max-pooling before or after the ReLU, since their order does not
    /// matter.
    fn forward_fused<'t>(&self, x: &Var<'t>, next: Next<'_>, mode: Mode) -> Result<(Var<'t>, usize)> {
        let tape = x.tape();
        let affine = match &self.affine {
            Some([weight, bias]) => Some([tape.param(weight)?, tape.param(bias)?]),
            None => None,
        };
        let affine = affine.as_ref().map(|params| params.each_ref());
        if let Mode::Evaluation | Mode::MaskedEvaluation { .. } = mode {
            let (mean, variance) = (self.running_mean.value(), self.running_variance.value());
            return Ok(match next.is_relu(0) {
                true => (x.batch_norm_running_relu(affine, &mean, &variance, self.epsilon)?, 1),
                false => (x.batch_norm_running(affine, &mean, &variance, self.epsilon)?, 0),
            });
        }
        use {Activation::Relu, Role::Activation as Activated, Role::MaxPool};
        let ([y, mean, variance], fused) = match [next.role(0), next.role(1)] {
            [MaxPool(pool), Activated(Relu)] | [Activated(Relu), MaxPool(pool)] => {
                (x.batch_norm_pool(affine, self.epsilon, pool)?, 2)
            }
            [Activated(Relu), _] => (x.batch_norm_relu(affine, self.epsilon)?, 1),
            _ => (x.batch_norm(affine, self.epsilon)?, 0),
        };
        let step = RunningMean { momentum: self.momentum };
        for (running, batch) in [(&self.running_mean, mean), (&self.running_variance, variance)] {
            running.update(|running| tensor::update(&step, [running], [batch.value()]))?;
        }
        Ok((y, fused))
    }

    fn params(&self) -> Vec<(String, &Param)> {
        match &self.affine {
            Some([weight, bias]) => vec![("weight".into(), weight), ("bias".into(), bias)],
            None => vec![],
        }
    }

    fn buffers(&self) -> Vec<(String, &Param)> {
        vec![("running_mean".into(), &self.running_mean), ("running_var".into(), &self.running_variance)]
    }
}

/// `running = (1 - momentum) running + momentum batch`
#[derive(Debug)]
struct RunningMean {
    momentum: f64,
}

impl Update<1, 1> for RunningMean {
    fn name(&self) -> &'static str {
        "running_mean"
    }

    fn launch(&self, call: Call<'_>, all: &[([&Tensor; 1], [&Tensor; 1])]) -> tensor::Result<()> {
        for ([running], [batch]) in all {
            let arguments = [
                Argument::Out(running),
                Argument::In(batch),
                Argument::Size(running.len()),
                Argument::F32(self.momentum as f32),
            ];
            call.launch_for(DType::F32, "running_mean", Grid::over(running.len()), &arguments)?;
        }
        Ok(())
    }

    fn reference<A: Real>(&self, [running]: [ArrayViewMutD<'_, A>; 1], [batch]: [ArrayViewD<'_, A>; 1]) {
        let (kept, taken) = (A::from_f64(1.0 - self.momentum), A::from_f64(self.momentum));
        Zip::from(running).and(&batch).for_each(|running, &batch| *running = kept * *running + taken * batch);
    }
}

#[cfg(test)]
mod tests {
    use autograd::Tape;

    use super::*;
    use crate::{MaxPool, Sequential};

    #[test]
    fn training_updates_the_statistics_that_evaluation_uses() {
        let layer = BatchNorm::new(1, DType::F64);
        let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], &[4, 1]).unwrap();
        let tape = Tape::new();
        let y = layer.forward(&tape.constant(&x), Mode::Training { step: 0 }).unwrap();
        assert!(y.value().to_f64_vec().iter().sum::<f64>().abs() < 1e-12);
        // The mean is 2.5 and the unbiased variance 5 / 3, with weight 0.1.
        let [mean, variance] =
            [&layer.running_mean, &layer.running_variance].map(|b| b.value().item().unwrap());
        assert!((mean - 0.25).abs() < 1e-15 && (variance - (0.9 + 0.5 / 3.0)).abs() < 1e-15);
        let y = layer.forward(&tape.constant(&x), Mode::Evaluation).unwrap();
        let expected = (1.0 - mean) / (variance + 1e-5).sqrt();
        assert!((y.value().to_f64_vec()[0] - expected).abs() < 1e-12);
    }

    #[test]
    fn epsilon_and_momentum_are_settings() {
        let x = Tensor::from_vec(vec![1.0, 3.0], &[2, 1]).unwrap();
        let layer = BatchNorm::new(1, DType::F64).with_epsilon(3.0).unwrap().with_momentum(0.5).unwrap();
        let tape = Tape::new();
        let y = layer.forward(&tape.constant(&x), Mode::Training { step: 0 }).unwrap();
        // The mean is 2, the variance 1, and the unbiased variance 2.
        assert_eq!(y.value().to_f64_vec(), [-0.5, 0.5]);
        let running = [&layer.running_mean, &layer.running_variance].map(|b| b.value().item().unwrap());
        assert_eq!(running, [1.0, 1.5]);
        let layer = LayerNorm::new(2, DType::F64).with_epsilon(3.0).unwrap();
        let y = layer.output(&x.reshape(&[1, 2]).unwrap()).unwrap();
        assert_eq!(y.to_f64_vec(), [-0.5, 0.5]);
        assert!(BatchNorm::new(1, DType::F64).with_epsilon(0.0).is_err());
        assert!(BatchNorm::new(1, DType::F64).with_momentum(1.5).is_err());
        assert!(LayerNorm::new(1, DType::F64).with_epsilon(f64::NAN).is_err());
    }

    #[test]
    fn a_fused_norm_has_the_results_and_statistics_of_separate_layers() {
        let x: Vec<f32> = (0..2 * 3 * 36).map(|i| (i * 29 % 37) as f32 / 8.0 - 2.0).collect();
        let x = Tensor::from_vec(x, &[2, 3, 6, 6]).unwrap();
        let (relu, pool) = (Activation::Relu, MaxPool { kernel: 3, stride: 2, padding: 1 });
        let nothing = Activation::Identity;
        // The layer `nothing` prevents the fusion of the layers around it.
        let apart = |layers: Sequential| layers.then(nothing);
        let norm = || Sequential::new().then(BatchNorm::new(3, DType::F32));
        let pairs = [
            (norm().then(relu), apart(norm()).then(relu)),
            (norm().then(pool).then(relu), apart(apart(norm()).then(pool)).then(relu)),
            (norm().then(relu).then(pool), apart(apart(norm()).then(relu)).then(pool)),
            (
                Sequential::new().then(norm().then(relu)).then(pool),
                apart(apart(norm()).then(relu)).then(pool),
            ),
        ];
        for (place, pair) in pairs.into_iter().enumerate() {
            for mode in [Mode::Training { step: 0 }, Mode::Evaluation] {
                let [fused, apart] = [&pair.0, &pair.1].map(|layers| {
                    let tape = Tape::new();
                    let y = layers.forward(&tape.input(&x), mode).unwrap();
                    let buffers = layers.buffers().into_iter().map(|(_, buffer)| buffer.value().to_f64_vec());
                    (y.value().to_f64_vec(), buffers.collect::<Vec<_>>())
                });
                assert_eq!(fused, apart, "pair {place} in {mode:?}");
            }
        }
    }

    #[test]
    fn without_scale_and_shift_nothing_is_learned_and_the_variance_is_one() {
        let layer = BatchNorm::without_affine(2, DType::F64);
        assert_eq!((layer.n_params(), layer.buffers().len()), (0, 2));
        let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 6.0], &[2, 2]).unwrap();
        let tape = Tape::new();
        let y = layer.forward(&tape.constant(&x), Mode::Training { step: 0 }).unwrap();
        // The values of each column differ from their mean by plus and minus some d: d / sqrt(d^2 + epsilon).
        let expected = [1.0f64, 2.0].map(|d| d / (d * d + 1e-6).sqrt());
        for (y, expected) in y.value().to_f64_vec()[2..].iter().zip(expected) {
            assert!((y - expected).abs() < 1e-14, "{y} {expected}");
        }
    }
}
