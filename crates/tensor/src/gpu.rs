//! A GPU: a driver, a caching allocator and one in-order stream of work.
//!
//! Reading order: [`Driver`] is the interface that a GPU implements; [`Call`] is the context of a kernel launch; `pool`
//! is the caching allocator; [`Recording`] is a recorded step that can be replayed. A [`Gpu`] is one stream: runs that
//! share a GPU open one stream each.

mod call;
mod cell;
mod driver;
mod page;
mod pool;
mod recording;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use call::{Argument, Call};
pub use cell::Cell;
pub use driver::{Address, Command, Driver, Grid, Launch, Parameter, Replay, Traits};
pub use pool::GpuMemoryStatistics;
pub(crate) use pool::Memory;
pub use recording::Recording;

use crate::{DType, Error, Result, Tensor, flops};
use page::{PAGE, Page, Slot};
use pool::Pool;
use recording::Recorder;

/// An opened GPU: one stream of work, and the memory that this work uses.
pub struct Gpu {
    driver: Arc<dyn Driver>,
    pool: Arc<Pool>,
    state: Mutex<State>,
    /// The number of copies from the CPU.
    copies: AtomicU64,
}

#[derive(Default)]
struct State {
    recorder: Option<Recorder>,
    /// Constant scalars, by their bits and type.
    scalars: HashMap<(u64, DType), Arc<Memory>>,
    /// Constant tables, by their bytes.
    tables: HashMap<Vec<u8>, Arc<Memory>>,
    /// The cell from which kernels read the number of the training step, and its current content.
    step: Option<(Slot, u64)>,
    /// The page from which the next small cell is allocated.
    page: Option<Arc<Page>>,
    /// Pages with writes that have not been copied to the GPU yet.
    unsent: Vec<Arc<Page>>,
}

impl Gpu {
    /// A GPU that is controlled through this driver.
    pub fn new(driver: impl Driver + 'static) -> Arc<Self> {
        let driver: Arc<dyn Driver> = Arc::new(driver);
        let pool = Pool::of(Arc::clone(&driver));
        Arc::new(Self { pool, driver, state: Mutex::default(), copies: AtomicU64::new(0) })
    }

    /// The properties of the GPU.
    pub fn traits(&self) -> Traits {
        self.driver.traits()
    }

    /// A context for launching entry points directly, without a [`Kernel`](crate::Kernel): [`Call::launch`] selects the
    /// entry points for `dtype`, and `name` appears in errors.
    ///
    /// # Errors
    /// [`Error::NoKernel`] for `f64`.
    pub fn call(self: &Arc<Self>, name: &'static str, dtype: DType) -> Result<Call<'_>> {
        Call::new(self, name, dtype)
    }

    /// Loads compiled kernels of other crates from a fat binary (`nvcc --fatbin`) or PTX, so that [`Call::launch`]
    /// finds their entry points by name. Images are loaded once per name and shared by all streams on this GPU; entry
    /// points of this crate take precedence.
    ///
    /// # Safety
    /// Launching an entry point of the image is a safe call, so each entry point must be sound for all arguments that
    /// the program passes to it: its parameters are those that the launch lists, in the same order and of the same
    /// types; it accesses no memory outside of the tensors among them; and it writes to no input.
    ///
    /// # Errors
    /// [`Error::Image`] for bytes that are not a complete image; [`Error::ImageName`] if other bytes are loaded under
    /// this name; [`Error::Driver`] if the driver cannot load the image; [`Error::Recording`] while a step is being
    /// recorded.
    pub unsafe fn add_image(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.refuse_while_recording("load kernels")?;
        // SAFETY: the caller guarantees that every entry point of the image is sound for all its launches.
        unsafe { self.driver.add_image(name, bytes) }
    }

    /// Statistics of the memory used by this stream's tensors.
    pub fn memory_statistics(&self) -> GpuMemoryStatistics {
        self.pool.statistics()
    }

    /// Returns all unused cached memory to the driver.
    pub fn release_cached_memory(&self) {
        self.pool.release();
    }

    /// Waits until all work is done.
    pub fn wait(&self) -> Result<()> {
        self.driver.wait()
    }

    /// Allocates `bytes` with arbitrary content, from the memory pool of the recording if one is in progress.
    pub(crate) fn allocate(&self, bytes: usize) -> Result<Arc<Memory>> {
        let pool = self.state().recorder.as_ref().map(|recorder| Arc::clone(&recorder.pool));
        let memory = Arc::new(pool.as_ref().unwrap_or(&self.pool).allocate(bytes)?);
        if self.traits().poison {
            self.fill(&memory, 0xff, memory.size())?;
        }
        Ok(memory)
    }

    /// Copies bytes from the CPU to the start of `memory`.
    pub(crate) fn upload(&self, memory: &Memory, bytes: &[u8]) -> Result<()> {
        self.refuse_while_recording("copy data from the CPU")?;
        self.put(memory, bytes)
    }

    fn put(&self, memory: &Memory, bytes: &[u8]) -> Result<()> {
        assert!(bytes.len() <= memory.len(), "a write fits into its memory");
        self.copies.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the memory was allocated by this driver, is alive, and is long enough.
        unsafe { self.driver.write(memory.address(), bytes) }
    }

    /// The number of copies from the CPU to this stream so far.
    pub fn copies_from_cpu(&self) -> u64 {
        self.copies.load(Ordering::Relaxed)
    }

    /// Allocates a small cell in a page.
    fn slot(&self, bytes: usize) -> Result<Slot> {
        let mut state = self.state();
        if let Some(slot) = state.page.as_ref().and_then(|page| page.slot(bytes)) {
            return Ok(slot);
        }
        let page = Page::new(self.pool.allocate(PAGE)?);
        let slot = page.slot(bytes).expect("a new page has room for one cell");
        state.page = Some(page);
        Ok(slot)
    }

    /// Writes a small cell; the bytes are copied to the GPU before the next command.
    fn write_slot(&self, slot: &Slot, bytes: &[u8]) {
        slot.write(bytes);
        let unsent = &mut self.state().unsent;
        if !unsent.iter().any(|page| Arc::ptr_eq(page, &slot.page)) {
            unsent.push(Arc::clone(&slot.page));
        }
    }

    /// Copies all writes to small cells since the last command, in one copy per page.
    fn flush(&self) -> Result<()> {
        let unsent = std::mem::take(&mut self.state().unsent);
        unsent.iter().try_for_each(|page| {
            page.flush(|address, bytes| {
                self.copies.fetch_add(1, Ordering::Relaxed);
                // SAFETY: the bytes are part of a page, which is alive.
                unsafe { self.driver.write(address, bytes) }
            })
        })
    }

    pub(crate) fn download(&self, memory: &Memory, bytes: &mut [u8]) -> Result<()> {
        self.refuse_while_recording("copy data to the CPU")?;
        assert!(bytes.len() <= memory.len(), "a read fits into its memory");
        // SAFETY: the memory was allocated by this driver, is alive, and is long enough.
        unsafe { self.driver.read(memory.address(), bytes) }
    }

    /// Copies `bytes` from the start of one region of memory to the start of another.
    pub(crate) fn copy(&self, to: &Arc<Memory>, from: &Arc<Memory>, bytes: usize) -> Result<()> {
        assert!(bytes <= to.len() && bytes <= from.len(), "a copy fits into both regions");
        let command = Command::Copy { to: to.address(), from: from.address(), bytes };
        self.submit(command, &[Arc::clone(to), Arc::clone(from)])
    }

    /// Sets all bytes of `memory` to zero.
    pub(crate) fn clear(&self, memory: &Arc<Memory>) -> Result<()> {
        self.fill(memory, 0, memory.len())
    }

    fn fill(&self, memory: &Arc<Memory>, value: u8, bytes: usize) -> Result<()> {
        let command = Command::Fill { to: memory.address(), value, bytes };
        self.submit(command, &[Arc::clone(memory)])
    }

    /// The free memory of the GPU in bytes, which excludes memory cached by this stream.
    pub fn free_memory(&self) -> Result<usize> {
        Ok(self.driver.memory()?[0])
    }

    /// Submits a command, and appends it to the recording if one is in progress.
    ///
    /// `reached` lists all memory that the command accesses. Freed memory is reused only by later commands, which the
    /// stream runs after this one.
    fn submit(&self, command: Command, reached: &[Arc<Memory>]) -> Result<()> {
        self.flush()?;
        // SAFETY: all memory that the command accesses is alive, and freed memory is returned to the driver only after
        // all submitted work is done.
        unsafe { self.driver.run(&command) }?;
        if let Some(recorder) = &mut self.state().recorder {
            recorder.push(command, reached);
        }
        Ok(())
    }

    /// Allocates memory and copies constant bytes to it. This is allowed while recording, because a replay needs no
    /// copy.
    pub(crate) fn constant(&self, bytes: &[u8]) -> Result<Arc<Memory>> {
        let memory = Arc::new(self.pool.allocate(bytes.len())?);
        self.put(&memory, bytes)?;
        Ok(memory)
    }

    /// Memory that holds this scalar, allocated once and shared. It may be used while recording.
    pub(crate) fn number(&self, value: f64, dtype: DType) -> Result<Arc<Memory>> {
        let key = (value.to_bits(), dtype);
        if let Some(number) = self.state().scalars.get(&key) {
            return Ok(Arc::clone(number));
        }
        let number = self.constant(Tensor::full(value, &[], dtype).bytes()?)?;
        self.state().scalars.insert(key, Arc::clone(&number));
        Ok(number)
    }

    /// Memory that holds these constant bytes, allocated once and shared. It may be used while recording.
    fn table(&self, bytes: &[u8]) -> Result<Arc<Memory>> {
        /// The number of cached tables at which the cache is cleared. Steps that are not recorded reuse the same few
        /// tables.
        const MOST: usize = 256;
        if let Some(table) = self.state().tables.get(bytes) {
            return Ok(Arc::clone(table));
        }
        let memory = self.constant(bytes)?;
        let mut state = self.state();
        if state.tables.len() == MOST {
            state.tables.clear();
        }
        state.tables.insert(bytes.to_vec(), Arc::clone(&memory));
        Ok(memory)
    }

    /// The memory from which kernels read the number of the training step, set to `step`.
    fn step(&self, step: u64) -> Result<Slot> {
        if let Some(recorder) = &mut self.state().recorder {
            recorder.require_step(step)?;
        }
        let known = self.state().step.clone();
        let slot = match known {
            Some((slot, known)) if known == step => return Ok(slot),
            Some((slot, _)) => slot,
            None => self.slot(size_of::<u64>())?,
        };
        self.write_slot(&slot, &step.to_ne_bytes());
        self.state().step = Some((slot.clone(), step));
        Ok(slot)
    }

    /// Runs `step` once and records its GPU commands, so that they can be replayed.
    ///
    /// `number` is the number of the training step, which dropout reads; [`Recording::replay`] takes the number of a
    /// later step. Everything else that changes from step to step must be in tensors that are updated in place.
    ///
    /// # Errors
    /// The errors of the step; [`Error::Recording`] if it copies data to or from the CPU, or if a recording is already
    /// in progress.
    pub fn record<T, E: From<Error>>(
        self: &Arc<Self>,
        number: u64,
        step: impl FnOnce() -> std::result::Result<T, E>,
    ) -> std::result::Result<(T, Recording), E> {
        self.refuse_while_recording("begin another recording")?;
        self.state().recorder = Some(Recorder::new(Pool::below(&self.pool), number));
        let (outcome, flops) = flops::count(step);
        let recorder = self.state().recorder.take().expect("only `record` ends a recording");
        Ok((outcome?, Recording::of(self, recorder, flops)))
    }

    pub(crate) fn refuse_while_recording(&self, what: &str) -> Result<()> {
        match self.state().recorder {
            Some(_) => Err(Error::Recording { why: format!("the step must not {what}") }),
            None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is one assignment, so it is consistent even if the lock is poisoned.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpu").field("driver", &self.driver).finish_non_exhaustive()
    }
}

/// Formats the device as [`Device`](crate::Device) does: `cuda:0`.
impl fmt::Display for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.driver.name())
    }
}
