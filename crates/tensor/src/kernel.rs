//! The interface of a kernel: shapes, element types, a readable reference, and a fast path where it matters.

use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD};

use crate::gpu::Call;
use crate::{DType, Error, Real, Result, Tensor};

/// A computation of `M` output tensors from `N` input tensors.
///
/// The **reference** is readable and generic over the accumulator type; in `f64` it is the ground truth of the tests.
/// Its arrays are never of a 16-bit type: [`run`](crate::run) widens inputs and rounds outputs in one place. The **fast
/// path** is for `f32` on the CPU and is tested against the reference.
///
/// ```
/// use agon_tensor::{DType, Error, Kernel, Real, Result, Tensor};
/// use ndarray::{ArrayD, ArrayViewD, Axis};
///
/// /// The largest element of each row of `[n, d]`.
/// struct RowMax;
///
/// impl Kernel<1, 1> for RowMax {
///     fn name(&self) -> &'static str {
///         "row_max"
///     }
///
///     fn shapes(&self, [x]: [&[usize]; 1]) -> Result<[Vec<usize>; 1]> {
///         match *x {
///             [n, d] if d > 0 => Ok([vec![n]]),
///             _ => Err(Error::shape("row_max", "[n, d] with d above 0", &[x])),
///         }
///     }
///
///     fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
///         [x.map_axis(Axis(1), |row| row.fold(A::neg_infinity(), |max, &x| max.max(x)))]
///     }
/// }
///
/// let x = Tensor::from_vec(vec![1.0f32, 3.0, -5.0, -4.0], &[2, 2])?;
/// for dtype in DType::ALL {
///     let [max] = agon_tensor::run(&RowMax, [&x.to_dtype(dtype)])?;
///     assert_eq!((max.dtype(), max.to_f64_vec()), (dtype, vec![3.0, -4.0]));
/// }
/// # Ok::<(), Error>(())
/// ```
pub trait Kernel<const N: usize, const M: usize>: Sync {
    /// The name used in error messages and benchmarks.
    fn name(&self) -> &'static str;

    /// The shapes of the outputs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the kernel does not support inputs of these shapes.
    fn shapes(&self, inputs: [&[usize]; N]) -> Result<[Vec<usize>; M]>;

    /// The element type of each input. At least one is [`Storage::Same`], which defines the element type of the call.
    fn input_dtypes(&self) -> [Storage; N] {
        [Storage::Same; N]
    }

    /// The element type of each output.
    fn output_dtypes(&self) -> [Storage; M] {
        [Storage::Same; M]
    }

    /// The floating-point operations of matrix multiplications and convolutions in this kernel, for inputs of these shapes.
    ///
    /// A multiplication and an addition count one each, so `[m, k]` times `[k, n]` counts `2 m k n`. A convolution
    /// counts every kernel offset of every output pixel, including those that read padding. Element-wise operations
    /// count zero, so most kernels keep this default; unsupported shapes count zero too.
    fn flops(&self, _inputs: [&[usize]; N]) -> u64 {
        0
    }

    // ANCHOR: implementations
    /// The reference implementation, written for readability.
    fn reference<A: Real>(&self, inputs: [ArrayViewD<'_, A>; N]) -> [ArrayD<A>; M];

    /// Launches the kernel on a GPU. It must write every element of the outputs. The default is for kernels without a
    /// CUDA version.
    ///
    /// # Errors
    /// [`Error::NoCudaKernel`] by default; the errors of [`Call::launch`].
    fn launch(&self, call: Call<'_>, inputs: [&Tensor; N], outputs: [&Tensor; M]) -> Result<()> {
        let _ = (call, inputs, outputs);
        Err(Error::NoCudaKernel { kernel: self.name().into() })
    }

    /// Computes the outputs by a fast path for `f32`; returns `false` if there is none for these inputs.
    ///
    /// On entry the outputs have the lengths of [`Kernel::shapes`] and arbitrary content.
    fn fast(&self, _inputs: [Slice<'_>; N], _outputs: [&mut [f32]; M]) -> bool {
        false
    }
    // ANCHOR_END: implementations
}

/// The element type of an input or output, relative to the element type of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// The element type of the call.
    Same,
    /// The accumulator type of the call, which keeps, for example, the precision of a loss of 16-bit inputs.
    Accumulator,
    /// A fixed type, independent of the call.
    As(DType),
}

impl Storage {
    /// The element type in a call with element type `call`.
    pub(crate) fn dtype(self, call: DType) -> DType {
        match self {
            Self::Same => call,
            Self::Accumulator => call.accumulator(),
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

/// A computation that updates `S` tensors in place from `N` inputs, such as an optimiser's step.
pub trait Update<const S: usize, const N: usize>: Sync {
    /// The name used in error messages and benchmarks.
    fn name(&self) -> &'static str;

    /// The reference implementation. All tensors have the same shape.
    fn reference<A: Real>(&self, state: [ArrayViewMutD<'_, A>; S], inputs: [ArrayViewD<'_, A>; N]);

    /// Launches the update of all these tensors on a GPU. The default is for updates without a CUDA version.
    ///
    /// # Errors
    /// As [`Kernel::launch`].
    fn launch(&self, call: Call<'_>, all: &[([&Tensor; S], [&Tensor; N])]) -> Result<()> {
        let _ = (call, all);
        Err(Error::NoCudaKernel { kernel: self.name().into() })
    }

    /// Updates the state by a fast path for `f32`; returns `false` if there is none.
    fn fast(&self, _state: [&mut [f32]; S], _inputs: [&[f32]; N]) -> bool {
        false
    }
}
