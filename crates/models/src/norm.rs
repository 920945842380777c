//! The batch norm layer.

use autograd::{Param, Var};
use ndarray::{ArrayViewD, ArrayViewMutD, Zip};
use tensor::{DType, Real, Tensor, Update};

use crate::{Mode, Module, Result};

/// Batch norm with a scale and a shift for each channel of `[n, c, ..]`: epsilon 1e-5, and running statistics
/// that move a tenth of the way to each batch's mean and unbiased variance.
pub struct BatchNorm {
    weight: Param,
    bias: Param,
    running_mean: Param,
    running_variance: Param,
}

impl BatchNorm {
    const EPSILON: f64 = 1e-5;
    const MOMENTUM: f64 = 0.1;

    /// A layer that starts with scale 1, shift 0, running mean 0 and running variance 1.
    pub fn new(channels: usize, dtype: DType) -> Self {
        let filled = |value, dtype| Param::new(Tensor::full(value, &[channels], dtype));
        Self {
            weight: filled(1.0, dtype),
            bias: filled(0.0, dtype),
            running_mean: filled(0.0, dtype.accumulator()),
            running_variance: filled(1.0, dtype.accumulator()),
        }
    }
}

impl Module for BatchNorm {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        let tape = x.tape();
        let (weight, bias) = (tape.param(&self.weight), tape.param(&self.bias));
        let affine = Some([&weight, &bias]);
        match mode {
            Mode::Training { .. } => {
                let [y, mean, variance] = x.batch_norm(affine, Self::EPSILON)?;
                let step = RunningMean { momentum: Self::MOMENTUM };
                for (running, batch) in [(&self.running_mean, mean), (&self.running_variance, variance)] {
                    running.update(|running| tensor::update(&step, [running], [batch.value()]))?;
                }
                Ok(y)
            }
            Mode::Evaluation => {
                let (mean, variance) = (self.running_mean.value(), self.running_variance.value());
                Ok(x.batch_norm_running(affine, &mean, &variance, Self::EPSILON)?)
            }
        }
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![("weight".into(), &self.weight), ("bias".into(), &self.bias)]
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

    fn reference<A: Real>(&self, [running]: [ArrayViewMutD<'_, A>; 1], [batch]: [ArrayViewD<'_, A>; 1]) {
        let (kept, taken) = (A::from_f64(1.0 - self.momentum), A::from_f64(self.momentum));
        Zip::from(running).and(&batch).for_each(|running, &batch| *running = kept * *running + taken * batch);
    }
}

#[cfg(test)]
mod tests {
    use autograd::Tape;

    use super::*;

    #[test]
    fn training_learns_the_statistics_that_evaluation_uses() {
        let layer = BatchNorm::new(1, DType::F64);
        let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], &[4, 1]).unwrap();
        let tape = Tape::new();
        let y = layer.forward(&tape.constant(&x), Mode::Training { step: 0 }).unwrap();
        assert!(y.value().to_f64_vec().iter().sum::<f64>().abs() < 1e-12);
        // The mean is 2.5 and the unbiased variance 5 / 3; a tenth of each is taken in.
        let [mean, variance] =
            [&layer.running_mean, &layer.running_variance].map(|b| b.value().item().unwrap());
        assert!((mean - 0.25).abs() < 1e-15 && (variance - (0.9 + 0.5 / 3.0)).abs() < 1e-15);
        let y = layer.forward(&tape.constant(&x), Mode::Evaluation).unwrap();
        let expected = (1.0 - mean) / (variance + 1e-5).sqrt();
        assert!((y.value().to_f64_vec()[0] - expected).abs() < 1e-12);
    }
}
