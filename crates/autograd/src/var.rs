//! Variables: values on a tape.

use tensor::Tensor;

use crate::Tape;

/// A variable: a value on a tape. It borrows the tape, so a graph cannot outlive its step.
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
