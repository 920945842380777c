//! Who computes runs: this machine, or a cluster and how it is asked.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::selection::Selection;
use crate::asked::Asked;
use crate::cluster::{self, Engine, Slurm};
use crate::experiment::Planned;
use crate::reproduce::Options;
use crate::{Error, Result};

#[derive(Debug, Args)]
pub(super) struct Computed {
    /// Who computes: this machine, or the Slurm cluster that it belongs to
    #[arg(long, value_name = "ENGINE", default_value = "local", help_heading = "Cluster")]
    engine: Name,
    /// Print the batch script and the number of tasks, and submit nothing
    #[arg(long, help_heading = "Cluster")]
    dry_run: bool,
    /// More options of sbatch, as in "--partition=long --account=me"; they win over those of the script
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true, help_heading = "Cluster")]
    sbatch: Vec<String>,
    /// Tasks at once, at most; each has as many cores as --jobs says, 1 by default
    #[arg(long, value_name = "N", default_value = "64", value_parser = at_least_one, help_heading = "Cluster")]
    at_once: usize,
    /// Job arrays after each other, at most: what a dead node or a time limit took away is submitted again
    #[arg(long, value_name = "N", default_value = "5", value_parser = at_least_one, help_heading = "Cluster")]
    rounds: usize,
    /// Seconds between two questions to the scheduler
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = at_least_one, help_heading = "Cluster")]
    poll: usize,
    /// Seconds that a run takes on a node, instead of an estimate from a few steps here
    #[arg(long, value_name = "SECONDS", help_heading = "Cluster")]
    seconds_per_run: Option<f64>,
    /// Where Slurm's commands are, if not on the PATH
    #[arg(long, value_name = "DIR", help_heading = "Cluster")]
    slurm_bin: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    Local,
    Slurm,
}

impl Computed {
    /// The experiments, for devices of this machine or of the cluster's nodes.
    ///
    /// # Errors
    /// [`Error::Usage`] if a device, an experiment or a setting does not exist, or options do not go together.
    pub(super) fn planned(&self, selection: &Selection) -> Result<Vec<Planned>> {
        match self.engine {
            Name::Slurm => selection.planned_elsewhere(),
            Name::Local if self.dry_run || !self.sbatch.is_empty() => {
                Err(Error::Usage("`--dry-run` and `--sbatch` are for `--engine slurm`".into()))
            }
            Name::Local => selection.planned(),
        }
    }

    /// Who computes.
    pub(super) fn engine(&self) -> Engine {
        match self.engine {
            Name::Local => Engine::Local,
            Name::Slurm => Engine::Slurm(Slurm {
                commands: self.slurm_bin.clone(),
                sbatch: self
                    .sbatch
                    .iter()
                    .flat_map(|text| text.split_whitespace())
                    .map(str::to_owned)
                    .collect(),
                at_once: self.at_once,
                rounds: self.rounds,
                poll: Duration::from_secs(self.poll as u64),
                seconds_per_run: self.seconds_per_run,
            }),
        }
    }

    /// What would be submitted, if that is all that is asked.
    ///
    /// # Errors
    /// If data or the store cannot be read.
    pub(super) fn dry_run(&self, planned: &[Planned], options: &Options) -> Result<Option<String>> {
        match &options.engine {
            Engine::Slurm(slurm) if self.dry_run => {
                let asked = Asked::to_look_at(planned, options)?;
                cluster::dry_run(&asked.sweep(options), slurm).map(Some)
            }
            _ => Ok(None),
        }
    }
}

fn at_least_one(text: &str) -> std::result::Result<usize, String> {
    text.parse().ok().filter(|&n| n > 0).ok_or_else(|| "expected a whole number from 1 up".into())
}
