//! Batch normalisation in training mode, max-pooling and ReLU, fused in one operation.

#[cfg(feature = "testing")]
mod cases;
mod fast;
mod kernels;
#[cfg(test)]
mod tests;

use tensor::Tensor;

use self::kernels::{GradAffine, GradInput, Pooled};
use crate::ops::batch_norm::Saved;
use crate::ops::max_pool2d::MaxPool2d;
use crate::ops::max_pool2d::windows::Largest;
use crate::{Op, Result, Var};

/// `y = relu(max over each window of (x - mean) / sqrt(variance + eps) * weight + bias)`, for images `x: [n, c, h, w]`
/// and `weight`, `bias: [c]`; the outputs are those of [`BatchNorm`](crate::ops::batch_norm::BatchNorm), with `y` pooled.
///
/// ReLU is monotone, so it may be applied before or after the maximum with the same result. The gradient of a window
/// goes to its first maximum in row-major order, or to its first NaN; where `y` is zero, the gradient is zero.
///
/// Only `x` and the statistics are saved: the backward pass normalises each plane again while it is in the cache, and
/// finds the same maxima. With windows of 2 x 2, the forward pass reads `x` twice and writes a quarter of it; the
/// backward pass reads `x` and the gradient of that quarter twice and writes the gradient of `x`. These are 5.75 passes
/// over memory, where three separate operations take 16 with the pool last and 12.25 with the ReLU last. Storing the
/// index of each maximum would not save a pass, since the sums read all of `x` anyway. In 32 and 64 bits all results
/// equal those of the three operations, bit for bit; in 16 bits they do not, because the maximum is taken before
/// rounding.
#[derive(Debug, Clone, Copy)]
pub struct BatchNormPool {
    /// Added to the variance; positive, and representable in 32 bits.
    pub eps: f64,
    /// The windows of the max-pooling.
    pub pool: MaxPool2d,
}

impl Op<3, 3> for BatchNormPool {
    const NAME: &'static str = "batch_norm_pool";

    /// The inputs and statistics of the normalisation, and the windows.
    type Saved = (Saved, Largest);

    fn saved_tensors((saved, _): &Self::Saved) -> Option<Vec<&Tensor>> {
        Some(saved.tensors())
    }

    fn forward(&self, inputs: [&Tensor; 3]) -> Result<([Tensor; 3], Self::Saved)> {
        let largest = self.pool.largest(inputs[0].shape())?;
        let [y, mean, variance, rstd] = tensor::run(&Pooled { eps: self.eps, largest: &largest }, inputs)?;
        let saved = Saved::new(inputs, &mean, rstd);
        Ok(([y, mean, variance], (saved, largest)))
    }

    fn backward(
        &self,
        (saved, largest): &Self::Saved,
        grad_outputs: [&Tensor; 3],
        needed: [bool; 3],
    ) -> Result<[Option<Tensor>; 3]> {
        saved.gradients(&GradAffine { largest }, &GradInput { largest }, grad_outputs, needed)
    }
}

impl<'t> Var<'t> {
    /// [`Var::batch_norm`] of images `[n, c, h, w]` followed by [`Var::max_pool2d`] and [`Var::relu`] of its first
    /// output, as one operation.
    ///
    /// # Errors
    /// As the three separate operations.
    pub fn batch_norm_pool(
        &self,
        affine: Option<[&Self; 2]>,
        eps: f64,
        pool: MaxPool2d,
    ) -> Result<[Self; 3]> {
        let [weight, bias] = self.affine_or_identity(affine)?;
        self.tape.apply(BatchNormPool { eps, pool }, [self, &weight, &bias])
    }
}
