//! A whole run, as it is read back.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::array::Arrays;
use super::entry::{Epoch, Outcome};
use super::spec::RunSpec;

/// Everything that a run left.
#[derive(Debug, Clone)]
pub struct FinishedRun {
    /// Its folder.
    pub folder: PathBuf,
    /// What it computed.
    pub spec: RunSpec,
    /// What computed it: commit, device, versions, hashes.
    pub provenance: Map<String, Value>,
    /// What went on with it after a stop, where that differs from what had computed it until then.
    pub continued: Vec<Map<String, Value>>,
    /// What was measured, epoch by epoch.
    pub epochs: Vec<Epoch>,
    /// How it ended.
    pub outcome: Outcome,
    /// The arrays that were kept at the end.
    pub finals: Arrays,
}

impl FinishedRun {
    /// The run in an HDF5 file of its own. Its layout is described in [`crate::store::hdf5`].
    pub fn hdf5_file(&self) -> PathBuf {
        self.folder.join("run.h5")
    }
}
