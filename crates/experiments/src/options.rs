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
    /// What a user types to reproduce experiments, for the command lines on the page: `cargo xtask reproduce` in a clone.
    pub command: String,
    /// Where everything is written.
    pub out: PathBuf,
    /// Where data sets are looked for first.
    pub data: Option<PathBuf>,
    /// How many runs at once, and on what.
    pub resources: Resources,
    /// What was set besides the profile, as on the command line.
    pub settings: Vec<String>,
    /// Who computes the runs.
    pub engine: Engine,
    /// What makes the results: commit, versions, machine; stored with every run and results file.
    pub provenance: Map<String, Value>,
}

impl Options {
    /// What runs are computed on. A cluster's nodes may have what this machine has not.
    pub(crate) fn hardware(&self) -> Result<Hardware> {
        match self.engine {
            Engine::Local => Ok(Hardware::of(&self.resources.device()?)),
            Engine::Slurm(_) if self.resources.device.starts_with("cuda") => Ok(Hardware::Cuda),
            Engine::Slurm(_) => Ok(Hardware::Cpu),
        }
    }
}
