//! Who computes runs: this machine, or a cluster and how it is asked.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::selection::Selection;
use super::values::{at_least_one, seconds};
use crate::error::{Error, Result};
use crate::progress::Progress;
use experiments::experiment::Planned;
use experiments::job::Job;
use experiments::options::Options;
use runs::slurm::{self, Engine, Slurm};

#[derive(Debug, Args)]
pub(crate) struct Computed {
    /// Who computes: this machine, or the Slurm cluster that it belongs to
    #[arg(long, value_name = "ENGINE", default_value = "local", help_heading = "Cluster")]
    engine: Name,
    /// Print the batch script and the number of tasks, and submit nothing
    #[arg(long, help_heading = "Cluster")]
    dry_run: bool,
    /// More options of sbatch, as in "--partition=long --account=me"; they win over those of the script
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true, help_heading = "Cluster")]
    sbatch: Vec<String>,
    /// Tasks at once, at most, 64 by default; each has as many cores as --jobs says, 1 by default
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Cluster")]
    at_once: Option<usize>,
    /// Job arrays after each other, at most, 5 by default: what a dead node or a time limit took away is submitted again
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Cluster")]
    rounds: Option<usize>,
    /// Seconds between two questions to the scheduler, 15 by default
    #[arg(long, value_name = "SECONDS", value_parser = at_least_one, help_heading = "Cluster")]
    poll: Option<usize>,
    /// Seconds that a run takes on a node, instead of an estimate from a few steps here
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Cluster")]
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
            Name::Local => match self.for_a_cluster() {
                Some(option) => Err(Error::Usage(format!("`{option}` is for `--engine slurm`"))),
                None => selection.planned(),
            },
        }
    }

    /// The first option that means nothing on this machine alone.
    fn for_a_cluster(&self) -> Option<&'static str> {
        let given = [
            ("--dry-run", self.dry_run),
            ("--sbatch", !self.sbatch.is_empty()),
            ("--at-once", self.at_once.is_some()),
            ("--rounds", self.rounds.is_some()),
            ("--poll", self.poll.is_some()),
            ("--seconds-per-run", self.seconds_per_run.is_some()),
            ("--slurm-bin", self.slurm_bin.is_some()),
        ];
        given.into_iter().find_map(|(option, given)| given.then_some(option))
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
                at_once: self.at_once.unwrap_or(64),
                rounds: self.rounds.unwrap_or(5),
                poll: Duration::from_secs(self.poll.unwrap_or(15) as u64),
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
                let asked = Job::read_only(planned, options, &Progress::new())?;
                Ok(Some(slurm::dry_run(&asked.sweep(options), slurm)?))
            }
            _ => Ok(None),
        }
    }
}
