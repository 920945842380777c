//! Recorded steps that can be replayed, as CUDA graphs on a GPU.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::pool::{Memory, Pool};
use super::{Address, Command, Gpu, Replay};
use crate::{Error, Result, flops};

/// The state of a recording in progress.
pub(super) struct Recorder {
    pub(super) pool: Arc<Pool>,
    commands: Vec<Command>,
    /// Memory that the recording accesses but that was allocated before it, by address.
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

    /// Checks that every kernel of the recording reads the same step number.
    pub(super) fn require_step(&mut self, step: u64) -> Result<()> {
        self.reads_number = true;
        if step == self.number {
            return Ok(());
        }
        let why = format!("expected kernels that read step {}, got one that reads step {step}", self.number);
        Err(Error::Recording { why })
    }
}

/// A recorded step. Every replay reads and writes the same memory.
///
/// The recording owns the memory that the step allocated, so every replay overwrites the tensors that the step returned.
#[derive(Debug)]
pub struct Recording {
    // Declared first, so that it is dropped before the memory that it accesses.
    replay: Box<dyn Replay>,
    commands: usize,
    /// The floating-point operations of the recorded kernels.
    flops: u64,
    reads_number: bool,
    gpu: Arc<Gpu>,
    _kept: Kept,
}

/// The memory that a recording accesses, kept alive so that it is not reused.
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
        // SAFETY: all memory that the commands access is either from the recording's pool or in `given`; `Kept` keeps
        // both alive.
        let replay = unsafe { gpu.driver.prepare(commands) }?;
        let kept = Kept { _own: pool, given };
        Ok(Self { replay, commands: count, flops, reads_number, gpu: Arc::clone(gpu), _kept: kept })
    }

    /// The number of commands.
    pub fn len(&self) -> usize {
        self.commands
    }

    /// Whether there are no commands.
    pub fn is_empty(&self) -> bool {
        self.commands == 0
    }

    /// Replays the step as training step `number`.
    pub fn replay(&self, number: u64) -> Result<()> {
        if self.reads_number {
            self.gpu.step(number)?;
        }
        self.gpu.flush()?;
        self.replay.replay()?;
        flops::add(self.flops);
        Ok(())
    }
}
