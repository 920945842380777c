//! Retained gradients: those of inputs, parameters and values passed to `keep`. All others are freed during the
//! backward pass.

use std::collections::{BTreeMap, HashSet};

use tensor::Tensor;

use crate::{Tape, Var};

/// The slots whose gradients are retained.
pub(super) type KeptSlots = HashSet<usize>;

impl Tape {
    /// Retains the gradient of an intermediate value for [`Gradients::of`](crate::Gradients::of).
    pub fn keep(&self, var: &Var<'_>) {
        if let Some(slot) = var.slot {
            self.state.borrow_mut().kept.insert(slot);
        }
    }

    /// Retains the gradients of all values computed so far, for [`View::with_gradients`](crate::View::with_gradients).
    pub fn keep_all(&self) {
        let mut state = self.state.borrow_mut();
        let slots = 0..state.slots.len();
        state.kept.extend(slots);
    }
}

/// The completed gradients of retained slots in a backward pass.
pub(super) struct KeptGradients<'s> {
    slots: &'s KeptSlots,
    by_slot: BTreeMap<usize, Tensor>,
}

impl<'s> KeptGradients<'s> {
    pub(super) fn of(slots: &'s KeptSlots) -> Self {
        Self { slots, by_slot: BTreeMap::new() }
    }

    /// Stores the complete gradient of a slot if it is retained and there is one.
    pub(super) fn note(&mut self, slot: usize, gradient: Option<&Tensor>) {
        if let (true, Some(gradient)) = (self.slots.contains(&slot), gradient) {
            self.by_slot.insert(slot, gradient.clone());
        }
    }

    pub(super) fn into_map(self) -> BTreeMap<usize, Tensor> {
        self.by_slot
    }
}
