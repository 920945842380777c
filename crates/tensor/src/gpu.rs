//! A GPU: a driver, memory that is used again, and work in the order in which it was asked for.
//!
//! Reading order: [`Driver`] is what a GPU must be able to do; [`Call`] is what a kernel sees when it is launched;
//! `pool` hands out memory; [`Recording`] is a step that can be run again. A [`Gpu`] is one queue of work: several runs
//! on one card open it several times.

mod call;
mod cell;
mod driver;
mod pool;
mod recording;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use call::{Argument, Call};
pub use cell::Cell;
pub use driver::{Address, Command, Driver, Grid, Launch, Parameter, Replay, Traits};
pub use pool::GpuMemoryStatistics;
pub(crate) use pool::Memory;
pub use recording::Recording;

use crate::{DType, Error, Result, Tensor, flops};
use pool::Pool;
use recording::Recorder;

/// A GPU that has been opened: one queue of work, and the memory that this work uses.
pub struct Gpu {
    driver: Arc<dyn Driver>,
    pool: Arc<Pool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    recorder: Option<Recorder>,
    /// Single numbers that never change, by their bits and type.
    numbers: HashMap<(u64, DType), Arc<Memory>>,
    /// Lists that never change, by their bytes.
    tables: HashMap<Vec<u8>, Arc<Memory>>,
    /// Where kernels read the number of the training step, and what stands there.
    step: Option<(Arc<Memory>, u64)>,
}

impl Gpu {
    /// The GPU behind this driver.
    pub fn new(driver: impl Driver + 'static) -> Arc<Self> {
        let driver: Arc<dyn Driver> = Arc::new(driver);
        Arc::new(Self { pool: Pool::of(Arc::clone(&driver)), driver, state: Mutex::default() })
    }

    /// What it is like.
    pub fn traits(&self) -> Traits {
        self.driver.traits()
    }

    /// To launch kernels that are no [`Kernel`](crate::Kernel), in their versions for `dtype`; `name` is for errors.
    ///
    /// # Errors
    /// [`Error::NoKernel`] for `f64`.
    pub fn call(self: &Arc<Self>, name: &'static str, dtype: DType) -> Result<Call<'_>> {
        Call::new(self, name, dtype)
    }

    /// How much memory this queue's tensors have asked for.
    pub fn memory_statistics(&self) -> GpuMemoryStatistics {
        self.pool.statistics()
    }

    /// Gives all memory that is not in use back to the driver.
    pub fn release_cached_memory(&self) {
        self.pool.release();
    }

    /// Waits until all work is done.
    ///
    /// # Errors
    /// If any of it failed.
    pub fn wait(&self) -> Result<()> {
        self.driver.wait()
    }

    /// Memory for `bytes`, with whatever was there before: from the recording, while there is one.
    pub(crate) fn allocate(&self, bytes: usize) -> Result<Memory> {
        let pool = self.state().recorder.as_ref().map(|recorder| Arc::clone(&recorder.pool));
        pool.as_ref().unwrap_or(&self.pool).allocate(bytes)
    }

    /// Writes the processor's bytes to the start of `memory`.
    pub(crate) fn upload(&self, memory: &Memory, bytes: &[u8]) -> Result<()> {
        self.refuse_while_recording("take numbers from the processor")?;
        self.put(memory, bytes)
    }

    fn put(&self, memory: &Memory, bytes: &[u8]) -> Result<()> {
        assert!(bytes.len() <= memory.len(), "memory holds what is written to it");
        // SAFETY: the memory was allocated by this driver, is alive, and is long enough.
        unsafe { self.driver.write(memory.address(), bytes) }
    }

    pub(crate) fn download(&self, memory: &Memory, bytes: &mut [u8]) -> Result<()> {
        self.refuse_while_recording("give numbers to the processor")?;
        assert!(bytes.len() <= memory.len(), "memory holds what is read from it");
        // SAFETY: as in `put`.
        unsafe { self.driver.read(memory.address(), bytes) }
    }

    /// Copies the start of one piece of memory to that of another.
    pub(crate) fn copy(&self, to: &Arc<Memory>, from: &Arc<Memory>, bytes: usize) -> Result<()> {
        assert!(bytes <= to.len() && bytes <= from.len(), "both pieces hold what is copied");
        let command = Command::Copy { to: to.address(), from: from.address(), bytes };
        self.submit(command, &[Arc::clone(to), Arc::clone(from)])
    }

    /// Makes all bytes of `memory` zero.
    pub(crate) fn clear(&self, memory: &Arc<Memory>) -> Result<()> {
        self.submit(Command::Clear { to: memory.address(), bytes: memory.len() }, &[Arc::clone(memory)])
    }

    /// Does it, and remembers it if a recording is being made.
    ///
    /// `reached` is all memory that the command reaches. Memory that is free again is given only to commands that
    /// come later, and those wait for this one.
    fn submit(&self, command: Command, reached: &[Arc<Memory>]) -> Result<()> {
        // SAFETY: all that the command reaches is alive, and what is free again is not given back to the driver
        // before the driver has done all that it was asked for.
        unsafe { self.driver.run(&command) }?;
        if let Some(recorder) = &mut self.state().recorder {
            recorder.push(command, reached);
        }
        Ok(())
    }

    /// Memory with this one number. It is made once and shared, so a recording may ask for it too.
    ///
    /// # Errors
    /// If the driver fails.
    pub(crate) fn number(&self, value: f64, dtype: DType) -> Result<Arc<Memory>> {
        let key = (value.to_bits(), dtype);
        if let Some(number) = self.state().numbers.get(&key) {
            return Ok(Arc::clone(number));
        }
        let number = Arc::new(self.pool.allocate(dtype.size())?);
        self.put(&number, Tensor::full(value, &[], dtype).bytes()?)?;
        self.state().numbers.insert(key, Arc::clone(&number));
        Ok(number)
    }

    /// Memory with these bytes, which nobody changes: made once and shared, so a recording may ask for it too.
    fn table(&self, bytes: &[u8]) -> Result<Arc<Memory>> {
        /// Steps that are not recorded ask for the same few lists again and again; others are forgotten with them.
        const MOST: usize = 256;
        if let Some(table) = self.state().tables.get(bytes) {
            return Ok(Arc::clone(table));
        }
        let memory = Arc::new(self.pool.allocate(bytes.len())?);
        self.put(&memory, bytes)?;
        let mut state = self.state();
        if state.tables.len() == MOST {
            state.tables.clear();
        }
        state.tables.insert(bytes.to_vec(), Arc::clone(&memory));
        Ok(memory)
    }

    /// Where kernels read the number of the training step.
    fn step(&self, step: u64) -> Result<Arc<Memory>> {
        let mut state = self.state();
        if let Some(recorder) = &mut state.recorder {
            recorder.require_step(step)?;
        }
        let known = state.step.as_ref().map(|(memory, known)| (Arc::clone(memory), *known));
        let memory = match known {
            Some((memory, known)) if known == step => return Ok(memory),
            Some((memory, _)) => memory,
            None => Arc::new(self.pool.allocate(size_of::<u64>())?),
        };
        self.put(&memory, &step.to_ne_bytes())?;
        state.step = Some((Arc::clone(&memory), step));
        Ok(memory)
    }

    /// Runs `step` once and remembers what it asked the GPU for, so that it can be run again.
    ///
    /// `number` is the number of the training step, which dropout reads; [`Recording::replay`] takes another. All else
    /// that changes from step to step must lie in tensors that are rewritten in place.
    ///
    /// # Errors
    /// Whatever the step returns; [`Error::Recording`] if it moves numbers to or from the processor, or if a
    /// recording is being made already.
    pub fn record<T, E: From<Error>>(
        self: &Arc<Self>,
        number: u64,
        step: impl FnOnce() -> std::result::Result<T, E>,
    ) -> std::result::Result<(T, Recording), E> {
        self.refuse_while_recording("begin another recording")?;
        self.state().recorder = Some(Recorder::new(Pool::below(&self.pool), number));
        let (outcome, flops) = flops::count(step);
        let recorder = self.state().recorder.take().expect("only this function ends a recording");
        let recording = Recording::of(self, recorder, flops)?;
        Ok((outcome?, recording))
    }

    pub(crate) fn refuse_while_recording(&self, what: &str) -> Result<()> {
        match self.state().recorder {
            Some(_) => Err(Error::Recording { why: format!("it cannot {what}") }),
            None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment, so a poisoned lock guards a whole state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpu").field("driver", &self.driver).finish_non_exhaustive()
    }
}

/// As in [`Device`](crate::Device): `cuda:0`.
impl fmt::Display for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.driver.name())
    }
}
