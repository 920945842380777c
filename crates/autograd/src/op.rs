//! What an operation has to say to be differentiated.

use std::fmt;

use tensor::Tensor;

use crate::Result;

/// A differentiable operation from `N` inputs to `M` outputs.
///
/// The inputs are the differentiable ones; labels, masks and strides are fields of the operation. It knows
/// nothing of devices: it computes with [`tensor::run`].
pub trait Op<const N: usize, const M: usize = 1>: fmt::Debug + Send + 'static {
    /// The name in error messages.
    const NAME: &'static str;

    /// What `backward` needs to remember, and no more.
    type Saved: Send + 'static;

    /// Computes the outputs.
    ///
    /// # Errors
    /// If the operation does not take these inputs.
    fn forward(&self, inputs: [&Tensor; N]) -> Result<([Tensor; M], Self::Saved)>;

    /// The contributions to the gradients of the wanted inputs, from the gradients of the outputs.
    ///
    /// It returns `Some` for exactly the wanted inputs. It adds nothing up and never asks who else uses an
    /// input: that is [`Tape::backward`](crate::Tape::backward)'s work.
    ///
    /// # Errors
    /// If a kernel fails.
    fn backward(
        &self,
        saved: &Self::Saved,
        douts: [&Tensor; M],
        wanted: [bool; N],
    ) -> Result<[Option<Tensor>; N]>;
}

/// Computes a contribution if it is wanted.
pub(crate) fn if_wanted(wanted: bool, compute: impl FnOnce() -> Result<Tensor>) -> Result<Option<Tensor>> {
    wanted.then(compute).transpose()
}
