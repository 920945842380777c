//! The caching allocator for host memory: freed memory is kept and reused by later steps.

use std::alloc::{Layout, alloc, dealloc};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::Mutex;

use crate::{Error, Result};

/// The alignment of every buffer: a cache line, which is also the width of the widest vector register.
const ALIGNMENT: usize = 64;

/// Buffers of at least this size start on a huge page, and the system is advised to use huge pages: the first write to
/// each byte then takes a sixth of the time, and streaming through a buffer causes fewer TLB misses.
const HUGE_PAGE: usize = 2 << 20;

/// A region of memory of at least the requested size. Its bytes are always initialised: zero when newly
/// allocated, the previous content when reused.
#[derive(Debug)]
pub(crate) struct Buffer {
    start: NonNull<u8>,
    layout: Layout,
    len: usize,
}

// SAFETY: a buffer exclusively owns its memory, and shared references only read it.
unsafe impl Send for Buffer {}
// SAFETY: shared references only read the memory; writing requires `&mut`.
unsafe impl Sync for Buffer {}

/// Free regions by their allocated size.
static FREE: Mutex<Cache> = Mutex::new(Cache { pieces: BTreeMap::new(), statistics: MemoryStatistics::NONE });

struct Cache {
    pieces: BTreeMap<usize, Vec<Piece>>,
    statistics: MemoryStatistics,
}

struct Piece(NonNull<u8>);

// SAFETY: a region in the cache is owned by the cache alone, so any thread may take it.
unsafe impl Send for Piece {}

/// Statistics of the memory of CPU tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryStatistics {
    /// The number of allocations from the system; it stays constant after the first training steps.
    pub system_allocations: u64,
    /// Bytes allocated from the system, in use or cached.
    pub held_bytes: usize,
    /// Bytes in use now.
    pub used_bytes: usize,
    /// The peak of `used_bytes`.
    pub peak_bytes: usize,
}

impl MemoryStatistics {
    const NONE: Self = Self { system_allocations: 0, held_bytes: 0, used_bytes: 0, peak_bytes: 0 };
}

/// Statistics of the memory of CPU tensors since the program started.
pub fn memory_statistics() -> MemoryStatistics {
    cache().statistics
}

fn cache() -> std::sync::MutexGuard<'static, Cache> {
    // No code panics while it changes the cache, so the cache is consistent even if the lock is poisoned.
    FREE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Buffer {
    /// Allocates `len` bytes with arbitrary content.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if the system does not have enough free memory.
    pub(crate) fn try_of(len: usize) -> Result<Self> {
        if len > isize::MAX as usize {
            return Err(out_of_memory(len));
        }
        let size = size_class(len);
        let layout = layout_of(size).ok_or_else(|| out_of_memory(len))?;
        let known = cache().pieces.get_mut(&size).and_then(Vec::pop);
        let is_new = known.is_none();
        let start = match known {
            Some(Piece(start)) => start,
            None => {
                check_room(size)?;
                zeroed(layout).ok_or_else(|| out_of_memory(size))?
            }
        };
        let mut cache = cache();
        let statistics = &mut cache.statistics;
        statistics.used_bytes += size;
        statistics.peak_bytes = statistics.peak_bytes.max(statistics.used_bytes);
        statistics.system_allocations += u64::from(is_new);
        statistics.held_bytes += if is_new { size } else { 0 };
        Ok(Self { start, layout, len })
    }

    /// [`Buffer::try_of`] for callers that cannot return an error.
    ///
    /// # Panics
    /// If the system does not have enough memory.
    pub(crate) fn of(len: usize) -> Self {
        Self::try_of(len).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `start` points to `layout.size() >= len` initialised bytes that live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: `start` points to `layout.size() >= len` initialised bytes, and `&mut self` makes this the only
        // reference.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut cache = cache();
        cache.statistics.used_bytes -= self.layout.size();
        cache.pieces.entry(self.layout.size()).or_default().push(Piece(self.start));
    }
}

/// The layout of a size class.
fn layout_of(size: usize) -> Option<Layout> {
    Layout::from_size_align(size, if size >= HUGE_PAGE { HUGE_PAGE } else { ALIGNMENT }).ok()
}

/// Allocates zeroed memory from the system. The layout must be that of a size class.
fn zeroed(layout: Layout) -> Option<NonNull<u8>> {
    // SAFETY: a size class has at least `ALIGNMENT` bytes, so the size of the layout is not zero.
    let start = NonNull::new(unsafe { alloc(layout) })?;
    #[cfg(target_os = "linux")]
    {
        // Advises whole huge pages before the first write, which is when the system maps them. The advice may fail.
        let len = layout.size() / HUGE_PAGE * HUGE_PAGE;
        if len > 0 {
            // SAFETY: the pages belong to the allocation, and the advice does not change their content.
            let _ =
                unsafe { rustix::mm::madvise(start.as_ptr().cast(), len, rustix::mm::Advice::LinuxHugepage) };
        }
    }
    // SAFETY: the allocation has `layout.size()` bytes.
    unsafe { start.write_bytes(0, layout.size()) };
    Some(start)
}

/// Returns all unused cached memory to the system.
pub fn release_cached_memory() {
    let mut cache = cache();
    let pieces = std::mem::take(&mut cache.pieces);
    for (size, list) in pieces {
        let layout = layout_of(size).expect("the size and alignment of a size class form a valid layout");
        for Piece(start) in list {
            cache.statistics.held_bytes -= size;
            // SAFETY: the region was allocated with this layout and only the cache holds it.
            unsafe { dealloc(start.as_ptr(), layout) };
        }
    }
}

/// The smallest request that is checked against the free memory.
const LARGE: usize = 64 << 20;

/// Returns an error if a large request exceeds the free memory; without this check, the system would overcommit and
/// kill the process when the memory is written. Cached memory is released first.
///
/// # Errors
/// [`Error::OutOfMemory`].
fn check_room(bytes: usize) -> Result<()> {
    let is_enough = || system::memory::free_memory().is_none_or(|free| bytes as u64 <= free);
    if bytes < LARGE || is_enough() {
        return Ok(());
    }
    release_cached_memory();
    if is_enough() { Ok(()) } else { Err(out_of_memory(bytes)) }
}

/// Returns an error unless the system can allocate `bytes` now. Used for arrays whose allocation failure would abort
/// the process.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub(crate) fn check_allocation(bytes: usize) -> Result<()> {
    check_room(bytes)?;
    let fits = bytes < LARGE || Vec::<u8>::new().try_reserve_exact(bytes).is_ok();
    if fits { Ok(()) } else { Err(out_of_memory(bytes)) }
}

fn out_of_memory(requested: usize) -> Error {
    let [free, total] = [system::memory::free_memory(), system::memory::total_memory()]
        .map(|bytes| bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0));
    Error::OutOfMemory { device: "cpu".into(), requested, used: memory_statistics().used_bytes, free, total }
}

/// Rounds up to one of eight sizes per power of two: at most an eighth is wasted, and requests of similar size reuse
/// the same regions.
fn size_class(len: usize) -> usize {
    let len = len.max(ALIGNMENT);
    let step = (len.next_power_of_two() / 16).max(ALIGNMENT);
    len.div_ceil(step) * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_class_holds_the_request_and_wastes_at_most_an_eighth() {
        for len in (0..5000).chain([1 << 20, (1 << 20) + 1, 3 << 20]) {
            let size = size_class(len);
            assert!(size >= len && size.is_multiple_of(ALIGNMENT), "{len} -> {size}");
            assert!(size <= (len + len / 8).max(len + ALIGNMENT), "{len} -> {size}");
        }
    }

    #[test]
    fn freed_memory_is_reused() {
        // A size that no other test uses, because all tests of the process share the cache.
        let size = 7 << 20;
        let first = Buffer::of(size);
        let address = first.start;
        assert_eq!(address.as_ptr() as usize % HUGE_PAGE, 0);
        drop(first);
        let second = Buffer::of(size - 1);
        assert_eq!(second.start, address);
        assert_eq!(second.bytes().len(), size - 1);
        drop(second);
        release_cached_memory();
        assert!(Buffer::of(size).bytes().iter().all(|&byte| byte == 0));
    }

    /// The test starts itself again under a limit of 4 GiB, because the machine may have the requested 8 GiB.
    #[test]
    fn free_memory_respects_the_limit_of_the_process() {
        const INSIDE: &str = "AGON_TEST_WITHIN_LIMIT";
        if std::env::var_os(INSIDE).is_none() {
            let name = "memory::tests::free_memory_respects_the_limit_of_the_process";
            let script = format!("ulimit -v {} && exec \"$0\" --exact {name}", 4 << 20);
            let status = std::process::Command::new("sh")
                .args(["-c", &script])
                .arg(std::env::current_exe().unwrap())
                .env(INSIDE, "1")
                .status();
            assert!(status.unwrap().success());
            return;
        }
        match Buffer::try_of(8 << 30) {
            Err(Error::OutOfMemory { free, .. }) => assert!(free <= 4 << 30, "{free}"),
            other => panic!("8 GiB within a limit of 4: {:?}", other.map(|buffer| buffer.len)),
        }
    }

    #[test]
    fn more_memory_than_the_system_has_is_an_error_with_the_requested_size() {
        for bytes in [1 << 50, isize::MAX as usize, usize::MAX] {
            let message = Buffer::try_of(bytes).unwrap_err().to_string();
            assert!(message.contains("cpu") && message.contains("bytes"), "{message}");
        }
        assert!(check_allocation(1 << 50).is_err());
        assert!(check_allocation(1 << 20).is_ok());
    }
}
