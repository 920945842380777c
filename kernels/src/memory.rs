//! Memory of the emulated device, with guard pages on both sides.

use std::num::NonZeroU64;
use std::ptr::NonNull;

use tensor::gpu::Address;

use crate::{Error, Result};

unsafe extern "C" {
    fn emulator_map(bytes: usize) -> *mut u8;
    fn emulator_room(bytes: usize) -> usize;
    fn emulator_unmap(first: *mut u8, bytes: usize);
}

/// The end of a region that is adjacent to a guard page; the other end is checked after each launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// An access before the start is detected immediately.
    Start,
    /// An access past the end is detected immediately, if the size is a multiple of 16 bytes.
    End,
}

/// A region of device memory, aligned to 16 bytes.
///
/// All bits around it are set, and those in it until they are written: NaN in every floating-point type.
#[derive(Debug)]
pub struct Memory {
    pages: NonNull<u8>,
    room: usize,
    start: usize,
    bytes: usize,
}

impl Memory {
    /// Allocates `bytes` bytes.
    ///
    /// # Panics
    /// If the system is out of memory.
    pub fn new(bytes: usize, side: Side) -> Self {
        // SAFETY: both functions accept any size; the result is checked for null.
        let (pages, room) = unsafe { (emulator_map(bytes), emulator_room(bytes)) };
        let pages = NonNull::new(pages).expect("the system has memory");
        let start = match side {
            Side::Start => 0,
            Side::End => room - bytes.next_multiple_of(16),
        };
        Self { pages, room, start, bytes }
    }

    /// Allocates a copy of `contents`.
    pub fn of(contents: &[u8], side: Side) -> Self {
        let memory = Self::new(contents.len(), side);
        // SAFETY: the memory is as long as the contents and not shared yet.
        unsafe { memory.pointer().copy_from_nonoverlapping(contents.as_ptr(), contents.len()) };
        memory
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// A copy of the contents.
    pub fn contents(&self) -> Vec<u8> {
        self.pages()[self.start..self.start + self.bytes].to_vec()
    }

    /// The address of the first byte, as passed to kernels directly or in a table of pointers.
    pub fn pointer(&self) -> *mut u8 {
        // SAFETY: `start` lies within the pages.
        unsafe { self.pages.as_ptr().add(self.start) }
    }

    /// The address as a driver address.
    pub fn address(&self) -> Address {
        Address(NonZeroU64::new(self.pointer().expose_provenance() as u64).expect("no memory starts at 0"))
    }

    /// Returns an error if the kernel has written out of the bounds of this argument.
    pub(crate) fn require_fences(&self, kernel: &str, argument: usize) -> Result<()> {
        match self.overrun() {
            None => Ok(()),
            Some((distance, beside)) => {
                Err(Error::Overrun { name: kernel.into(), argument, distance, beside })
            }
        }
    }

    /// The distance and side of a write out of bounds, if there was any.
    fn overrun(&self) -> Option<(usize, &'static str)> {
        let written = |byte: &u8| *byte != 0xff;
        let (before, behind) = (&self.pages()[..self.start], &self.pages()[self.start + self.bytes..]);
        let distance_before = before.iter().rev().position(written).map(|place| (place + 1, "before"));
        distance_before.or_else(|| behind.iter().position(written).map(|place| (place + 1, "behind")))
    }

    fn pages(&self) -> &[u8] {
        // SAFETY: the pages are mapped and initialised as long as `self` lives. Kernels write to them only during a
        // launch, which has returned before this function is called.
        unsafe { std::slice::from_raw_parts(self.pages.as_ptr(), self.room) }
    }
}

/// Copies the memory, with the guard page on the same side.
impl Clone for Memory {
    fn clone(&self) -> Self {
        Self::of(&self.contents(), if self.start == 0 { Side::Start } else { Side::End })
    }
}

// SAFETY: this value exclusively owns the pages; without `Sync` only one thread at a time can access them.
unsafe impl Send for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: these pages were mapped by `new` with this size, and are unmapped once.
        unsafe { emulator_unmap(self.pages.as_ptr(), self.bytes) };
    }
}
