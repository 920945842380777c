//! GPU memory that the CPU writes between steps.

use std::sync::Arc;

use super::{Gpu, Memory};
use crate::{Error, Result};

/// GPU memory that the CPU writes between steps: the settings of an optimiser's step, the order of an epoch, the bytes
/// of a data set.
///
/// Kernels read it when they run, so a replayed step uses the latest content.
#[derive(Debug, Clone)]
pub struct Cell {
    gpu: Arc<Gpu>,
    memory: Arc<Memory>,
    kind: &'static str,
}

impl Cell {
    /// Allocates `bytes`; `kind` is the kernel's type of one entry: `u8`, `struct of 36 bytes`.
    pub fn new(gpu: &Arc<Gpu>, bytes: usize, kind: &'static str) -> Result<Self> {
        Ok(Self { gpu: Arc::clone(gpu), memory: Arc::new(gpu.allocate(bytes)?), kind })
    }

    /// Allocates another cell of the same size and kind on the same GPU.
    pub fn another(&self) -> Result<Self> {
        Self::new(&self.gpu, self.memory.len(), self.kind)
    }

    /// Allocates a cell and writes `data` to it.
    ///
    /// # Errors
    /// As [`Cell::new`] and [`Cell::write`].
    pub fn of<T: bytemuck::NoUninit>(gpu: &Arc<Gpu>, data: &[T], kind: &'static str) -> Result<Self> {
        let cell = Self::new(gpu, size_of_val(data), kind)?;
        cell.write(data)?;
        Ok(cell)
    }

    /// Overwrites the whole cell.
    ///
    /// # Errors
    /// [`Error::Length`] if the number of bytes differs; [`Error::Recording`] within a step that is being recorded;
    /// or if the driver fails.
    pub fn write<T: bytemuck::NoUninit>(&self, data: &[T]) -> Result<()> {
        let (bytes, expected) = (size_of_val(data), self.memory.len());
        if bytes != expected {
            return Err(Error::Length { shape: vec![expected], expected, values: bytes });
        }
        self.gpu.upload(&self.memory, bytemuck::cast_slice(data))
    }

    pub(super) fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }
}
