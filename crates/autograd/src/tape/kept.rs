//! Kept gradients: those of inputs, of parameters and of values that were named; all others are freed on the way.

use std::collections::{BTreeMap, HashSet};

use tensor::Tensor;

use crate::{Tape, Var};

/// The slots whose gradients outlive the backward pass.
pub(super) type KeptSlots = HashSet<usize>;

impl Tape {
    /// Lets [`Gradients::of`](crate::Gradients::of) answer for a value in the middle of the graph.
    pub fn keep(&self, var: &Var<'_>) {
        if let Some(slot) = var.slot {
            self.state.borrow_mut().kept.insert(slot);
        }
    }
}

/// The gradients of the kept slots that one backward pass has completed so far.
pub(super) struct KeptGradients<'s> {
    slots: &'s KeptSlots,
    by_slot: BTreeMap<usize, Tensor>,
}

impl<'s> KeptGradients<'s> {
    pub(super) fn of(slots: &'s KeptSlots) -> Self {
        Self { slots, by_slot: BTreeMap::new() }
    }

    /// Keeps the complete gradient of a slot, if it is one of those and there is a gradient.
    pub(super) fn note(&mut self, slot: usize, gradient: Option<&Tensor>) {
        if let (true, Some(gradient)) = (self.slots.contains(&slot), gradient) {
            self.by_slot.insert(slot, gradient.clone());
        }
    }

    pub(super) fn into_map(self) -> BTreeMap<usize, Tensor> {
        self.by_slot
    }
}
