//! Memory of the emulated device, fenced on both sides.

use std::num::NonZeroU64;
use std::ptr::NonNull;

use tensor::gpu::Address;

use crate::{Error, Result};

unsafe extern "C" {
    fn emulator_map(bytes: usize) -> *mut u8;
    fn emulator_room(bytes: usize) -> usize;
    fn emulator_unmap(first: *mut u8, bytes: usize);
}

/// Which end of the memory touches a page that must not be touched; the other end is only looked at afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A kernel that reads or writes before its start is stopped there.
    Start,
    /// A kernel that reads or writes behind its end is stopped there, if that is a multiple of 16 bytes.
    End,
}

/// A piece of device memory that starts, as on a GPU, at a multiple of 16 bytes.
///
/// All bits around it, and in it until they are written, are set: they are NaN in every floating-point type.
#[derive(Debug)]
pub struct Memory {
    pages: NonNull<u8>,
    room: usize,
    start: usize,
    bytes: usize,
}

impl Memory {
    /// Memory for this many bytes.
    ///
    /// # Panics
    /// If the system has none.
    pub fn new(bytes: usize, side: Side) -> Self {
        // SAFETY: both take any size; the result is checked.
        let (pages, room) = unsafe { (emulator_map(bytes), emulator_room(bytes)) };
        let pages = NonNull::new(pages).expect("the system has memory");
        let start = match side {
            Side::Start => 0,
            Side::End => room - bytes.next_multiple_of(16),
        };
        Self { pages, room, start, bytes }
    }

    /// Memory that holds a copy of `contents`.
    pub fn of(contents: &[u8], side: Side) -> Self {
        let memory = Self::new(contents.len(), side);
        // SAFETY: the memory is as long as the contents, and nobody else knows of it yet.
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

    /// A copy of what it holds.
    pub fn contents(&self) -> Vec<u8> {
        self.pages()[self.start..self.start + self.bytes].to_vec()
    }

    /// The address of the first byte, which kernels are given: also as a number in a list of pointers.
    pub fn pointer(&self) -> *mut u8 {
        // SAFETY: `start` lies within the pages.
        unsafe { self.pages.as_ptr().add(self.start) }
    }

    /// The same address, as drivers have it.
    pub fn address(&self) -> Address {
        Address(NonZeroU64::new(self.pointer().expose_provenance() as u64).expect("no memory starts at 0"))
    }

    /// Sets all bits again, as they are in new memory.
    pub(crate) fn forget(&self) {
        // SAFETY: the memory is this long, and written within this call only.
        unsafe { self.pointer().write_bytes(0xff, self.bytes) };
    }

    /// Errs if the kernel, of which this is the argument of this number, has written beside it.
    pub(crate) fn require_fences(&self, kernel: &str, argument: usize) -> Result<()> {
        match self.overrun() {
            None => Ok(()),
            Some((distance, beside)) => {
                Err(Error::Overrun { name: kernel.into(), argument, distance, beside })
            }
        }
    }

    /// How far before or behind the memory somebody has written, if anybody has.
    fn overrun(&self) -> Option<(usize, &'static str)> {
        let written = |byte: &u8| *byte != 0xff;
        let (before, behind) = (&self.pages()[..self.start], &self.pages()[self.start + self.bytes..]);
        let distance_before = before.iter().rev().position(written).map(|place| (place + 1, "before"));
        distance_before.or_else(|| behind.iter().position(written).map(|place| (place + 1, "behind")))
    }

    fn pages(&self) -> &[u8] {
        // SAFETY: the pages are mapped as long as `self` lives, all of them were written when they were, and a
        // kernel writes them only within a launch, which returns before anybody can ask for them.
        unsafe { std::slice::from_raw_parts(self.pages.as_ptr(), self.room) }
    }
}

/// A copy, fenced on the same side.
impl Clone for Memory {
    fn clone(&self) -> Self {
        Self::of(&self.contents(), if self.start == 0 { Side::Start } else { Side::End })
    }
}

// SAFETY: the pages belong to the value alone and to no thread; without `Sync` only one thread at a time can
// hand them to a kernel or look at them.
unsafe impl Send for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: these are the pages that `new` was given for as many bytes, and they are given back once.
        unsafe { emulator_unmap(self.pages.as_ptr(), self.bytes) };
    }
}
