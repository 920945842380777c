//! Variables: values on a tape.

use tensor::Tensor;

use crate::Tape;

/// A variable: a value on a tape. It borrows the tape, so the graph cannot outlive its tape.
///
/// ```
/// use agon_autograd::{Tape, Var};
/// use tensor::Tensor;
///
/// /// Works for any tape, in training and in evaluation.
/// fn distance<'t>(x: &Var<'t>, y: &Var<'t>) -> agon_autograd::Result<Var<'t>> {
///     x.sub(y)?.square()?.sum()?.sqrt()
/// }
///
/// let tape = Tape::without_gradients();
/// let point = |x, y| Tensor::from_vec(vec![x, y], &[2]).map(|point| tape.constant(&point));
/// assert_eq!(distance(&point(0.0, 0.0)?, &point(3.0, 4.0)?)?.value().item()?, 5.0);
/// # Ok::<(), agon_autograd::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Var<'t> {
    pub(crate) tape: &'t Tape,
    pub(crate) value: Tensor,
    /// The slot of its gradient; `None` for a constant.
    pub(crate) slot: Option<usize>,
}

impl<'t> Var<'t> {
    /// The tape of the variable.
    pub fn tape(&self) -> &'t Tape {
        self.tape
    }

    /// The computed tensor.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// The same value as a constant, detached from the graph.
    pub fn detach(&self) -> Self {
        self.tape.constant(&self.value)
    }
}
