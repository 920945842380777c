//! The tape: operations in the order they were computed, and one walk back over them.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use tensor::{DType, Tensor};

use crate::op::Layout;
use crate::watch::{NotFinite, Watch};
use crate::{Error, Gradients, Op, Param, Result, Var, ops};

/// The operations of one step, in the order they were computed.
///
/// Each value that depends on an input or a parameter has a slot, a place where its gradient is added up.
/// Values that depend on neither are constants: they have no slot and nothing is recorded for them.
#[derive(Default)]
pub struct Tape {
    state: RefCell<State>,
    forgetful: bool,
    /// The type in which parameters take part, where it is not their own.
    mixed: Option<DType>,
    watch: Option<RefCell<Watch>>,
}

#[derive(Default)]
struct State {
    nodes: Vec<Node>,
    slots: Vec<Layout>,
    params: HashMap<u64, usize>,
    /// On a mixed tape, parameters as they take part: the value and its slot.
    cast: HashMap<u64, (Tensor, Option<usize>)>,
    kept: HashSet<usize>,
}

/// One operation that was computed.
struct Node {
    backward: Box<dyn Backward>,
    /// The slots of the inputs; `None` for constants.
    inputs: Vec<Option<usize>>,
    /// The slot of the first output; the others follow.
    first_output: usize,
}

/// An [`Op`] together with what it saved, with the counts of inputs and outputs hidden.
trait Backward: Send {
    fn backward(&self, douts: &[Tensor], wanted: &[Option<usize>]) -> Result<Vec<Option<Tensor>>>;
    fn n_outputs(&self) -> usize;
    fn name(&self) -> &'static str;
}

struct Recorded<O: Op<N, M>, const N: usize, const M: usize> {
    op: O,
    saved: O::Saved,
}

impl<O: Op<N, M>, const N: usize, const M: usize> Backward for Recorded<O, N, M> {
    fn backward(&self, douts: &[Tensor], inputs: &[Option<usize>]) -> Result<Vec<Option<Tensor>>> {
        let douts = std::array::from_fn(|output| &douts[output]);
        let wanted = std::array::from_fn(|input| inputs[input].is_some());
        Ok(self.op.backward(&self.saved, douts, wanted)?.into())
    }

    fn n_outputs(&self) -> usize {
        M
    }

    fn name(&self) -> &'static str {
        O::NAME
    }
}

impl Tape {
    /// An empty tape.
    pub fn new() -> Self {
        Self::default()
    }

    /// A tape that records nothing, for evaluation: parameters and inputs on it are constants.
    pub fn without_gradients() -> Self {
        Self { forgetful: true, ..Self::default() }
    }

    /// The same tape in mixed precision: parameters take part in `dtype`, such as one of 16 bits, and their gradients
    /// arrive in the parameter's own type, as do the steps of an optimiser (Micikevicius et al., 2018).
    ///
    /// Only parameters are cast. Inputs are given in the type in which the model is to compute, for instance by
    /// [`Var::to_dtype`]; losses and the statistics of norms are in the accumulator type, as always. Gradients of
    /// `DType::F16` that are too small for it become zero, unless the loss is scaled up.
    pub fn mixed(self, dtype: DType) -> Self {
        Self { mixed: Some(dtype), ..self }
    }

    /// The same tape, looking at every number on it, which is slow: for finding where a computation stopped giving
    /// numbers.
    pub fn watching(self) -> Self {
        Self { watch: Some(RefCell::default()), ..self }
    }

    /// What a [watching](Self::watching) tape found.
    pub fn first_not_finite(&self) -> Option<NotFinite> {
        self.watch.as_ref()?.borrow().found()
    }

    /// A value with no gradient.
    pub fn constant<'t>(&'t self, value: &Tensor) -> Var<'t> {
        if let Some(watch) = &self.watch {
            watch.borrow_mut().look(None, std::slice::from_ref(value));
        }
        Var { tape: self, value: value.clone(), slot: None }
    }

    /// A value whose gradient can be asked for.
    pub fn input<'t>(&'t self, value: &Tensor) -> Var<'t> {
        let slot = (!self.forgetful).then(|| {
            let mut state = self.state.borrow_mut();
            let slot = state.new_slot(value);
            state.kept.insert(slot);
            slot
        });
        Var { tape: self, value: value.clone(), slot }
    }

    /// The value of a parameter; asked for twice, it is one variable. On a [mixed](Self::mixed) tape it is cast once.
    ///
    /// # Errors
    /// If the kernel that casts it fails.
    pub fn param<'t>(&'t self, param: &Param) -> Result<Var<'t>> {
        let Some(dtype) = self.mixed else { return Ok(self.own_param(param)) };
        let known = self.state.borrow().cast.get(&param.id()).cloned();
        if let Some((value, slot)) = known {
            return Ok(Var { tape: self, value, slot });
        }
        let var = self.own_param(param).to_dtype(dtype)?;
        self.state.borrow_mut().cast.insert(param.id(), (var.value.clone(), var.slot));
        Ok(var)
    }

    /// A parameter in its own type.
    fn own_param<'t>(&'t self, param: &Param) -> Var<'t> {
        if let Some(watch) = &self.watch {
            watch.borrow_mut().param(param);
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

    /// Lets [`Gradients::of`] answer for a value in the middle of the graph.
    pub fn keep(&self, var: &Var<'_>) {
        if let Some(slot) = var.slot {
            self.state.borrow_mut().kept.insert(slot);
        }
    }

    /// Computes an operation and records it.
    ///
    /// # Errors
    /// If the operation refuses the inputs or they are on different tapes.
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
        let (outputs, saved) = op.forward(inputs.map(|input| &input.value))?;
        if let Some(watch) = &self.watch {
            watch.borrow_mut().look(Some(O::NAME), &outputs);
        }
        let slots = inputs.map(|input| input.slot);
        if slots.iter().all(Option::is_none) {
            return Ok(outputs.map(|value| Var { tape: self, value, slot: None }));
        }
        let mut state = self.state.borrow_mut();
        let first_output = state.slots.len();
        let outputs = outputs.map(|value| {
            let slot = Some(state.new_slot(&value));
            Var { tape: self, value, slot }
        });
        let backward = Box::new(Recorded { op, saved });
        state.nodes.push(Node { backward, inputs: slots.into(), first_output });
        Ok(outputs)
    }

    /// The gradients of `loss` by every input and parameter that it depends on.
    ///
    /// # Errors
    /// [`Error::NotALoss`] unless `loss` has exactly one element, or if a kernel fails.
    pub fn backward(&self, loss: &Var<'_>) -> Result<Gradients> {
        if loss.value.len() != 1 {
            return Err(Error::NotALoss { shape: loss.shape().to_vec() });
        }
        let one = loss.value.number_like(1.0, loss.value.dtype())?.reshape(loss.shape())?;
        self.backward_from(loss, one)
    }

    /// The gradients of `sum(weight * output)`: a vector-Jacobian product.
    ///
    /// # Errors
    /// If `weight` does not have the shape, the element type and the device of `output`; [`Error::InvalidGradient`] if
    /// an operation's `backward` returns what cannot be a gradient; or if a kernel fails.
    pub fn backward_from(&self, output: &Var<'_>, weight: Tensor) -> Result<Gradients> {
        if output.shape() != weight.shape() {
            let got = [output.shape(), weight.shape()];
            return Err(tensor::Error::shape("backward", "a weight of the output's shape", &got).into());
        }
        if output.value.dtype() != weight.dtype() {
            let got = format!("an output of {} and a weight of {}", output.value.dtype(), weight.dtype());
            return Err(tensor::Error::MixedDTypes { op: "backward".into(), got }.into());
        }
        if output.value.device() != weight.device() {
            let got = format!("an output on {} and a weight on {}", output.value.device(), weight.device());
            return Err(tensor::Error::MixedDevices { op: "backward".into(), got }.into());
        }
        self.walk_back(output, weight, ops::add::sum)
    }

    /// The one place that adds gradients, by `sum`.
    pub(crate) fn walk_back(
        &self,
        output: &Var<'_>,
        weight: Tensor,
        sum: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Gradients> {
        let state = self.state.borrow();
        let mut pending: Vec<Option<Tensor>> = state.slots.iter().map(|_| None).collect();
        if let Some(slot) = output.slot {
            pending[slot] = Some(weight);
        }
        let mut kept = BTreeMap::new();
        let mut keep = |slot: usize, gradient: &Option<Tensor>| {
            if let (true, Some(gradient)) = (state.kept.contains(&slot), gradient) {
                kept.insert(slot, gradient.clone());
            }
        };
        for node in state.nodes.iter().rev() {
            let outputs = node.first_output..node.first_output + node.backward.n_outputs();
            // Nothing later on the list can add to these: everything that reads a value comes after it.
            let douts: Vec<Option<Tensor>> = outputs.clone().map(|slot| pending[slot].take()).collect();
            outputs.clone().zip(&douts).for_each(|(slot, dout)| keep(slot, dout));
            if douts.iter().all(Option::is_none) {
                continue;
            }
            let known_or_zero = |(slot, dout): (usize, Option<Tensor>)| match dout {
                Some(dout) => Ok(dout),
                None => {
                    let Layout { shape, dtype, device } = &state.slots[slot];
                    Ok(Tensor::zeros_on(device, shape, *dtype)?)
                }
            };
            let douts: Vec<Tensor> = outputs.zip(douts).map(known_or_zero).collect::<Result<_>>()?;
            let contributions = node.backward.backward(&douts, &node.inputs)?;
            for (input, (slot, contribution)) in node.inputs.iter().zip(contributions).enumerate() {
                let Some(slot) = *slot else { continue };
                let contribution = state.slots[slot].admit(node.backward.name(), input, contribution)?;
                pending[slot] = Some(match pending[slot].take() {
                    None => contribution,
                    Some(before) => sum(&before, &contribution)?,
                });
            }
        }
        pending.iter().enumerate().for_each(|(slot, gradient)| keep(slot, gradient));
        Ok(Gradients::new(kept, state.params.clone()))
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
