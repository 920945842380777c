//! Memory of a GPU that the processor rewrites.

use std::sync::Arc;

use super::{Gpu, Memory};
use crate::{Error, Result};

/// Numbers in the memory of a GPU that the processor writes between steps: those of an optimiser's step, the order of an
/// epoch, the bytes of a data set.
///
/// Kernels read it when they run, so a recorded step reads what was written last.
#[derive(Debug, Clone)]
pub struct Cell {
    gpu: Arc<Gpu>,
    memory: Arc<Memory>,
    kind: &'static str,
}

impl Cell {
    /// Room for so many bytes; `kind` is what kernels call one entry: `u8`, `struct of 36 bytes`.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn new(gpu: &Arc<Gpu>, bytes: usize, kind: &'static str) -> Result<Self> {
        Ok(Self { gpu: Arc::clone(gpu), memory: Arc::new(gpu.allocate(bytes)?), kind })
    }

    /// Another of the same size and kind on the same GPU.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn another(&self) -> Result<Self> {
        Self::new(&self.gpu, self.memory.len(), self.kind)
    }

    /// The same with these numbers written.
    ///
    /// # Errors
    /// As [`Cell::new`] and [`Cell::write`].
    pub fn of<T: bytemuck::NoUninit>(gpu: &Arc<Gpu>, numbers: &[T], kind: &'static str) -> Result<Self> {
        let cell = Self::new(gpu, size_of_val(numbers), kind)?;
        cell.write(numbers)?;
        Ok(cell)
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// [`Error::Length`] if these are not as many bytes; [`Error::Recording`] within a step that is being recorded;
    /// or if the driver fails.
    pub fn write<T: bytemuck::NoUninit>(&self, numbers: &[T]) -> Result<()> {
        let (bytes, wanted) = (size_of_val(numbers), self.memory.len());
        if bytes != wanted {
            return Err(Error::Length { shape: vec![wanted], wanted, values: bytes });
        }
        self.gpu.upload(&self.memory, bytemuck::cast_slice(numbers))
    }

    pub(super) fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }
}
