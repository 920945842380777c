//! The tape: operations in the order of computation, and the backward pass over them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use tensor::{Tensor, flops};

use self::anomaly::AnomalyDetector;
use self::kept::{KeptGradients, KeptSlots};
use self::mixed_precision::MixedPrecision;
use self::node::Node;
use crate::op::Layout;
use crate::{Error, Gradients, Op, Param, Result, Var, ops};

mod node;
mod kept;
pub(crate) mod view;
mod mixed_precision;
pub(crate) mod anomaly;

/// The recorded operations of one step, in the order of computation.
///
/// Each value that depends on an input or a parameter has a slot, in which its gradient is accumulated. All other
/// values are constants: they have no slot, and operations on constants only are not recorded.
///
/// ```
/// use agon_autograd::Tape;
/// use tensor::Tensor;
///
/// let tape = Tape::new();
/// let x = tape.input(&Tensor::from_vec(vec![1.0, 2.0, 3.0], &[3])?);
/// let y = x.square()?.sum()?;
/// assert_eq!(tape.backward(&y)?.of(&x)?.to_f64_vec(), [2.0, 4.0, 6.0]);
/// # Ok::<(), agon_autograd::Error>(())
/// ```
#[derive(Default)]
pub struct Tape {
    state: RefCell<State>,
    no_grad: bool,
    mixed_precision: Option<MixedPrecision>,
    anomalies: Option<AnomalyDetector>,
}

#[derive(Default)]
struct State {
    nodes: Vec<Node>,
    /// The layout of the gradient of each slot.
    slots: Vec<Layout>,
    /// The slot of each parameter.
    params: HashMap<u64, usize>,
    kept: KeptSlots,
}

impl Tape {
    /// An empty tape.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty tape that records nothing, for evaluation: its parameters and inputs are constants.
    pub fn without_gradients() -> Self {
        Self { no_grad: true, ..Self::default() }
    }

    /// Whether values on this tape may have gradients.
    pub fn is_recording(&self) -> bool {
        !self.no_grad
    }

    /// Adds a constant, a value without a gradient.
    pub fn constant<'t>(&'t self, value: &Tensor) -> Var<'t> {
        if let Some(anomalies) = &self.anomalies {
            anomalies.check_given(value);
        }
        Var { tape: self, value: value.clone(), slot: None }
    }

    /// Adds an input, a value with a gradient.
    pub fn input<'t>(&'t self, value: &Tensor) -> Var<'t> {
        let slot = (!self.no_grad).then(|| {
            let mut state = self.state.borrow_mut();
            let slot = state.new_slot(value);
            state.kept.insert(slot);
            slot
        });
        Var { tape: self, value: value.clone(), slot }
    }

    /// The variable of a parameter; repeated calls return the same variable. On a [mixed-precision](Self::mixed) tape
    /// it is cast to the computation type, once.
    pub fn param<'t>(&'t self, param: &Param) -> Result<Var<'t>> {
        match &self.mixed_precision {
            Some(mixed) => mixed.param(self, param),
            None => Ok(self.uncast_param(param)),
        }
    }

    /// The variable of a parameter in its own element type.
    fn uncast_param<'t>(&'t self, param: &Param) -> Var<'t> {
        if let Some(anomalies) = &self.anomalies {
            anomalies.check_param(param);
        }
        let known = self.state.borrow().params.get(&param.id()).copied();
        if let Some(slot) = known {
            return Var { tape: self, value: param.value(), slot: Some(slot) };
        }
        let var = self.input(&param.value());
        if let Some(slot) = var.slot {
            self.state.borrow_mut().params.insert(param.id(), slot);
        }
        var
    }

    /// Computes an operation and records it.
    ///
    /// # Errors
    /// If the operation does not support the inputs, or if they are on different tapes.
    pub fn apply<'t, O, const N: usize, const M: usize>(
        &'t self,
        op: O,
        inputs: [&Var<'t>; N],
    ) -> Result<[Var<'t>; M]>
    where
        O: Op<N, M>,
    {
        if inputs.iter().any(|input| !std::ptr::eq(input.tape, self)) {
            return Err(Error::MixedTapes { op: O::NAME });
        }
        let (forward, flops) = flops::count(|| op.forward(inputs.map(|input| &input.value)));
        let (outputs, saved) = forward?;
        if let Some(anomalies) = &self.anomalies {
            anomalies.check_outputs(O::NAME, &outputs);
        }
        if inputs.iter().all(|input| input.slot.is_none()) {
            return Ok(outputs.map(|value| Var { tape: self, value, slot: None }));
        }
        let mut state = self.state.borrow_mut();
        let node = Node::new(op, saved, inputs, state.slots.len(), flops);
        state.nodes.push(node);
        Ok(outputs.map(|value| {
            let slot = Some(state.new_slot(&value));
            Var { tape: self, value, slot }
        }))
    }

    /// Computes the gradients of `loss` with respect to every input and parameter that it depends on.
    ///
    /// # Errors
    /// [`Error::NotALoss`] unless `loss` has exactly one element; or if a kernel fails.
    pub fn backward(&self, loss: &Var<'_>) -> Result<Gradients> {
        if loss.value.len() != 1 {
            return Err(Error::NotALoss { shape: loss.shape().to_vec() });
        }
        let one = loss.value.scalar_like(1.0, loss.value.dtype())?.reshape(loss.shape())?;
        self.backward_from(loss, one)
    }

    /// Computes the gradients of `sum(weight * output)`, a vector-Jacobian product, where `weight` has the shape of
    /// `output`.
    ///
    /// # Errors
    /// If `weight` does not have the shape, the element type and the device of `output`; [`Error::InvalidGradient`] if
    /// an operation's `backward` returns an invalid gradient; or if a kernel fails.
    pub fn backward_from(&self, output: &Var<'_>, weight: Tensor) -> Result<Gradients> {
        node::check_weight(&output.value, &weight)?;
        self.backward_pass(output, weight, ops::add::sum)
    }

    /// The backward pass, with the function `sum` for the accumulation of gradients.
    pub(crate) fn backward_pass(
        &self,
        output: &Var<'_>,
        weight: Tensor,
        sum: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Gradients> {
        let state = self.state.borrow();
        let mut pending: Vec<Option<Tensor>> = vec![None; state.slots.len()];
        if let Some(slot) = output.slot {
            pending[slot] = Some(weight);
        }
        let mut kept = KeptGradients::of(&state.kept);
        // ANCHOR: backward_pass
        for node in state.nodes.iter().rev() {
            // These gradients are complete: all uses of a value come after the operation that computes it.
            let grad_outputs: Vec<_> = node.outputs().map(|slot| (slot, pending[slot].take())).collect();
            grad_outputs.iter().for_each(|(slot, gradient)| kept.note(*slot, gradient.as_ref()));
            if grad_outputs.iter().all(|(_, gradient)| gradient.is_none()) {
                continue;
            }
            let or_zeros = |(slot, gradient): (usize, Option<Tensor>)| match gradient {
                Some(gradient) => Ok(gradient),
                None => state.slots[slot].zeros(),
            };
            let grad_outputs: Vec<Tensor> = grad_outputs.into_iter().map(or_zeros).collect::<Result<_>>()?;
            for (input, (slot, contribution)) in node.backward(&grad_outputs)?.into_iter().enumerate() {
                let Some(slot) = slot else { continue };
                let contribution = state.slots[slot].admit(node.name(), input, contribution)?;
                pending[slot] = Some(match pending[slot].take() {
                    None => contribution,
                    Some(before) => sum(&before, &contribution)?,
                });
            }
        }
        // ANCHOR_END: backward_pass
        pending.iter().enumerate().for_each(|(slot, gradient)| kept.note(slot, gradient.as_ref()));
        Ok(Gradients::new(kept.into_map(), state.params.clone()))
    }
}

impl State {
    fn new_slot(&mut self, value: &Tensor) -> usize {
        self.slots.push(Layout::of(value));
        self.slots.len() - 1
    }
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tape").field("n_operations", &self.state.borrow().nodes.len()).finish()
    }
}

#[cfg(test)]
mod tests;
