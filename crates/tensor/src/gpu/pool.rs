//! Memory of a GPU that is used again: the driver is asked once for what every step needs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Address, Driver};
use crate::{Error, Result};

/// How much memory of a GPU one queue has asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GpuMemoryStatistics {
    /// How often the driver was asked for memory; it stands still once training has warmed up.
    pub driver_allocations: u64,
    /// Bytes held from the driver, in use or waiting to be used again.
    pub held_bytes: usize,
    /// Bytes in use now.
    pub used_bytes: usize,
    /// The most bytes that were in use at one time.
    pub peak_bytes: usize,
}

/// Pieces of memory that are free, by size; the last that came back goes out first, so equal steps get equal addresses.
///
/// A pool below another takes from it what it has not got itself, and keeps it as long as it lives: so memory
/// that a recording uses belongs to the recording alone.
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
        // No memory at all has no address.
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

    /// A new piece; if there is none, everything that nobody uses is given back first.
    fn ask_driver(&self, size: usize) -> Result<Address> {
        let mut address = self.driver.allocate(size)?;
        if address.is_none() {
            self.release();
            address = self.driver.allocate(size)?;
        }
        let Some(address) = address else {
            let [free, total] = self.driver.memory()?;
            let used = self.pieces().statistics.used_bytes;
            return Err(Error::OutOfMemory { device: self.driver.name(), wanted: size, used, free, total });
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
                    // SAFETY: the driver gave this piece for this size, and the pool was the last to know of it.
                    unsafe { self.driver.free(address, size) };
                }
            }
        }
    }

    pub(crate) fn statistics(&self) -> GpuMemoryStatistics {
        self.pieces().statistics
    }

    fn pieces(&self) -> MutexGuard<'_, Pieces> {
        // Nothing that holds this lock can panic halfway, so a poisoned lock guards a whole list.
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory holds its pool, so when a pool ends all of its pieces are free.
impl Drop for Pool {
    fn drop(&mut self) {
        self.release();
    }
}

/// A piece of memory of a GPU; it goes back to its pool when it is dropped.
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

    /// Whether it goes back to this pool.
    pub(crate) fn is_of(&self, pool: &Arc<Pool>) -> bool {
        Arc::ptr_eq(&self.pool, pool)
    }

    /// The number of bytes that were asked for.
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
