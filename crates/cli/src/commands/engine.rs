//! The options that choose where runs are computed: on this machine or on a cluster.

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
    /// Compute on this machine, or on its Slurm cluster
    #[arg(long, value_name = "ENGINE", default_value = "local", help_heading = "Cluster")]
    engine: Name,
    /// On a GPU, the maximum number of runs that are trained as one program, 1 by default: runs that differ in λ and seed only
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    together: Option<usize>,
    /// Print the batch script and the number of tasks without submitting anything
    #[arg(long, help_heading = "Cluster")]
    dry_run: bool,
    /// Additional options of sbatch, as in "--partition=long --account=me"; they override those of the script
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true, help_heading = "Cluster")]
    sbatch: Vec<String>,
    /// The maximum number of concurrent tasks, 64 by default; each has as many cores as --jobs, 1 by default
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Cluster")]
    at_once: Option<usize>,
    /// The maximum number of job arrays in sequence, 5 by default: tasks lost to a dead node or a time limit are resubmitted
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Cluster")]
    rounds: Option<usize>,
    /// Seconds between queries of the scheduler, 15 by default
    #[arg(long, value_name = "SECONDS", value_parser = at_least_one, help_heading = "Cluster")]
    poll: Option<usize>,
    /// Seconds that a run takes on a node, instead of an estimate from a few steps on this machine
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Cluster")]
    seconds_per_run: Option<f64>,
    /// The folder of Slurm's commands, if they are not on the PATH
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
    /// [`Error::Usage`] for an unknown device, experiment or setting, or for options that exclude each other.
    pub(super) fn planned(&self, selection: &Selection) -> Result<Vec<Planned>> {
        self.check(&selection.device)?;
        match self.engine {
            Name::Slurm => selection.planned_elsewhere(),
            Name::Local => selection.planned(),
        }
    }

    /// Checks that options for a cluster are given for one, and that one for a GPU of this machine is given for one.
    ///
    /// # Errors
    /// [`Error::Usage`] if not.
    pub(super) fn check(&self, device: &str) -> Result<()> {
        match (self.engine, self.for_a_cluster()) {
            (Name::Local, Some(option)) => Err(Error::Usage(format!("`{option}` requires `--engine slurm`"))),
            (Name::Slurm, _) if self.together.is_some() => {
                Err(Error::Usage("`--together` requires `--engine local`".into()))
            }
            _ if self.together.is_some() && device == "cpu" => Err(Error::Usage(
                "`--together` requires a GPU, such as `--device cuda:0`; on the CPU use `--jobs`".into(),
            )),
            _ => Ok(()),
        }
    }

    /// The maximum number of runs that are trained as one program.
    pub(super) fn together(&self) -> usize {
        self.together.unwrap_or(1)
    }

    /// Whether nothing is to be submitted.
    pub(super) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// The first option that requires a cluster.
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

    /// Where runs are computed.
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

    /// What would be submitted, for `--dry-run`.
    ///
    /// # Errors
    /// If data or the store cannot be read.
    pub(super) fn dry_run(&self, planned: &[Planned], options: &Options) -> Result<Option<String>> {
        match &options.engine {
            Engine::Slurm(slurm) if self.dry_run => {
                let job = Job::read_only(planned, options, &Progress::new())?;
                Ok(Some(slurm::dry_run(&job.sweep(options), slurm)?))
            }
            _ => Ok(None),
        }
    }
}
