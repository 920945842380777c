//! The interface through which schedulers report progress.

use super::stages::Stages;
use crate::run::Run;
use crate::store::{Epoch, FinishedRun};

/// Receives progress events of runs, from several threads.
pub trait Observer: Sync {
    /// The runs that will be reported.
    fn begin(&self, _stages: &Stages) {}

    /// No more events follow.
    fn end(&self) {}

    /// A run was loaded from the store.
    fn found(&self, run: &Run, found: &FinishedRun);

    /// The epochs of a run computed so far; the last `fresh` of them are new.
    fn epochs(&self, run: &Run, epochs: &[Epoch], fresh: usize);

    /// A run starts a phase that may take long without completing an epoch; `what` describes it.
    fn phase(&self, _run: &Run, _what: &str) {}

    /// A run was computed.
    fn finished(&self, run: &Run, finished: &FinishedRun);

    /// Other information for the user, such as a missing data set or the state of a Slurm job.
    fn note(&self, text: &str);
}

/// An observer that ignores all events.
pub struct Quiet;

impl Observer for Quiet {
    fn found(&self, _: &Run, _: &FinishedRun) {}
    fn epochs(&self, _: &Run, _: &[Epoch], _: usize) {}
    fn finished(&self, _: &Run, _: &FinishedRun) {}
    fn note(&self, _: &str) {}
}
