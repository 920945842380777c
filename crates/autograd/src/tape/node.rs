//! A recorded operation and its backward pass.

use std::ops::Range;

use tensor::Tensor;

use crate::{Op, Result, Var};

/// A recorded operation.
pub(super) struct Node {
    recorded: Box<dyn Backward>,
    /// The slots of the inputs; `None` for constants.
    inputs: Vec<Option<usize>>,
    /// The slots of the outputs.
    outputs: Range<usize>,
    /// The shapes of the constants among the inputs, in order.
    constants: Vec<Vec<usize>>,
    /// The FLOPs of the forward pass, as counted by its kernels.
    flops: u64,
}

impl Node {
    /// Records `op` with its saved data; the slots of its outputs start at `first_output`.
    pub(super) fn new<O: Op<N, M>, const N: usize, const M: usize>(
        op: O,
        saved: O::Saved,
        inputs: [&Var<'_>; N],
        first_output: usize,
        flops: u64,
    ) -> Self {
        let constants = inputs.iter().filter(|input| input.slot.is_none());
        Self {
            constants: constants.map(|input| input.shape().to_vec()).collect(),
            inputs: inputs.iter().map(|input| input.slot).collect(),
            outputs: first_output..first_output + M,
            recorded: Box::new(Recorded { op, saved }),
            flops,
        }
    }

    pub(super) fn outputs(&self) -> Range<usize> {
        self.outputs.clone()
    }

    pub(super) fn name(&self) -> &'static str {
        self.recorded.name()
    }

    pub(super) fn flops(&self) -> u64 {
        self.flops
    }

    /// The bytes of the saved tensors, if they are known.
    pub(super) fn saved_bytes(&self) -> Option<usize> {
        self.recorded.saved_bytes()
    }

    /// For each input, its slot or the shape of a constant.
    pub(super) fn inputs(&self) -> impl Iterator<Item = std::result::Result<usize, &[usize]>> {
        let mut constants = self.constants.iter();
        self.inputs
            .iter()
            .map(move |slot| slot.ok_or_else(|| constants.next().map_or(&[][..], Vec::as_slice)))
    }

    /// Returns, for each input, its slot and the contribution to its gradient.
    pub(super) fn backward(&self, grad_outputs: &[Tensor]) -> Result<Vec<(Option<usize>, Option<Tensor>)>> {
        let contributions = self.recorded.backward(grad_outputs, &self.inputs)?;
        Ok(self.inputs.iter().copied().zip(contributions).collect())
    }
}

/// A type-erased [`Op`] with its saved data.
trait Backward: Send {
    fn backward(&self, grad_outputs: &[Tensor], inputs: &[Option<usize>]) -> Result<Vec<Option<Tensor>>>;
    fn name(&self) -> &'static str;
    fn saved_bytes(&self) -> Option<usize>;
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

    fn saved_bytes(&self) -> Option<usize> {
        let bytes = |tensor: &Tensor| tensor.len() * tensor.dtype().size();
        Some(O::saved_tensors(&self.saved)?.into_iter().map(bytes).sum())
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
