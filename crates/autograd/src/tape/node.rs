//! A recorded operation and its backward pass.

use std::ops::Range;

use tensor::Tensor;

use crate::{Op, Result};

/// A recorded operation.
pub(super) struct Node {
    recorded: Box<dyn Backward>,
    /// The slots of the inputs; `None` for constants.
    inputs: Vec<Option<usize>>,
    /// The slots of the outputs.
    outputs: Range<usize>,
}

impl Node {
    /// Records `op` with its saved data; its outputs take the slots from `first_output` on.
    pub(super) fn new<O: Op<N, M>, const N: usize, const M: usize>(
        op: O,
        saved: O::Saved,
        inputs: [Option<usize>; N],
        first_output: usize,
    ) -> Self {
        let outputs = first_output..first_output + M;
        Self { recorded: Box::new(Recorded { op, saved }), inputs: inputs.into(), outputs }
    }

    pub(super) fn outputs(&self) -> Range<usize> {
        self.outputs.clone()
    }

    pub(super) fn name(&self) -> &'static str {
        self.recorded.name()
    }

    /// Returns the slot of each input and the contribution to its gradient.
    pub(super) fn backward(&self, grad_outputs: &[Tensor]) -> Result<Vec<(Option<usize>, Option<Tensor>)>> {
        let contributions = self.recorded.backward(grad_outputs, &self.inputs)?;
        Ok(self.inputs.iter().copied().zip(contributions).collect())
    }
}

/// A type-erased [`Op`] with its saved data.
trait Backward: Send {
    fn backward(&self, grad_outputs: &[Tensor], inputs: &[Option<usize>]) -> Result<Vec<Option<Tensor>>>;
    fn name(&self) -> &'static str;
}

struct Recorded<O: Op<N, M>, const N: usize, const M: usize> {
    op: O,
    saved: O::Saved,
}

impl<O: Op<N, M>, const N: usize, const M: usize> Backward for Recorded<O, N, M> {
    fn backward(&self, grad_outputs: &[Tensor], inputs: &[Option<usize>]) -> Result<Vec<Option<Tensor>>> {
        let grad_outputs = std::array::from_fn(|output| &grad_outputs[output]);
        let needed = std::array::from_fn(|input| inputs[input].is_some());
        Ok(self.op.backward(&self.saved, grad_outputs, needed)?.into())
    }

    fn name(&self) -> &'static str {
        O::NAME
    }
}

/// Checks that the weight has the shape, the element type and the device of the output.
pub(super) fn check_weight(output: &Tensor, weight: &Tensor) -> Result<()> {
    let op = || "backward".into();
    if output.shape() != weight.shape() {
        let got = [output.shape(), weight.shape()];
        return Err(tensor::Error::shape("backward", "a weight of the output's shape", &got).into());
    }
    if output.dtype() != weight.dtype() {
        let got = format!("an output of {} and a weight of {}", output.dtype(), weight.dtype());
        return Err(tensor::Error::MixedDTypes { op: op(), got }.into());
    }
    if output.device() != weight.device() {
        let got = format!("an output on {} and a weight on {}", output.device(), weight.device());
        return Err(tensor::Error::MixedDevices { op: op(), got }.into());
    }
    Ok(())
}
