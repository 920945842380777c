//! A few numbers that change from step to step.

use std::sync::Arc;

use super::{Gpu, Memory};
use crate::Result;

/// A struct in the memory of a GPU that the processor rewrites between steps, such as the numbers of an optimiser's step.
///
/// Kernels read it when they run, so a recorded step reads what was written last.
#[derive(Debug, Clone)]
pub struct Cell {
    gpu: Arc<Gpu>,
    memory: Arc<Memory>,
    kind: &'static str,
}

impl Cell {
    /// Room for a struct of `words` members of 32 bits each; `kind` is how kernels see it: `struct of 36 bytes`.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn new(gpu: &Arc<Gpu>, words: usize, kind: &'static str) -> Result<Self> {
        Ok(Self { gpu: Arc::clone(gpu), memory: Arc::new(gpu.allocate(4 * words)?), kind })
    }

    /// Writes all members.
    ///
    /// # Errors
    /// If the driver fails; [`Error::Recording`](crate::Error::Recording) within a step that is being recorded.
    pub fn write(&self, words: &[u32]) -> Result<()> {
        assert_eq!(4 * words.len(), self.memory.len(), "all members are written");
        self.gpu.upload(&self.memory, bytemuck::cast_slice(words))
    }

    pub(super) fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }
}
