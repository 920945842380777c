//! A step that was recorded and can be run again: a CUDA graph, on a GPU.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::pool::{Memory, Pool};
use super::{Address, Command, Gpu, Replay};
use crate::{Error, Result, flops};

/// What a recording is made of while it is made.
pub(super) struct Recorder {
    pub(super) pool: Arc<Pool>,
    commands: Vec<Command>,
    /// What was there before and is reached, by its address.
    given: BTreeMap<Address, Arc<Memory>>,
    number: u64,
    reads_number: bool,
}

impl Recorder {
    pub(super) fn new(pool: Arc<Pool>, number: u64) -> Self {
        Self { pool, commands: Vec::new(), given: BTreeMap::new(), number, reads_number: false }
    }

    pub(super) fn push(&mut self, command: Command, reached: &[Arc<Memory>]) {
        self.commands.push(command);
        for memory in reached.iter().filter(|memory| !memory.is_of(&self.pool)) {
            self.given.entry(memory.address()).or_insert_with(|| Arc::clone(memory));
        }
    }

    /// The step that is recorded has one number.
    pub(super) fn require_step(&mut self, step: u64) -> Result<()> {
        self.reads_number = true;
        if step == self.number {
            return Ok(());
        }
        let why = format!("it has the number {}, but a kernel reads that of step {step}", self.number);
        Err(Error::Recording { why })
    }
}

/// A step that was recorded: it reads and writes the same memory each time it is run again.
///
/// Memory that the step allocated belongs to the recording, so whatever the step returned is rewritten by each replay.
#[derive(Debug)]
pub struct Recording {
    // Dropped before the memory that it reaches.
    replay: Box<dyn Replay>,
    commands: usize,
    /// The floating-point operations of its kernels.
    flops: u64,
    reads_number: bool,
    gpu: Arc<Gpu>,
    _kept: Kept,
}

/// The memory that a recording reaches, which nobody else is given.
struct Kept {
    _own: Arc<Pool>,
    given: BTreeMap<Address, Arc<Memory>>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&self.given).finish()
    }
}

impl Recording {
    pub(super) fn of(gpu: &Arc<Gpu>, recorder: Recorder, flops: u64) -> Result<Self> {
        let Recorder { pool, commands, given, reads_number, .. } = recorder;
        let count = commands.len();
        // SAFETY: what the step allocated came from the pool, and both that and what it was given are kept.
        let replay = unsafe { gpu.driver.prepare(commands) }?;
        let kept = Kept { _own: pool, given };
        Ok(Self { replay, commands: count, flops, reads_number, gpu: Arc::clone(gpu), _kept: kept })
    }

    /// How many kernels and copies it is.
    pub fn len(&self) -> usize {
        self.commands
    }

    /// Whether it does nothing.
    pub fn is_empty(&self) -> bool {
        self.commands == 0
    }

    /// Runs it again as the training step of this number.
    ///
    /// # Errors
    /// If the driver, or work before, fails.
    pub fn replay(&self, number: u64) -> Result<()> {
        if self.reads_number {
            self.gpu.step(number)?;
        }
        self.replay.replay()?;
        flops::add(self.flops);
        Ok(())
    }
}
