//! The interface of a differentiable operation.

use std::any::Any;
use std::fmt;

use tensor::{DType, Device, Kernel, Tensor};

use crate::{Error, Result};

/// A differentiable operation with `N` inputs and `M` outputs.
///
/// The inputs of an operation are tensors with gradients; labels, masks and strides are fields of the operation.
/// Operations are device-independent: they compute with [`tensor::run`], which returns an error on a GPU for a kernel
/// without a CUDA launch.
///
/// An operation of another crate is recorded by [`Tape::apply`](crate::Tape::apply) and checked by
/// [`gradcheck`](fn@crate::gradcheck):
///
/// ```
/// use agon_autograd::{Op, Result, Var, gradcheck, run_if};
/// use tensor::{Map, Map2, Real, Tensor};
///
/// /// `ln(1 + e^x)`, element-wise.
/// #[derive(Debug, Clone, Copy)]
/// struct Softplus;
///
/// impl Map for Softplus {
///     const NAME: &'static str = "softplus";
///
///     fn formula<A: Real>(&self, x: A) -> A {
///         x.max(A::zero()) + (-x.abs()).exp().ln_1p()
///     }
/// }
///
/// /// `dx = dy / (1 + e^-x)`
/// #[derive(Debug, Clone, Copy)]
/// struct SoftplusGrad;
///
/// impl Map2 for SoftplusGrad {
///     const NAME: &'static str = "softplus_grad";
///
///     fn formula<A: Real>(&self, x: A, dy: A) -> A {
///         dy / (A::one() + (-x).exp())
///     }
/// }
///
/// impl Op<1> for Softplus {
///     const NAME: &'static str = "softplus";
///
///     /// The input.
///     type Saved = Tensor;
///
///     fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
///         Ok((tensor::run(self, [x])?, x.clone()))
///     }
///
///     fn backward(&self, x: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
///         Ok([run_if(needed, &SoftplusGrad, [x, dy])?])
///     }
/// }
///
/// fn softplus<'t>(x: &Var<'t>) -> Result<Var<'t>> {
///     let [y] = x.tape().apply(Softplus, [x])?;
///     Ok(y)
/// }
///
/// let x = Tensor::from_vec(vec![-2.0, 0.0, 0.5, 30.0], &[4])?;
/// gradcheck(|[x]| softplus(&x), [&x])?;
/// # Ok::<(), agon_autograd::Error>(())
/// ```
// ANCHOR: op
pub trait Op<const N: usize, const M: usize = 1>: fmt::Debug + Send + 'static {
    /// The name used in error messages.
    const NAME: &'static str;

    /// The data saved for `backward`.
    type Saved: Send + 'static;

    /// Computes the outputs.
    ///
    /// # Errors
    /// If the operation does not support these inputs.
    fn forward(&self, inputs: [&Tensor; N]) -> Result<([Tensor; M], Self::Saved)>;

    /// Computes the contributions to the gradients of the `needed` inputs from the gradients of the outputs.
    ///
    /// It returns `Some` for exactly the needed inputs. [`Tape::backward`](crate::Tape::backward) adds up the
    /// contributions of several uses of an input. Each contribution must have the shape, the element type and the
    /// device of its input; otherwise the pass fails with [`Error::InvalidGradient`].
    fn backward(
        &self,
        saved: &Self::Saved,
        grad_outputs: [&Tensor; M],
        needed: [bool; N],
    ) -> Result<[Option<Tensor>; N]>;

    /// The tensors in `saved`, for the saved bytes that [`Tape::view`](crate::Tape::view) shows; `None` if they are
    /// unknown. The default handles a tensor, a pair of tensors, and types without tensors; other types must override
    /// it.
    fn saved_tensors(saved: &Self::Saved) -> Option<Vec<&Tensor>> {
        saved_tensors(saved)
    }
}
// ANCHOR_END: op

/// The tensors in a saved value of a common type.
fn saved_tensors(saved: &dyn Any) -> Option<Vec<&Tensor>> {
    if let Some(saved) = saved.downcast_ref::<Tensor>() {
        return Some(vec![saved]);
    }
    if let Some(saved) = saved.downcast_ref::<[Tensor; 2]>() {
        return Some(saved.iter().collect());
    }
    if let Some(saved) = saved.downcast_ref::<[Tensor; 3]>() {
        return Some(saved.iter().collect());
    }
    if let Some((pair, other)) = saved.downcast_ref::<([Tensor; 2], Option<Tensor>)>() {
        return Some(pair.iter().chain(other).collect());
    }
    let is_plain = saved.is::<()>()
        || saved.is::<usize>()
        || saved.is::<Vec<usize>>()
        || saved.is::<[usize; 2]>()
        || saved.is::<DType>();
    is_plain.then(Vec::new)
}

/// Computes the contribution to a gradient if it is needed, for [`Op::backward`].
///
/// # Errors
/// Those of `compute`.
pub fn if_needed(needed: bool, compute: impl FnOnce() -> Result<Tensor>) -> Result<Option<Tensor>> {
    needed.then(compute).transpose()
}

/// [`if_needed`] for a contribution that one kernel computes.
///
/// # Errors
/// As [`tensor::run`].
pub fn run_if<K: Kernel<N, 1>, const N: usize>(
    needed: bool,
    kernel: &K,
    inputs: [&Tensor; N],
) -> Result<Option<Tensor>> {
    if_needed(needed, || {
        let [contribution] = tensor::run(kernel, inputs)?;
        Ok(contribution)
    })
}

/// The layout of a gradient: the shape, element type and device that it shares with its value.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) shape: Vec<usize>,
    pub(crate) dtype: DType,
    pub(crate) device: Device,
}

impl Layout {
    pub(crate) fn of(value: &Tensor) -> Self {
        Self { shape: value.shape().to_vec(), dtype: value.dtype(), device: value.device() }
    }

    /// A zero gradient, for an output on which the loss does not depend.
    pub(crate) fn zeros(&self) -> Result<Tensor> {
        Ok(Tensor::zeros_on(&self.device, &self.shape, self.dtype)?)
    }

    /// Checks that the gradient returned by the `backward` of `op` for input number `input` has this layout.
    pub(crate) fn admit(&self, op: &'static str, input: usize, gradient: Option<Tensor>) -> Result<Tensor> {
        let Self { shape, dtype, device } = self;
        match gradient {
            Some(g) if g.shape() == shape && g.dtype() == *dtype && g.device() == *device => Ok(g),
            got => {
                let expected = self.to_string();
                let got = got.map_or("none".to_owned(), |got| Self::of(&got).to_string());
                Err(Error::InvalidGradient { op, input, expected, got })
            }
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} on {}", self.dtype, self.shape, self.device)
    }
}
