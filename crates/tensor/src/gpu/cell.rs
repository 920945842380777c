//! Cells: GPU memory that the CPU writes between steps.

use std::sync::Arc;

use super::page::Slot;
use super::{Address, Gpu, Memory};
use crate::{Error, Result};

/// GPU memory that the CPU writes between steps, such as the settings of an optimiser step, the order of an epoch or
/// the bytes of a data set.
///
/// Kernels read a cell when they run, so a replayed step reads the latest content. Small cells share a page of memory,
/// so that all writes between two commands are copied at once.
#[derive(Debug, Clone)]
pub struct Cell {
    gpu: Arc<Gpu>,
    place: Place,
    bytes: usize,
    kind: &'static str,
}

#[derive(Debug, Clone)]
enum Place {
    Small(Slot),
    Own(Arc<Memory>),
}

impl Cell {
    /// Allocates a cell of `bytes`; `kind` is the kernel's type of one entry, such as `u8` or `struct of 36 bytes`.
    pub fn new(gpu: &Arc<Gpu>, bytes: usize, kind: &'static str) -> Result<Self> {
        /// The largest size of a cell that shares a page. Larger cells are not written in every step.
        const SMALL: usize = 64;
        let place = match bytes <= SMALL {
            true => Place::Small(gpu.slot(bytes)?),
            false => Place::Own(gpu.allocate(bytes)?),
        };
        Ok(Self { gpu: Arc::clone(gpu), place, bytes, kind })
    }

    /// Allocates another cell of the same size and kind on the same GPU.
    pub fn another(&self) -> Result<Self> {
        Self::new(&self.gpu, self.bytes, self.kind)
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
        let (bytes, expected) = (size_of_val(data), self.bytes);
        if bytes != expected {
            return Err(Error::Length { shape: vec![expected], expected, values: bytes });
        }
        match &self.place {
            Place::Small(slot) => {
                self.gpu.refuse_while_recording("copy data from the CPU")?;
                self.gpu.write_slot(slot, bytemuck::cast_slice(data));
                Ok(())
            }
            Place::Own(memory) => self.gpu.upload(memory, bytemuck::cast_slice(data)),
        }
    }

    /// The region of memory that contains the cell, and the address of the cell.
    pub(super) fn memory(&self) -> (&Arc<Memory>, Address) {
        match &self.place {
            Place::Small(slot) => (slot.memory(), slot.address()),
            Place::Own(memory) => (memory, memory.address()),
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }
}
