//! The finished runs of a command with their data sets.

use runs::local::{Data, FinishedRuns};
use runs::run::Run;
use runs::store::FinishedRun;
use runs::training::Hardware;

/// The finished runs of a command with their data sets.
pub struct FinishedSweep<'a> {
    /// The runs.
    pub runs: &'a FinishedRuns,
    /// The data sets.
    pub data: &'a Data,
    /// The hardware that the runs were computed on.
    pub hardware: Hardware,
}

impl FinishedSweep<'_> {
    /// The finished run of this config and seed, if there is one.
    pub fn get(&self, run: &Run) -> Option<&FinishedRun> {
        self.runs.get(&run.clone().on(self.hardware))
    }
}
