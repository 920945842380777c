//! Recorded steps that can be replayed, as CUDA graphs on a GPU.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::pool::{Memory, Pool};
use super::{Address, Command, Gpu, Replay};
use crate::{Error, Result, flops};

/// The state of a recording in progress.
pub(super) struct Recorder {
    pub(super) pool: Arc<Pool>,
    commands: Vec<Command>,
    given: Given,
    number: u64,
    reads_number: bool,
}

/// Memory that a recording accesses but that was allocated before it, and whether the recording may write to it.
type Given = BTreeMap<Address, (Arc<Memory>, bool)>;

impl Recorder {
    pub(super) fn new(pool: Arc<Pool>, number: u64) -> Self {
        Self { pool, commands: Vec::new(), given: Given::new(), number, reads_number: false }
    }

    pub(super) fn push(&mut self, command: Command, reached: &[Arc<Memory>]) {
        for memory in reached.iter().filter(|memory| !memory.is_of(&self.pool)) {
            let (start, bytes) = (memory.address(), memory.size());
            let (_, is_written) = self.given.entry(start).or_insert_with(|| (Arc::clone(memory), false));
            *is_written |= command.may_write(start, bytes);
        }
        self.commands.push(command);
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

/// A recorded step, or several that are replayed at the same time. Every replay reads and writes the same memory.
///
/// The recording owns the memory that the step allocated, so every replay overwrites the tensors that the step returned.
#[derive(Debug)]
pub struct Recording {
    /// Made by the first replay. Declared first, so that it is dropped before the memory that it accesses.
    replay: OnceLock<Box<dyn Replay>>,
    branches: Vec<Arc<Branch>>,
    gpu: Arc<Gpu>,
}

/// The commands of one recorded step, and the memory that they access, kept alive so that it is not reused.
struct Branch {
    commands: Vec<Command>,
    /// The floating-point operations of the recorded kernels.
    flops: u64,
    reads_number: bool,
    given: Given,
    _own: Arc<Pool>,
}

impl fmt::Debug for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Branch").field("commands", &self.commands.len()).finish_non_exhaustive()
    }
}

impl Branch {
    /// Whether it may write to memory that the other one accesses. Memory allocated while recording is never shared.
    fn disturbs(&self, other: &Self) -> bool {
        self.given.iter().any(|(address, (_, is_written))| *is_written && other.given.contains_key(address))
    }
}

impl Recording {
    pub(super) fn of(gpu: &Arc<Gpu>, recorder: Recorder, flops: u64) -> Self {
        let Recorder { pool, commands, given, reads_number, .. } = recorder;
        let branch = Branch { commands, flops, reads_number, given, _own: pool };
        Self { replay: OnceLock::new(), branches: vec![Arc::new(branch)], gpu: Arc::clone(gpu) }
    }

    /// A recording that replays these independent ones as one CUDA graph: each in its order, and all at the same time.
    ///
    /// # Errors
    /// [`Error::Recording`] if one of them may write to memory that another one uses, or if they are of different
    /// streams.
    pub fn together(recordings: &[&Self]) -> Result<Self> {
        let refused = |why: &str| Err(Error::Recording { why: why.into() });
        let [first, others @ ..] = recordings else { return refused("expected recordings, got none") };
        if others.iter().any(|other| !Arc::ptr_eq(&other.gpu, &first.gpu)) {
            return refused("expected recordings of one stream, got several streams");
        }
        let branches: Vec<_> = recordings.iter().flat_map(|one| one.branches.iter().cloned()).collect();
        for (place, one) in branches.iter().enumerate() {
            if branches[..place].iter().any(|other| one.disturbs(other) || other.disturbs(one)) {
                return refused(
                    "expected independent recordings, got two of which one writes to memory of the other",
                );
            }
        }
        Ok(Self { replay: OnceLock::new(), branches, gpu: Arc::clone(&first.gpu) })
    }

    /// Whether [`Recording::together`] of these recordings has made this one.
    pub fn is_of(&self, recordings: &[&Self]) -> bool {
        let mut branches = recordings.iter().flat_map(|one| &one.branches);
        let are_equal =
            self.branches.iter().all(|own| branches.next().is_some_and(|one| Arc::ptr_eq(own, one)));
        are_equal && branches.next().is_none()
    }

    /// The number of commands.
    pub fn len(&self) -> usize {
        self.branches.iter().map(|branch| branch.commands.len()).sum()
    }

    /// Whether there are no commands.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The floating-point operations of a replay.
    pub fn flops(&self) -> u64 {
        self.branches.iter().map(|branch| branch.flops).sum()
    }

    /// Replays the step as training step `number`.
    pub fn replay(&self, number: u64) -> Result<()> {
        if self.branches.iter().any(|branch| branch.reads_number) {
            self.gpu.step(number)?;
        }
        self.gpu.flush()?;
        self.prepared()?.replay()?;
        flops::add(self.flops());
        Ok(())
    }

    fn prepared(&self) -> Result<&dyn Replay> {
        if let Some(replay) = self.replay.get() {
            return Ok(&**replay);
        }
        let branches: Vec<&[Command]> = self.branches.iter().map(|branch| &*branch.commands).collect();
        // SAFETY: all memory that the commands access is either from the pool of their branch or in its `given`; the
        // branches keep both alive and are dropped after the replay.
        let replay = unsafe { self.gpu.driver.prepare(&branches) }?;
        Ok(&**self.replay.get_or_init(|| replay))
    }
}
