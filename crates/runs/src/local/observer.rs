//! The interface through which a scheduler reports what becomes of runs.

use crate::run::Run;
use crate::store::{Epoch, FinishedRun};

/// Receives the progress of runs, from several threads.
pub trait Observer: Sync {
    /// These runs will be computed or found.
    fn begin(&self, _runs: &[Run]) {}

    /// No more runs will be reported.
    fn end(&self) {}

    /// A run was in the store already.
    fn found(&self, run: &Run, found: &FinishedRun);

    /// A run has computed these epochs so far; the last `fresh` of them were not reported before.
    fn epochs(&self, run: &Run, epochs: &[Epoch], fresh: usize);

    /// A run was computed.
    fn finished(&self, run: &Run, finished: &FinishedRun);

    /// Something else that a person should know, such as a data set that is missing or the state of a Slurm job.
    fn note(&self, text: &str);
}

/// An observer that ignores everything.
pub struct Quiet;

impl Observer for Quiet {
    fn found(&self, _: &Run, _: &FinishedRun) {}
    fn epochs(&self, _: &Run, _: &[Epoch], _: usize) {}
    fn finished(&self, _: &Run, _: &FinishedRun) {}
    fn note(&self, _: &str) {}
}
