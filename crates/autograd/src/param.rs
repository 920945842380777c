//! A tensor that is learned.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use tensor::Tensor;

/// A tensor that is learned: it keeps its identity while its value changes from step to step.
#[derive(Debug)]
pub struct Param {
    id: u64,
    value: RwLock<Tensor>,
}

impl Param {
    /// A parameter with this starting value.
    pub fn new(value: Tensor) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), value: RwLock::new(value) }
    }

    /// The value now; it shares the storage.
    pub fn value(&self) -> Tensor {
        self.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.value.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes another value of the same shape.
    pub fn set(&self, value: Tensor) {
        self.update(|own| *own = value);
    }

    /// Changes the value, in place where nobody else holds it: drop the tape of the step first.
    pub fn update<R>(&self, change: impl FnOnce(&mut Tensor) -> R) -> R {
        change(&mut self.write())
    }

    /// The value, to be changed in place where nobody else holds it.
    pub fn write(&self) -> RwLockWriteGuard<'_, Tensor> {
        self.value.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}
