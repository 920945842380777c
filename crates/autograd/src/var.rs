//! A value on a tape.

use tensor::Tensor;

use crate::Tape;

/// A value on a tape. It borrows the tape, so a graph cannot outlive its step.
#[derive(Debug, Clone)]
pub struct Var<'t> {
    pub(crate) tape: &'t Tape,
    pub(crate) value: Tensor,
    /// Where its gradient is added up; none if it is a constant.
    pub(crate) slot: Option<usize>,
}

impl<'t> Var<'t> {
    /// The tape it is on.
    pub fn tape(&self) -> &'t Tape {
        self.tape
    }

    /// What was computed.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// The same value, cut off from everything that it was computed from.
    pub fn detach(&self) -> Self {
        self.tape.constant(&self.value)
    }
}
