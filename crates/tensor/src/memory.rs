//! The caching allocator: memory is asked of the system once and used again for every later step.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::Mutex;

/// Every buffer starts on a cache line, which is also the width of the widest vector register.
const ALIGNMENT: usize = 64;

/// A piece of memory of at least the size asked for. Its bytes are always initialised: zero when it is
/// new, whatever its last owner left when it is used again.
#[derive(Debug)]
pub(crate) struct Buffer {
    start: NonNull<u8>,
    layout: Layout,
    len: usize,
}

// SAFETY: a buffer owns its memory alone, and shared references to it only read.
unsafe impl Send for Buffer {}
// SAFETY: as above; writing needs `&mut`.
unsafe impl Sync for Buffer {}

/// Free pieces by the size they were allocated with.
static FREE: Mutex<Cache> = Mutex::new(Cache { pieces: BTreeMap::new(), statistics: MemoryStatistics::NONE });

struct Cache {
    pieces: BTreeMap<usize, Vec<Piece>>,
    statistics: MemoryStatistics,
}

struct Piece(NonNull<u8>);

// SAFETY: a piece in the cache is owned by the cache alone.
unsafe impl Send for Piece {}

/// How much memory the processor's tensors have asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryStatistics {
    /// How often the system was asked for memory; it stands still once training has warmed up.
    pub system_allocations: u64,
    /// Bytes held from the system, in use or waiting to be used again.
    pub held_bytes: usize,
    /// Bytes in use now.
    pub used_bytes: usize,
    /// The most bytes that were in use at one time.
    pub peak_bytes: usize,
}

impl MemoryStatistics {
    const NONE: Self = Self { system_allocations: 0, held_bytes: 0, used_bytes: 0, peak_bytes: 0 };
}

/// What the processor's tensors have asked for since the program started.
pub fn memory_statistics() -> MemoryStatistics {
    cache().statistics
}

fn cache() -> std::sync::MutexGuard<'static, Cache> {
    // Nothing that holds this lock can panic halfway, so a poisoned lock guards a whole cache.
    FREE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Buffer {
    /// Memory for `len` bytes, with whatever was there before.
    pub(crate) fn of(len: usize) -> Self {
        let size = size_class(len);
        let layout = Layout::from_size_align(size, ALIGNMENT).expect("a size class is a legal layout");
        let mut cache = cache();
        cache.statistics.used_bytes += size;
        cache.statistics.peak_bytes = cache.statistics.peak_bytes.max(cache.statistics.used_bytes);
        if let Some(Piece(start)) = cache.pieces.get_mut(&size).and_then(Vec::pop) {
            return Self { start, layout, len };
        }
        cache.statistics.system_allocations += 1;
        cache.statistics.held_bytes += size;
        drop(cache);
        // SAFETY: the size is at least `ALIGNMENT`, so the layout is not empty.
        let start = unsafe { alloc_zeroed(layout) };
        let start = NonNull::new(start).unwrap_or_else(|| handle_alloc_error(layout));
        Self { start, layout, len }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `start` points to `layout.size() >= len` initialised bytes that live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `&mut self` makes this the only reference.
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

/// Gives all memory that is not in use back to the system.
pub fn release_cached_memory() {
    let mut cache = cache();
    let pieces = std::mem::take(&mut cache.pieces);
    for (size, list) in pieces {
        let layout = Layout::from_size_align(size, ALIGNMENT).expect("a size class is a legal layout");
        for Piece(start) in list {
            cache.statistics.held_bytes -= size;
            // SAFETY: the piece was allocated with this layout and nobody else knows it.
            unsafe { dealloc(start.as_ptr(), layout) };
        }
    }
}

/// Rounds up to one of eight sizes for each power of two: at most an eighth is wasted, and steps that
/// differ a little still share memory.
fn size_class(len: usize) -> usize {
    let len = len.max(ALIGNMENT);
    let step = (len.next_power_of_two() / 16).max(ALIGNMENT);
    len.div_ceil(step) * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_class_holds_what_was_asked_and_wastes_at_most_an_eighth() {
        for len in (0..5000).chain([1 << 20, (1 << 20) + 1, 3 << 20]) {
            let size = size_class(len);
            assert!(size >= len && size.is_multiple_of(ALIGNMENT), "{len} -> {size}");
            assert!(size <= (len + len / 8).max(len + ALIGNMENT), "{len} -> {size}");
        }
    }

    #[test]
    fn memory_that_was_given_back_is_used_again() {
        // A size that no other test uses, since tests share the cache.
        let size = 7 << 20;
        let first = Buffer::of(size);
        let address = first.start;
        assert_eq!(address.as_ptr() as usize % ALIGNMENT, 0);
        drop(first);
        let second = Buffer::of(size - 1);
        assert_eq!(second.start, address);
        assert_eq!(second.bytes().len(), size - 1);
        drop(second);
        release_cached_memory();
        assert!(Buffer::of(size).bytes().iter().all(|&byte| byte == 0));
    }
}
