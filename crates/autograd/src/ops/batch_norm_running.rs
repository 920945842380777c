//! Batch normalisation in evaluation mode, with running statistics and an optional fused ReLU.

use ndarray::{ArrayD, ArrayViewD, Axis, Zip};
use tensor::gpu::{Argument, Call, Grid};
use tensor::{DType, Error, FusedActivation, Kernel, Real, Slice, Storage, Tensor};

use crate::epilogue;
use crate::launch::channels::over_elements;
use crate::moments::check_eps;
use crate::op::if_needed;
use crate::ops::batch_norm::fast::{self, Layout, Norm};
use crate::ops::batch_norm::gradients::BatchNormGradAffine;
use crate::ops::batch_norm::{Saved, normalised, relu_flag};
use crate::ops::cast::cast;
use crate::{Op, Result, Var};

/// `y = activation((x - mean) / sqrt(variance + eps) * weight + bias)` in each channel, for `x: [n, c, ..]` and
/// `weight`, `bias: [c]`. The statistics are constants, so they have no gradient.
#[derive(Debug, Clone)]
pub struct BatchNormRunning {
    /// The mean of each channel: `[c]`, in the accumulator type of `x`, preferably on the device of `x`.
    pub mean: Tensor,
    /// The variance of each channel: `[c]`, with the type and device of the mean.
    pub variance: Tensor,
    /// Added to the variance; positive, and representable in 32 bits.
    pub eps: f64,
    /// The activation after the normalisation.
    pub activation: FusedActivation,
}

impl BatchNormRunning {
    /// The normalisation without an activation.
    pub fn new(mean: &Tensor, variance: &Tensor, eps: f64) -> Self {
        Self { mean: mean.clone(), variance: variance.clone(), eps, activation: FusedActivation::Identity }
    }
}

/// `1 / sqrt(variance + eps)`, but NaN for an infinite variance: zero would give outputs that look valid.
pub(crate) fn rstd_of<A: Real>(variance: A, eps: A) -> A {
    if variance.is_finite() { A::one() / (variance + eps).sqrt() } else { A::nan() }
}

/// Computes `y`, and `rstd = 1 / sqrt(variance + eps)` of each channel.
#[derive(Debug, Clone, Copy)]
struct Normalise {
    eps: f64,
    activation: FusedActivation,
}

impl Kernel<5, 2> for Normalise {
    fn name(&self) -> &'static str {
        "batch_norm_running"
    }

    fn shapes(&self, inputs: [&[usize]; 5]) -> tensor::Result<[Vec<usize>; 2]> {
        check_eps(self.name(), self.eps)?;
        let [x, of_channels @ ..] = inputs;
        match x {
            &[_, c, ..] if of_channels.iter().all(|shape| *shape == [c]) => Ok([x.to_vec(), vec![c]]),
            _ => {
                let expected = "x [n, c, ..], a weight, a bias, a mean and a variance [c]";
                Err(Error::shape(self.name(), expected, &inputs))
            }
        }
    }

    fn input_dtypes(&self) -> [Storage; 5] {
        use Storage::{Accumulator, Same};
        [Same, Same, Same, Accumulator, Accumulator]
    }

    fn output_dtypes(&self) -> [Storage; 2] {
        [Storage::Same, Storage::Accumulator]
    }

    fn reference<A: Real>(&self, inputs: [ArrayViewD<'_, A>; 5]) -> [ArrayD<A>; 2] {
        let [x, weight, bias, mean, variance] = inputs;
        let rstd = variance.mapv(|variance| rstd_of(variance, A::from_f64(self.eps)));
        let y = normalised(&x, [&weight, &bias, &mean, &rstd.view()]);
        [y.mapv_into(|y| self.activation.of(y)), rstd]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 5], [y, rstd]: [&Tensor; 2]) -> tensor::Result<()> {
        let ([x, weight, bias, mean, variance], c) = (inputs, rstd.len());
        let eps = Argument::F32(self.eps as f32);
        let arguments = [Argument::Out(rstd), Argument::In(variance), eps, Argument::Size(c)];
        call.launch_for(DType::F32, "batch_norm_running_inverse", Grid::over(c), &arguments)?;
        over_elements(call, "batch_norm", y, &[x, weight, bias, mean, rstd], &[relu_flag(self.activation)])
    }

    fn fast(&self, inputs: [Slice<'_>; 5], [y, rstd]: [&mut [f32]; 2]) -> bool {
        let layout = Layout::of(inputs[0].shape);
        let [x, weight, bias, mean, variance] = inputs.map(|input| input.data);
        for (rstd, &variance) in rstd.iter_mut().zip(variance) {
            *rstd = rstd_of(variance, self.eps as f32);
        }
        if !x.is_empty() {
            let norm = Norm { mean, rstd, scale: &fast::scales(weight, rstd), shift: bias };
            fast::normalise(x, y, norm, self.activation, layout);
        }
        true
    }
}

/// `dx = dy weight / sqrt(variance + eps)`
#[derive(Debug, Clone, Copy)]
struct BatchNormRunningGradInput;

impl Kernel<3, 1> for BatchNormRunningGradInput {
    fn name(&self) -> &'static str {
        "batch_norm_running_grad_input"
    }

    fn shapes(&self, inputs: [&[usize]; 3]) -> tensor::Result<[Vec<usize>; 1]> {
        match inputs {
            [dy @ &[_, c, ..], weight, rstd] if [weight, rstd] == [[c]; 2] => Ok([dy.to_vec()]),
            _ => Err(Error::shape(self.name(), "the inputs and outputs of batch_norm_running", &inputs)),
        }
    }

    fn input_dtypes(&self) -> [Storage; 3] {
        [Storage::Same, Storage::Same, Storage::Accumulator]
    }

    fn reference<A: Real>(&self, [dy, weight, rstd]: [ArrayViewD<'_, A>; 3]) -> [ArrayD<A>; 1] {
        let scale = Zip::from(&weight).and(&rstd).map_collect(|&weight, &rstd| weight * rstd);
        let mut dx = dy.to_owned();
        for (mut dx, &scale) in dx.axis_iter_mut(Axis(1)).zip(&scale) {
            dx.mapv_inplace(|dy| dy * scale);
        }
        [dx]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 3], [dx]: [&Tensor; 1]) -> tensor::Result<()> {
        over_elements(call, self.name(), dx, &inputs, &[])
    }

    fn fast(&self, [dy, weight, rstd]: [Slice<'_>; 3], [dx]: [&mut [f32]; 1]) -> bool {
        if !dy.data.is_empty() {
            let (rstd, scale) = (rstd.data, fast::scales(weight.data, rstd.data));
            let zero = vec![0.0; scale.len()];
            let norm = Norm { mean: &zero, rstd, scale: &scale, shift: &zero };
            fast::normalise(dy.data, dx, norm, FusedActivation::Identity, Layout::of(dy.shape));
        }
        true
    }
}

impl Op<3> for BatchNormRunning {
    const NAME: &'static str = "batch_norm_running";

    /// The inputs and the statistics, and the output if the backward pass of the activation needs it.
    type Saved = (Saved, Option<Tensor>);

    fn saved_tensors((saved, of_activation): &Self::Saved) -> Option<Vec<&Tensor>> {
        Some(saved.tensors().into_iter().chain(of_activation).collect())
    }

    fn forward(&self, inputs: [&Tensor; 3]) -> Result<([Tensor; 1], Self::Saved)> {
        let [x, weight, bias] = inputs;
        let wide = x.dtype().accumulator();
        let there = |statistic: &Tensor| cast(&statistic.to_device(&x.device())?, wide);
        let (mean, variance) = (there(&self.mean)?, there(&self.variance)?);
        let kernel = Normalise { eps: self.eps, activation: self.activation };
        let [y, rstd] = tensor::run(&kernel, [x, weight, bias, &mean, &variance])?;
        let of_activation = epilogue::saved(self.activation, &y);
        Ok(([y], (Saved::new(inputs, &mean, rstd), of_activation)))
    }

    fn backward(
        &self,
        (Saved { x, weight, bias, mean, rstd }, of_activation): &Self::Saved,
        [dy]: [&Tensor; 1],
        [needed_x, needed_weight, needed_bias]: [bool; 3],
    ) -> Result<[Option<Tensor>; 3]> {
        let dy = &epilogue::backward(of_activation, dy)?;
        let dx = if_needed(needed_x, || {
            let [dx] = tensor::run(&BatchNormRunningGradInput, [dy, weight, rstd])?;
            Ok(dx)
        })?;
        if !needed_weight && !needed_bias {
            return Ok([dx, None, None]);
        }
        let kernel = BatchNormGradAffine { activation: FusedActivation::Identity };
        let [dweight, dbias] = tensor::run(&kernel, [x, weight, bias, mean, rstd, dy])?;
        let dweight = if_needed(needed_weight, || cast(&dweight, x.dtype()))?;
        let dbias = if_needed(needed_bias, || cast(&dbias, x.dtype()))?;
        Ok([dx, dweight, dbias])
    }
}

impl<'t> Var<'t> {
    /// Normalises each channel of `[n, c, ..]` with the given `mean` and `variance`, then applies the weight and the
    /// bias of `affine` if given; each of the four is `[c]`.
    ///
    /// # Errors
    /// If the shapes do not match, or `eps` is not positive.
    pub fn batch_norm_running(
        &self,
        affine: Option<[&Self; 2]>,
        mean: &Tensor,
        variance: &Tensor,
        eps: f64,
    ) -> Result<Self> {
        self.normalised(affine, BatchNormRunning::new(mean, variance, eps))
    }

    /// [`Var::batch_norm_running`] followed by [`Var::relu`], as one operation.
    ///
    /// # Errors
    /// As [`Var::batch_norm_running`].
    pub fn batch_norm_running_relu(
        &self,
        affine: Option<[&Self; 2]>,
        mean: &Tensor,
        variance: &Tensor,
        eps: f64,
    ) -> Result<Self> {
        let op = BatchNormRunning::new(mean, variance, eps);
        self.normalised(affine, BatchNormRunning { activation: FusedActivation::Relu, ..op })
    }

    fn normalised(&self, affine: Option<[&Self; 2]>, op: BatchNormRunning) -> Result<Self> {
        let [weight, bias] = self.affine_or_identity(affine)?;
        let [y] = self.tape.apply(op, [self, &weight, &bias])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use tensor::{DType, FusedActivation, Tensor};

    use super::BatchNormRunning;
    use crate::epilogue::cases::bias;
    use crate::ops::batch_norm::cases::shapes_of_images;
    use crate::ops::layer_norm::cases::values_around;
    use crate::testing::cases::{Case, Cases, Kink};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{LENGTHS, shape, swept, tile, values};

    impl Cases<3> for BatchNormRunning {
        const LINEAR: [bool; 3] = [true; 3];

        fn linear(&self) -> [bool; 3] {
            [self.activation == FusedActivation::Identity; 3]
        }

        fn claim(class: ShapeClass) -> Claim {
            match class {
                ShapeClass::KinkOrTie => Claim::Generated,
                _ => classes::of_any_shape(class),
            }
        }

        fn kinks() -> Vec<Kink<Self, 3>> {
            let of = |values: &[f64]| {
                Tensor::from_slice(values, &[values.len()]).expect("the values fill the shape")
            };
            let (mean, variance) = (of(&[0.0]).to_dtype(DType::F32), of(&[3.0]).to_dtype(DType::F32));
            let op = BatchNormRunning {
                activation: FusedActivation::Relu,
                ..BatchNormRunning::new(&mean, &variance, 1.0)
            };
            // The normalised values are x / 2: below, at and above zero.
            let x = of(&[-4.0, 0.0, 4.0]).reshape(&[3, 1]).expect("the number of elements is unchanged");
            let gradients = [vec![0.0, 0.0, 0.5], vec![2.0], vec![1.0]];
            vec![Kink { op, inputs: [x, of(&[1.0]), of(&[0.0])], gradients }]
        }

        fn cases() -> BoxedStrategy<Case<Self, 3>> {
            of_shape(prop_oneof![shape(2..=2, 1..4), shapes_of_images(1..4, 1..3)].boxed())
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 3>> {
            let flat = (100..300usize, 60..200usize).prop_map(|(n, c)| vec![n, c]);
            of_shape(prop_oneof![flat, vec(tile(), 2), shapes_of_images(20..40, 5..20)].boxed())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 3>>> {
            swept([&LENGTHS; 3], &[2, 3, 17], |shape| of_shape(Just(shape.to_vec()).boxed()))
        }
    }

    fn of_shape(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<BatchNormRunning, 3>> {
        shape
            .prop_then(|shape| {
                let (c, count) = (shape[1], shape[0] * shape[2..].iter().product::<usize>());
                let statistics = (values(&[c]), values_around(&[c], |_| 1.0));
                // The normalised values are below 12 in magnitude: a deviation of 4, divided by the square root of 1/2,
                // times a weight of 2.
                (values(&shape), values(&[c]), bias(c, 3), statistics, Just(count))
            })
            .prop_map(|(x, weight, (bias, activation), (mean, variance), reduced)| {
                // Statistics that every accumulator type represents exactly.
                let [mean, variance] = [mean, variance].map(|x: Tensor| x.to_dtype(DType::F32));
                let op = BatchNormRunning { mean, variance, eps: 1e-5, activation };
                Case { op, inputs: [x, weight, bias], reduced }
            })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn a_batch_of_one_example_is_supported() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::from_slice(&[5.0f32, -1.0], &[1, 2]).unwrap());
        let mean = Tensor::from_slice(&[3.0f32, 1.0], &[2]).unwrap();
        let variance = Tensor::from_slice(&[4.0f32, 1.0], &[2]).unwrap();
        let y = x.batch_norm_running(None, &mean, &variance, 1e-30).unwrap();
        assert_eq!(y.value().to_f64_vec(), [1.0, -2.0]);
    }

    #[test]
    fn an_overflowed_variance_gives_nan_and_not_the_bias() {
        for dtype in [DType::F32, DType::F64, DType::BF16] {
            let tape = Tape::new();
            let x = tape.input(&Tensor::full(5.0, &[1, 2, 3], dtype));
            let [weight, bias] = [1.0, 2.0].map(|value| tape.input(&Tensor::full(value, &[2], dtype)));
            let mean = Tensor::zeros(&[2], DType::F32);
            let variance = Tensor::from_slice(&[f32::INFINITY, 1.0], &[2]).unwrap();
            let y = x.batch_norm_running(Some([&weight, &bias]), &mean, &variance, 1e-30).unwrap();
            let dx = tape.backward_from(&y, Tensor::full(1.0, &[1, 2, 3], dtype)).unwrap();
            for (got, known) in [(y.value().to_f64_vec(), 7.0), (dx.of(&x).unwrap().to_f64_vec(), 1.0)] {
                assert!(got[..3].iter().all(|x| x.is_nan()) && got[3..] == [known; 3], "{dtype}: {got:?}");
            }
        }
    }

    #[test]
    fn statistics_of_other_channels_are_an_error_with_all_shapes() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[1, 2], DType::F32));
        let statistic = Tensor::zeros(&[3], DType::F32);
        let message = x.batch_norm_running(None, &statistic, &statistic, 1e-5).unwrap_err().to_string();
        let expected =
            "batch_norm_running: expected x [n, c, ..], a weight, a bias, a mean and a variance [c]";
        assert_eq!(message, format!("{expected}, got [1, 2] and [2] and [2] and [3] and [3]"));
    }
}
