//! Pinned host memory through which all bytes are copied to the GPU.

use std::ptr::NonNull;
use std::sync::Arc;

use cudarc::driver::{DriverError, result, sys};

use super::context::Context;
use crate::Result;
use crate::gpu::Address;

/// Bytes of each half.
const HALF: usize = 4 << 20;

/// A double buffer: the CPU appends to one half while the GPU may still read the other. Small writes, of which a
/// replayed step has a few, wait for the GPU only when a half is full, so the CPU can run ahead of the GPU.
#[derive(Debug)]
pub(super) struct Staging {
    context: Arc<Context>,
    start: NonNull<u8>,
    /// An event per half, which completes when the GPU has read it.
    read: [sys::CUevent; 2],
    /// The half that is being filled, and its first free byte.
    half: usize,
    used: usize,
}

// SAFETY: this value exclusively owns the memory; events may be used by any thread.
unsafe impl Send for Staging {}

impl Staging {
    pub(super) fn new(context: &Arc<Context>) -> Result<Self> {
        context.make_current()?;
        // SAFETY: the context is current; the result is checked.
        let start = context.check("allocating pinned memory", unsafe { result::malloc_host(2 * HALF, 0) })?;
        let flags = sys::CUevent_flags::CU_EVENT_DISABLE_TIMING;
        let event = || context.check("creating an event", result::event::create(flags));
        let read = [event()?, event()?];
        let start = NonNull::new(start.cast()).expect("memory that was allocated has an address");
        Ok(Self { context: Arc::clone(context), start, read, half: 0, used: 0 })
    }

    /// Copies `bytes` to the GPU; the caller may reuse them when this function returns.
    ///
    /// # Safety
    /// At least `bytes.len()` bytes are allocated at `to`; the context is current.
    pub(super) unsafe fn write(
        &mut self,
        to: Address,
        bytes: &[u8],
        stream: sys::CUstream,
    ) -> std::result::Result<(), DriverError> {
        for (number, part) in bytes.chunks(HALF).enumerate() {
            if self.used + part.len() > HALF {
                (self.half, self.used) = (1 - self.half, 0);
                // SAFETY: this value owns the event. The driver treats an event that was never recorded as completed.
                unsafe { result::event::synchronize(self.read[self.half]) }?;
            }
            // SAFETY: this value owns these bytes of the half, and the GPU has finished reading them: the event that
            // was recorded after their last copy has completed.
            let staged = unsafe {
                let free = self.start.as_ptr().add(self.half * HALF + self.used);
                free.copy_from_nonoverlapping(part.as_ptr(), part.len());
                std::slice::from_raw_parts(free, part.len())
            };
            let place = to.0.get() + (number * HALF) as u64;
            // SAFETY: the caller guarantees `bytes.len()` allocated bytes at `to`; the staged bytes are not written
            // again before the event recorded after the last copy of their half has completed.
            unsafe {
                result::memcpy_htod_async(place, staged, stream)?;
                result::event::record(self.read[self.half], stream)?;
            }
            self.used = (self.used + part.len()).next_multiple_of(64);
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.context.make_current().is_err() {
            return;
        }
        for read in self.read {
            // SAFETY: this value owns the event. A failure was already reported by the call that failed.
            let _ = unsafe { result::event::synchronize(read).and_then(|()| result::event::destroy(read)) };
        }
        // SAFETY: this value owns the memory, and the GPU has finished reading it.
        let _ = unsafe { result::free_host(self.start.as_ptr().cast()) };
    }
}
