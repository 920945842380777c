//! The caching allocator for GPU memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Address, Driver};
use crate::{Error, Result};

/// Statistics of the GPU memory of one stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GpuMemoryStatistics {
    /// The number of allocations from the driver; it stays constant after the first training steps.
    pub driver_allocations: u64,
    /// Bytes allocated from the driver, in use or cached.
    pub held_bytes: usize,
    /// Bytes in use now.
    pub used_bytes: usize,
    /// The peak of `used_bytes`.
    pub peak_bytes: usize,
}

/// Free regions of memory by size. The region freed last is reused first, so equal steps get equal addresses.
///
/// A child pool takes missing regions from its parent and keeps them as long as it lives, so no other work uses the
/// memory of a recording.
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
        // The driver has no address for an empty region, so a region has at least one byte.
        let bytes_or_one = bytes.max(1);
        let size = if self.is_exact() { bytes_or_one } else { self.driver.rounded(bytes_or_one) };
        let address = self.take(size)?;
        Ok(Memory { pool: Arc::clone(self), address, size, bytes })
    }

    fn take(&self, size: usize) -> Result<Address> {
        let known = match self.is_exact() {
            true => None,
            false => self.pieces().free.get_mut(&size).and_then(Vec::pop),
        };
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
        drop(pieces);
        // A child pool keeps what was freed, because replays use it.
        if self.is_exact() && self.above.is_none() {
            self.release();
        }
    }

    fn is_exact(&self) -> bool {
        self.driver.traits().exact_memory
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
                    // SAFETY: the driver allocated this region with this size, and it was in the free list, so nothing
                    // uses it.
                    unsafe { self.driver.free(address, size) };
                }
            }
        }
    }

    pub(crate) fn statistics(&self) -> GpuMemoryStatistics {
        self.pieces().statistics
    }

    fn pieces(&self) -> MutexGuard<'_, Pieces> {
        // No code panics while it changes the list, so the list is consistent even if the lock is poisoned.
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pool is dropped after all its regions, because each region keeps the pool alive.
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

    /// The number of bytes after rounding up to a size class.
    pub(crate) fn size(&self) -> usize {
        self.size
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

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::super::{Command, Replay, Traits};
    use super::*;

    /// Allocations (`+`) and frees (`-`), each with its size.
    type Log = Arc<Mutex<Vec<(char, usize)>>>;

    /// A driver that returns new addresses and logs the sizes of allocations and frees.
    #[derive(Debug)]
    struct Addresses {
        exact_memory: bool,
        log: Log,
    }

    impl Driver for Addresses {
        fn name(&self) -> String {
            "addresses".into()
        }

        fn traits(&self) -> Traits {
            Traits { sm_count: 1, plain: false, exact_memory: self.exact_memory, poison: false }
        }

        unsafe fn add_image(&self, _: &str, _: &[u8]) -> Result<()> {
            unreachable!("nothing is launched")
        }

        fn rounded(&self, bytes: usize) -> usize {
            bytes.next_multiple_of(256)
        }

        fn allocate(&self, bytes: usize) -> Result<Option<Address>> {
            let mut log = self.log.lock().unwrap();
            log.push(('+', bytes));
            Ok(NonZeroU64::new(log.len() as u64 * 4096).map(Address))
        }

        unsafe fn free(&self, _: Address, bytes: usize) {
            self.log.lock().unwrap().push(('-', bytes));
        }

        fn memory(&self) -> Result<[usize; 2]> {
            Ok([0; 2])
        }

        unsafe fn write(&self, _: Address, _: &[u8]) -> Result<()> {
            Ok(())
        }

        unsafe fn read(&self, _: Address, _: &mut [u8]) -> Result<()> {
            Ok(())
        }

        unsafe fn run(&self, _: &Command) -> Result<()> {
            Ok(())
        }

        unsafe fn prepare(&self, _: &[&[Command]]) -> Result<Box<dyn Replay>> {
            unreachable!("nothing is recorded")
        }

        fn wait(&self) -> Result<()> {
            Ok(())
        }
    }

    fn pool(exact_memory: bool) -> (Arc<Pool>, Log) {
        let log = Log::default();
        (Pool::of(Arc::new(Addresses { exact_memory, log: Arc::clone(&log) })), log)
    }

    #[test]
    fn freed_memory_of_a_similar_size_is_reused() {
        let (pool, log) = pool(false);
        let first = pool.allocate(100).unwrap();
        let address = first.address();
        drop(first);
        assert_eq!(pool.allocate(200).unwrap().address(), address);
        drop(pool);
        assert_eq!(*log.lock().unwrap(), [('+', 256), ('-', 256)]);
    }

    #[test]
    fn exact_memory_has_the_requested_size_and_is_never_reused() {
        let (pool, log) = pool(true);
        drop(pool.allocate(100).unwrap());
        drop(pool.allocate(100).unwrap());
        assert_eq!(*log.lock().unwrap(), [('+', 100), ('-', 100), ('+', 100), ('-', 100)]);
        // A region that a recording frees is not reused either; it returns to the parent with the recording.
        let child = Pool::below(&pool);
        let addresses = [(); 2].map(|()| child.allocate(7).unwrap().address());
        assert_ne!(addresses[0], addresses[1]);
        assert_eq!(log.lock().unwrap().len(), 6);
        drop(child);
        assert_eq!(pool.statistics().held_bytes, 0);
        assert_eq!(log.lock().unwrap()[6..], [('-', 7), ('-', 7)]);
    }
}
