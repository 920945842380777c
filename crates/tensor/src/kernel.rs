//! What a computation has to say to be run: shapes, a readable reference, and a fast path where it matters.

use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD};

use crate::gpu::Call;
use crate::{DType, Real, Result, Tensor};

/// A computation from `N` tensors to `M` new ones.
///
/// The **reference** is written to be read and is generic over the type of arithmetic, so that in `f64`
/// it is also the oracle. It never meets a 16-bit type: [`run`](crate::run) widens what is loaded and
/// narrows what is stored, in one place. The **fast path** is for `f32` on the processor and is judged by
/// the reference.
pub trait Kernel<const N: usize, const M: usize>: Sync {
    /// The name in error messages and benchmarks.
    fn name(&self) -> &'static str;

    /// The shapes of the outputs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the kernel does not take inputs of these shapes.
    fn shapes(&self, inputs: [&[usize]; N]) -> Result<[Vec<usize>; M]>;

    /// How each input is loaded; at least one is [`Stored::AsInput`] and gives the type of the call.
    fn loaded(&self) -> [Stored; N] {
        [Stored::AsInput; N]
    }

    /// How each output is stored.
    fn stored(&self) -> [Stored; M] {
        [Stored::AsInput; M]
    }

    /// The computation, as plainly as it can be written.
    fn reference<A: Real>(&self, inputs: [ArrayViewD<'_, A>; N]) -> [ArrayD<A>; M];

    /// Launches the same function on a GPU: every element of the outputs is written.
    ///
    /// # Errors
    /// If a launch fails.
    fn launch(&self, call: Call<'_>, inputs: [&Tensor; N], outputs: [&Tensor; M]) -> Result<()>;

    /// The floating-point operations of the matrix products in this kernel, for inputs of these shapes.
    ///
    /// A multiplication and an addition count one each, so `[m, k]` times `[k, n]` counts `2 m k n`. A convolution
    /// counts every tap of every output pixel, also the taps that read padding, which are multiplied like any other.
    /// What is done element by element counts nothing, so most kernels keep this default; neither do shapes that the
    /// kernel does not take.
    fn flops(&self, _inputs: [&[usize]; N]) -> u64 {
        0
    }

    /// The same function for `f32`, fast; `false` if there is none for these inputs.
    ///
    /// The outputs hold arbitrary numbers on entry and have the lengths of [`Kernel::shapes`].
    fn fast(&self, _inputs: [Slice<'_>; N], _outputs: [&mut [f32]; M]) -> bool {
        false
    }
}

/// The type in which an input or output is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// In the type of the call, which is the type of the inputs.
    AsInput,
    /// In the accumulator type of the call, so that a loss of 16-bit numbers keeps its digits.
    AsAccumulator,
    /// In this type, whatever the call's type is.
    As(DType),
}

impl Stored {
    /// The type, in a call of type `call`.
    pub(crate) fn dtype(self, call: DType) -> DType {
        match self {
            Self::AsInput => call,
            Self::AsAccumulator => call.accumulator(),
            Self::As(dtype) => dtype,
        }
    }
}

/// The `f32` elements of an input in row-major order, with its shape.
#[derive(Debug, Clone, Copy)]
pub struct Slice<'a> {
    /// The elements.
    pub data: &'a [f32],
    /// The sizes of the axes.
    pub shape: &'a [usize],
}

/// A computation that rewrites `S` tensors in place from `N` others, such as an optimiser's step.
pub trait Update<const S: usize, const N: usize>: Sync {
    /// The name in error messages and benchmarks.
    fn name(&self) -> &'static str;

    /// The update, as plainly as it can be written. All tensors have one shape.
    fn reference<A: Real>(&self, state: [ArrayViewMutD<'_, A>; S], inputs: [ArrayViewD<'_, A>; N]);

    /// Launches the same update on a GPU, of all these tensors.
    ///
    /// # Errors
    /// If a launch fails.
    fn launch(&self, call: Call<'_>, all: &[([&Tensor; S], [&Tensor; N])]) -> Result<()>;

    /// The same update for `f32`, fast; `false` if there is none.
    fn fast(&self, _state: [&mut [f32]; S], _inputs: [&[f32]; N]) -> bool {
        false
    }
}
