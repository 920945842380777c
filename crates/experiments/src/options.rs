//! Options of a command that runs experiments.

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::error::Result;
use crate::profile::Profile;
use runs::local::Resources;
use runs::slurm::Engine;
use runs::training::Hardware;

/// Options of a command that runs experiments.
pub struct Options {
    /// The profile, for names and the command lines on the page.
    pub profile: Profile,
    /// The output folder.
    pub out: PathBuf,
    /// The folder that is searched first for data sets.
    pub data: Option<PathBuf>,
    /// The number of parallel runs, and their device.
    pub resources: Resources,
    /// The settings besides the profile, as on the command line.
    pub settings: Vec<String>,
    /// The engine that computes the runs.
    pub engine: Engine,
    /// The provenance of the results: commit, versions, machine; stored with every run and results file.
    pub provenance: Map<String, Value>,
}

impl Options {
    /// The hardware of the runs. The nodes of a cluster may have hardware that this machine lacks.
    pub(crate) fn hardware(&self) -> Result<Hardware> {
        match self.engine {
            Engine::Local => Ok(Hardware::of(&self.resources.device()?)),
            Engine::Slurm(_) if self.resources.device.starts_with("cuda") => Ok(Hardware::Cuda),
            Engine::Slurm(_) => Ok(Hardware::Cpu),
        }
    }
}
