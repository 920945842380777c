//! Batch normalisation in training mode (Ioffe and Szegedy, 2015, arXiv 1502.03167), which normalises each channel over
//! the batch, with an optional fused ReLU.

#[cfg(feature = "testing")]
pub(crate) mod cases;
pub(crate) mod fast;
pub(crate) mod gradients;

use ndarray::{Array1, ArrayD, ArrayViewD, Axis};
use tensor::gpu::{Argument, Call};
use tensor::{Error, FusedActivation, Kernel, Real, Slice, Storage, Tensor};

use self::fast::{Layout, Norm};
use self::gradients::{BatchNormGradAffine, BatchNormGradInput};
use crate::launch::channels::{self, over_elements};
use crate::moments::{Moments, check_eps};
use crate::op::if_needed;
use crate::ops::cast::cast;
use crate::{Op, Result, Var};

/// `y = activation((x - mean) / sqrt(variance + eps) * weight + bias)` in each channel, for `x: [n, c, ..]` and
/// `weight`, `bias: [c]`.
///
/// The outputs are `y` and the mean and the **unbiased** variance (divided by the count minus one) of each channel,
/// both `[c]` in the accumulator type, for a layer's running statistics. `y` itself is normalised with the biased
/// variance. All three outputs are differentiable.
///
/// With a ReLU, the forward pass reads `x` twice and writes `y`; the backward pass reads `x` and the gradient of `y`
/// twice and writes the gradient of `x`. These are 8 passes over memory, where two separate operations take 13. Whether
/// `y` is positive is recomputed from `x` instead of being read. In 32 and 64 bits, all results equal those of the two
/// separate operations, bit for bit.
#[derive(Debug, Clone, Copy)]
pub struct BatchNorm {
    /// Added to the variance; positive, and representable in 32 bits.
    pub eps: f64,
    /// The activation after the normalisation.
    pub activation: FusedActivation,
}

impl BatchNorm {
    /// The normalisation without an activation.
    pub fn new(eps: f64) -> Self {
        Self { eps, activation: FusedActivation::Identity }
    }
}

/// Computes the outputs, and `rstd = 1 / sqrt(variance + eps)` of each channel.
impl Kernel<3, 4> for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn shapes(&self, inputs: [&[usize]; 3]) -> tensor::Result<[Vec<usize>; 4]> {
        check_eps("batch_norm", self.eps)?;
        let [x, weight, bias] = inputs;
        let &[n, c, ref plane @ ..] = x else {
            return Err(Error::shape("batch_norm", EXPECTED, &inputs));
        };
        if weight != [c] || bias != [c] {
            return Err(Error::shape("batch_norm", EXPECTED, &inputs));
        }
        if n * plane.iter().product::<usize>() < 2 {
            let expected = "at least two values per channel in training, since one value has no variance";
            return Err(Error::shape("batch_norm", expected, &[x]));
        }
        Ok([x.to_vec(), vec![c], vec![c], vec![c]])
    }

    fn output_dtypes(&self) -> [Storage; 4] {
        use Storage::{Accumulator, Same};
        [Same, Accumulator, Accumulator, Accumulator]
    }

    fn reference<A: Real>(&self, [x, weight, bias]: [ArrayViewD<'_, A>; 3]) -> [ArrayD<A>; 4] {
        let c = weight.len();
        let [mut means, mut variances, mut rstds] = [(); 3].map(|()| Array1::zeros(c));
        for (channel, x) in x.axis_iter(Axis(1)).enumerate() {
            let count = A::of(x.len());
            let moments = Moments::of(x.iter().copied());
            means[channel] = moments.mean;
            variances[channel] = moments.variance(count - A::one());
            rstds[channel] = moments.rstd(A::from_f64(self.eps));
        }
        let [means, variances, rstds] = [means, variances, rstds].map(Array1::into_dyn);
        let y = normalised(&x, [&weight, &bias, &means.view(), &rstds.view()]);
        [y.mapv_into(|y| self.activation.of(y)), means, variances, rstds]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 3], outputs: [&Tensor; 4]) -> tensor::Result<()> {
        let ([x, weight, bias], [y, statistics @ ..]) = (inputs, outputs);
        let [mean, _, rstd] = statistics;
        channels::statistics(call, x, self.eps, statistics)?;
        over_elements(call, "batch_norm", y, &[x, weight, bias, mean, rstd], &[relu_flag(self.activation)])
    }

    fn fast(&self, [x, weight, bias]: [Slice<'_>; 3], outputs: [&mut [f32]; 4]) -> bool {
        let [y, means, variances, rstds] = outputs;
        let layout = Layout::of(x.shape);
        if x.data.is_empty() {
            return true;
        }
        fast::statistics(x.data, layout, self.eps, [means, variances, rstds]);
        let scale = fast::scales(weight.data, rstds);
        let norm = Norm { mean: means, rstd: rstds, scale: &scale, shift: bias.data };
        fast::normalise(x.data, y, norm, self.activation, layout);
        true
    }
}

/// `(x - mean) rstd weight + bias`, for the weight, the bias, the mean and the rstd of each channel.
pub(crate) fn normalised<A: Real>(x: &ArrayViewD<'_, A>, channels: [&ArrayViewD<'_, A>; 4]) -> ArrayD<A> {
    let mut y = x.to_owned();
    for (channel, mut y) in y.axis_iter_mut(Axis(1)).enumerate() {
        let [weight, bias, mean, rstd] = channels.map(|values| values[[channel]]);
        y.mapv_inplace(|x| (x - mean) * rstd * weight + bias);
    }
    y
}

/// The kernel argument that says whether a ReLU follows.
pub(crate) fn relu_flag(activation: FusedActivation) -> Argument<'static> {
    Argument::U32(u32::from(activation == FusedActivation::Relu))
}

const EXPECTED: &str = "x [n, c, ..], a weight [c] and a bias [c]";

/// The tensors that [`BatchNorm`] saves.
#[derive(Debug)]
pub struct Saved {
    pub(crate) x: Tensor,
    pub(crate) weight: Tensor,
    pub(crate) bias: Tensor,
    /// The mean of each channel, in the accumulator type.
    pub(crate) mean: Tensor,
    /// `1 / sqrt(variance + eps)` of each channel, in the accumulator type.
    pub(crate) rstd: Tensor,
}

impl Saved {
    /// Saves the inputs and the statistics of a call.
    pub(crate) fn new([x, weight, bias]: [&Tensor; 3], mean: &Tensor, rstd: Tensor) -> Self {
        let (x, weight, bias) = (x.clone(), weight.clone(), bias.clone());
        Self { x, weight, bias, mean: mean.clone(), rstd }
    }

    pub(crate) fn tensors(&self) -> Vec<&Tensor> {
        let Self { x, weight, bias, mean, rstd } = self;
        vec![x, weight, bias, mean, rstd]
    }

    /// The gradients of the `needed` inputs, from two kernels: one computes the gradients of weight and bias from `x`,
    /// `weight`, `bias`, `mean`, `rstd` and `dy`, the other the gradient of `x`.
    pub(crate) fn gradients(
        &self,
        of_affine: &impl Kernel<6, 2>,
        of_input: &impl Kernel<10, 1>,
        [dy, dmean, dvariance]: [&Tensor; 3],
        [needed_x, needed_weight, needed_bias]: [bool; 3],
    ) -> Result<[Option<Tensor>; 3]> {
        let Self { x, weight, bias, mean, rstd } = self;
        if [needed_x, needed_weight, needed_bias] == [false; 3] {
            return Ok([None, None, None]);
        }
        let [dweight, dbias] = tensor::run(of_affine, [x, weight, bias, mean, rstd, dy])?;
        let dx = if_needed(needed_x, || {
            let inputs = [x, dy, weight, bias, mean, rstd, &dweight, &dbias, dmean, dvariance];
            let [dx] = tensor::run(of_input, inputs)?;
            Ok(dx)
        })?;
        let dweight = if_needed(needed_weight, || cast(&dweight, x.dtype()))?;
        let dbias = if_needed(needed_bias, || cast(&dbias, x.dtype()))?;
        Ok([dx, dweight, dbias])
    }
}

impl Op<3, 3> for BatchNorm {
    const NAME: &'static str = "batch_norm";

    type Saved = Saved;

    fn saved_tensors(saved: &Saved) -> Option<Vec<&Tensor>> {
        Some(saved.tensors())
    }

    fn forward(&self, inputs: [&Tensor; 3]) -> Result<([Tensor; 3], Saved)> {
        let [y, mean, variance, rstd] = tensor::run(self, inputs)?;
        let saved = Saved::new(inputs, &mean, rstd);
        Ok(([y, mean, variance], saved))
    }

    fn backward(
        &self,
        saved: &Saved,
        grad_outputs: [&Tensor; 3],
        needed: [bool; 3],
    ) -> Result<[Option<Tensor>; 3]> {
        let activation = self.activation;
        let (of_affine, of_input) = (BatchNormGradAffine { activation }, BatchNormGradInput { activation });
        saved.gradients(&of_affine, &of_input, grad_outputs, needed)
    }
}

impl<'t> Var<'t> {
    /// Normalises each channel of `[n, c, ..]` over the batch, then applies the weight `[c]` and the bias `[c]` of
    /// `affine` if given. Returns `[y, mean, variance]`: `y` in the shape of the input, and the mean and the unbiased
    /// variance of each channel, `[c]`, in the accumulator type.
    ///
    /// # Errors
    /// If the shapes do not match, a channel has a single value, or `eps` is not positive.
    pub fn batch_norm(&self, affine: Option<[&Self; 2]>, eps: f64) -> Result<[Self; 3]> {
        let [weight, bias] = self.affine_or_identity(affine)?;
        self.tape.apply(BatchNorm::new(eps), [self, &weight, &bias])
    }

    /// [`Var::batch_norm`] followed by [`Var::relu`] of its first output, as one operation.
    ///
    /// # Errors
    /// As [`Var::batch_norm`].
    pub fn batch_norm_relu(&self, affine: Option<[&Self; 2]>, eps: f64) -> Result<[Self; 3]> {
        let [weight, bias] = self.affine_or_identity(affine)?;
        self.tape.apply(BatchNorm { eps, activation: FusedActivation::Relu }, [self, &weight, &bias])
    }

    /// The given weight and bias of each channel, or constant ones and zeros.
    pub(crate) fn affine_or_identity(&self, affine: Option<[&Self; 2]>) -> Result<[Self; 2]> {
        if let Some(affine) = affine {
            return Ok(affine.map(Self::clone));
        }
        // The operation rejects a shape without channels.
        let channels = self.shape().get(1).copied().unwrap_or(0);
        let repeated = |value| {
            let number = self.value.scalar_like(value, self.value.dtype())?;
            self.tape.constant(&number).broadcast_to(&[channels])
        };
        Ok([repeated(1.0)?, repeated(0.0)?])
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn the_returned_variance_is_unbiased_and_the_normalising_one_is_biased() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::from_slice(&[1.0f32, 3.0], &[2, 1]).unwrap());
        let [y, mean, variance] = x.batch_norm(None, 1e-12).unwrap();
        assert_eq!(y.value().to_f64_vec(), [-1.0, 1.0]);
        assert_eq!((mean.value().item(), variance.value().item()), (Ok(2.0), Ok(2.0)));
    }

    #[test]
    fn a_channel_far_from_zero_keeps_its_precision_in_either_layout() {
        let values: Vec<f32> = (0..400).map(|i| 10_000.0 + if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        for shape in [vec![400, 1], vec![4, 1, 10, 10]] {
            let tape = Tape::new();
            let x = tape.input(&Tensor::from_slice(&values, &shape).unwrap());
            let [y, mean, _] = x.batch_norm(None, 1e-12).unwrap();
            assert_eq!(mean.value().item(), Ok(10_000.0));
            assert!(y.value().to_f64_vec().iter().all(|y| y.abs() == 1.0), "{shape:?}");
        }
    }

    #[test]
    fn a_constant_channel_is_zero_and_huge_values_keep_their_proportions_in_either_layout() {
        for dtype in [DType::F64, DType::F32, DType::BF16] {
            for shape in [vec![30, 1], vec![5, 1, 3, 2], vec![1, 1, 30]] {
                let normed = |value: &dyn Fn(usize) -> f64| {
                    let values: Vec<f64> = (0..30).map(value).collect();
                    let tape = Tape::new();
                    let x = tape.input(&Tensor::from_slice(&values, &shape).unwrap().to_dtype(dtype));
                    let [weight, bias] =
                        [1.0, 0.0].map(|value| tape.input(&Tensor::full(value, &[1], dtype)));
                    let [y, mean, _] = x.batch_norm(Some([&weight, &bias]), 1e-5).unwrap();
                    let dy = Tensor::full(1.0, &shape, dtype);
                    let gradients = tape.backward_from(&y.mul(&y).unwrap(), dy).unwrap();
                    let dweight = gradients.of(&weight).unwrap().item().unwrap();
                    (y.value().to_f64_vec(), mean.value().item().unwrap(), dweight)
                };
                let (y, mean, _) = normed(&|_| 3.3e7);
                let constant = Tensor::full(3.3e7, &[], dtype).item().unwrap();
                assert_eq!((y, mean), (vec![0.0; 30], constant), "a constant {shape:?} in {dtype}");
                for size in [1e20, 1e30] {
                    let sign = |i: usize| if i.is_multiple_of(2) { 1.0 } else { -1.0 };
                    let (y, _, dweight) = normed(&|i| sign(i) * size);
                    let off = |(i, y): (usize, &f64)| (y - sign(i)).abs();
                    let worst = y.iter().enumerate().map(off).fold(0.0, f64::max);
                    assert!(worst <= 8.0 * dtype.epsilon(), "{size:e} {shape:?} in {dtype}: {y:?}");
                    // The gradient of the sum of y^2 with respect to the weight is 2 sum(y^2).
                    assert!(
                        (dweight - 60.0).abs() <= 60.0 * 8.0 * dtype.epsilon(),
                        "{size:e} {dtype}: {dweight}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_eps_of_zero_or_below_is_refused() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[2, 3], DType::F32));
        let statistic = Tensor::full(1.0, &[3], DType::F32);
        for eps in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let message = x.batch_norm(None, eps).unwrap_err().to_string();
            assert!(message.starts_with("batch_norm: expected an eps in"), "{message}");
            let message = x.batch_norm_running(None, &statistic, &statistic, eps).unwrap_err().to_string();
            assert!(message.starts_with("batch_norm_running: expected an eps in"), "{message}");
        }
    }

    #[test]
    fn a_batch_of_one_value_is_an_error() {
        let tape = Tape::new();
        let of = |shape: &[usize]| tape.input(&Tensor::zeros(shape, DType::F32));
        let message = of(&[1, 3]).batch_norm(None, 1e-5).unwrap_err().to_string();
        let expected = "at least two values per channel in training, since one value has no variance";
        assert_eq!(message, format!("batch_norm: expected {expected}, got [1, 3]"));
        assert!(of(&[1, 3, 1, 1]).batch_norm(None, 1e-5).is_err());
        assert!(of(&[0, 3, 2, 2]).batch_norm(None, 1e-5).is_err());
        assert!(of(&[4]).batch_norm(None, 1e-5).is_err());
        assert!(of(&[1, 3, 1, 2]).batch_norm(None, 1e-5).is_ok());
    }
}
