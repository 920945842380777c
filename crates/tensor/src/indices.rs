//! Whole numbers that choose: class labels, rows, kept patches.

use std::sync::Arc;

/// A shared list of non-negative whole numbers.
///
/// Indices are never differentiated, so they are fields of an operation and not inputs of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indices(Arc<[u32]>);

impl Indices {
    /// Takes the values as they are.
    pub fn new(values: Vec<u32>) -> Self {
        Self(values.into())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values, in order.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }

    /// The largest value, if there is one.
    pub fn max(&self) -> Option<u32> {
        self.0.iter().copied().max()
    }
}
