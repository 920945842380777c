//! The caching allocator for GPU memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Address, Driver};
use crate::{Error, Result};

/// Statistics of the GPU memory of one stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GpuMemoryStatistics {
    /// The number of allocations from the driver; it stays constant once training has warmed up.
    pub driver_allocations: u64,
    /// Bytes held from the driver, in use or cached.
    pub held_bytes: usize,
    /// Bytes in use now.
    pub used_bytes: usize,
    /// The peak of `used_bytes`.
    pub peak_bytes: usize,
}

/// Free regions of memory by size; the last one freed is reused first, so equal steps get equal addresses.
///
/// A child pool takes missing regions from its parent and keeps them as long as it lives: the memory of a recording
/// belongs to the recording alone.
pub(crate) struct Pool {
    driver: Arc<dyn Driver>,
    above: Option<Arc<Pool>>,
    pieces: Mutex<Pieces>,
}

#[derive(Default)]
struct Pieces {
    free: BTreeMap<usize, Vec<Address>>,
    statistics: GpuMemoryStatistics,
}

impl Pool {
    pub(crate) fn of(driver: Arc<dyn Driver>) -> Arc<Self> {
        Arc::new(Self { driver, above: None, pieces: Mutex::default() })
    }

    pub(crate) fn below(above: &Arc<Self>) -> Arc<Self> {
        let driver = Arc::clone(&above.driver);
        Arc::new(Self { driver, above: Some(Arc::clone(above)), pieces: Mutex::default() })
    }

    pub(crate) fn allocate(self: &Arc<Self>, bytes: usize) -> Result<Memory> {
        // An empty region has no address, so it is at least one byte.
        let size = self.driver.rounded(bytes.max(1));
        let address = self.take(size)?;
        self.driver.reuse(address, size);
        Ok(Memory { pool: Arc::clone(self), address, size, bytes })
    }

    fn take(&self, size: usize) -> Result<Address> {
        let known = self.pieces().free.get_mut(&size).and_then(Vec::pop);
        let address = match (known, &self.above) {
            (Some(address), _) => address,
            (None, Some(above)) => above.take(size)?,
            (None, None) => self.ask_driver(size)?,
        };
        let mut pieces = self.pieces();
        pieces.statistics.used_bytes += size;
        pieces.statistics.peak_bytes = pieces.statistics.peak_bytes.max(pieces.statistics.used_bytes);
        Ok(address)
    }

    /// Allocates a new region from the driver; if that fails, all cached memory is released first.
    fn ask_driver(&self, size: usize) -> Result<Address> {
        let mut address = self.driver.allocate(size)?;
        if address.is_none() {
            self.release();
            address = self.driver.allocate(size)?;
        }
        let Some(address) = address else {
            let [free, total] = self.driver.memory()?;
            let used = self.pieces().statistics.used_bytes;
            return Err(Error::OutOfMemory {
                device: self.driver.name(),
                requested: size,
                used,
                free,
                total,
            });
        };
        let mut pieces = self.pieces();
        pieces.statistics.driver_allocations += 1;
        pieces.statistics.held_bytes += size;
        Ok(address)
    }

    fn give_back(&self, address: Address, size: usize) {
        let mut pieces = self.pieces();
        pieces.statistics.used_bytes -= size;
        pieces.free.entry(size).or_default().push(address);
    }

    pub(crate) fn release(&self) {
        let free = std::mem::take(&mut self.pieces().free);
        for (size, address) in
            free.into_iter().flat_map(|(size, list)| list.into_iter().map(move |a| (size, a)))
        {
            match &self.above {
                Some(above) => above.give_back(address, size),
                None => {
                    self.pieces().statistics.held_bytes -= size;
                    // SAFETY: the driver allocated this region with this size, and only the pool held it.
                    unsafe { self.driver.free(address, size) };
                }
            }
        }
    }

    pub(crate) fn statistics(&self) -> GpuMemoryStatistics {
        self.pieces().statistics
    }

    fn pieces(&self) -> MutexGuard<'_, Pieces> {
        // No code that holds this lock can panic halfway, so the list behind a poisoned lock is consistent.
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory keeps its pool alive, so all regions are free when the pool is dropped.
impl Drop for Pool {
    fn drop(&mut self) {
        self.release();
    }
}

/// A region of GPU memory; it returns to its pool when it is dropped.
pub(crate) struct Memory {
    pool: Arc<Pool>,
    address: Address,
    size: usize,
    bytes: usize,
}

impl Memory {
    pub(crate) fn address(&self) -> Address {
        self.address
    }

    /// Whether this region belongs to `pool`.
    pub(crate) fn is_of(&self, pool: &Arc<Pool>) -> bool {
        Arc::ptr_eq(&self.pool, pool)
    }

    /// The requested number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at {:#x}", self.bytes, self.address.0)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.pool.give_back(self.address, self.size);
    }
}
