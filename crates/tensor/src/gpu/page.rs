//! Pages: regions of memory that hold small cells, so that all writes between two commands are one copy.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Address, Memory};

/// The bytes of a page.
pub(super) const PAGE: usize = 4096;

/// The alignment of a cell in its page.
const ALIGNMENT: usize = 64;

/// A region of GPU memory with a copy on the CPU, in which writes are collected.
pub(super) struct Page {
    memory: Arc<Memory>,
    content: Mutex<Content>,
}

struct Content {
    bytes: Vec<u8>,
    used: usize,
    /// The range from the first to the last byte written since the last copy to the GPU.
    unsent: Range<usize>,
}

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a page at {:#x}", self.memory.address().0)
    }
}

/// A cell in a page. The space of a dropped cell is not reused, because a recording may still read it.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) page: Arc<Page>,
    offset: usize,
}

impl Page {
    /// A page over memory of [`PAGE`] bytes.
    pub(super) fn new(memory: Memory) -> Arc<Self> {
        let content = Content { bytes: vec![0; PAGE], used: 0, unsent: 0..0 };
        Arc::new(Self { memory: Arc::new(memory), content: Mutex::new(content) })
    }

    /// A new cell of this size; `None` if the page is full.
    pub(super) fn slot(self: &Arc<Self>, bytes: usize) -> Option<Slot> {
        let mut content = self.content();
        let (offset, end) = (content.used, content.used + bytes.next_multiple_of(ALIGNMENT));
        (end <= PAGE).then(|| {
            content.used = end;
            Slot { page: Arc::clone(self), offset }
        })
    }

    /// Calls `send` with the address and the bytes of all writes since the last call, if there are any.
    pub(super) fn flush<E>(
        &self,
        send: impl FnOnce(Address, &[u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut content = self.content();
        let unsent = std::mem::take(&mut content.unsent);
        match unsent.is_empty() {
            true => Ok(()),
            false => send(self.memory.address().after(unsent.start), &content.bytes[unsent]),
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Writes the cell; the page must be flushed before a command that reads it.
    pub(super) fn write(&self, bytes: &[u8]) {
        let (mut content, own) = (self.page.content(), self.offset..self.offset + bytes.len());
        content.bytes[own.clone()].copy_from_slice(bytes);
        content.unsent = match content.unsent.is_empty() {
            true => own,
            false => content.unsent.start.min(own.start)..content.unsent.end.max(own.end),
        };
    }

    pub(super) fn address(&self) -> Address {
        self.page.memory.address().after(self.offset)
    }

    /// The memory of the page.
    pub(super) fn memory(&self) -> &Arc<Memory> {
        &self.page.memory
    }
}
