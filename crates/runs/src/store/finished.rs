//! A finished run as read from the store.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::array::Arrays;
use super::entry::{Epoch, Outcome};
use super::spec::RunSpec;

/// The complete result of a run.
#[derive(Debug, Clone)]
pub struct FinishedRun {
    /// Its folder.
    pub folder: PathBuf,
    /// Its spec.
    pub spec: RunSpec,
    /// The provenance of its first computation: commit, device, versions, hashes.
    pub provenance: Map<String, Value>,
    /// The provenances under which it was resumed, where they differ.
    pub continued: Vec<Map<String, Value>>,
    /// The metrics of each epoch.
    pub epochs: Vec<Epoch>,
    /// How it ended.
    pub outcome: Outcome,
    /// The final arrays.
    pub finals: Arrays,
}

impl FinishedRun {
    /// The HDF5 file of the run; [`crate::store::hdf5`] describes its layout.
    pub fn hdf5_file(&self) -> PathBuf {
        self.folder.join("run.h5")
    }
}
