//! The options shared by commands on experiments: selection, profile, folders, parallelism.

use std::path::{Path, PathBuf};

use crate::program;
use crate::provenance::provenance;
use clap::Args;

use super::values::{at_least_one, existing_folder};
use crate::error::{Error, Result};
use experiments::Profile;
use experiments::experiment::Planned;
use experiments::options::Options;
use experiments::order::scheduled;
use runs::local::Resources;
use runs::run::keep::Keep;
use runs::settings::Setting;
use runs::slurm::Engine;

#[derive(Debug, Args)]
pub(crate) struct Selection {
    #[arg(long, help = profiles())]
    profile: Option<Profile>,
    /// Only these experiments, or those of a paper: cre, lbr
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub(super) only: Vec<String>,
    /// The folder to search first for data sets
    #[arg(long, value_name = "DIR", value_parser = existing_folder)]
    data: Option<PathBuf>,
    /// The results folder [default: out]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The number of concurrent runs; by default the number of logical CPU cores
    #[arg(long, value_name = "N", value_parser = at_least_one, allow_negative_numbers = true)]
    jobs: Option<usize>,
    /// The device to train on
    #[arg(long, default_value = "cpu")]
    pub(super) device: String,
    /// Set a value of the config, as in `seeds=[0,1,2]`; can be repeated
    #[arg(short = 's', long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

/// The help of `--profile`.
fn profiles() -> String {
    let each = |profile: Profile| format!("\n- {profile} ({}): {}", profile.time(), profile.purpose());
    let each: String = Profile::ALL.into_iter().map(each).collect();
    format!("The size of the job, with its time on two cores [default: {}]:{each}", Profile::Quick)
}

impl Selection {
    fn profile(&self) -> Profile {
        self.profile.unwrap_or(Profile::Quick)
    }

    /// The profile and the results folder that the command names.
    pub(super) fn named(&self) -> (Option<Profile>, Option<&Path>) {
        (self.profile, self.out.as_deref())
    }

    /// The experiments with their resolved configs.
    ///
    /// # Errors
    /// [`Error::Usage`] for an unknown device, experiment or setting.
    pub(super) fn planned(&self) -> Result<Vec<Planned>> {
        self.check_device()?;
        self.planned_elsewhere()
    }

    /// Checks that this machine has the device.
    ///
    /// # Errors
    /// [`Error::Usage`] if it does not.
    pub(super) fn check_device(&self) -> Result<()> {
        let device = self.device.parse::<tensor::Device>();
        device.map(drop).map_err(|error| Error::Usage(error.to_string()))
    }

    /// The experiments for another machine, whose devices are unknown here.
    ///
    /// # Errors
    /// [`Error::Usage`] for an unknown experiment or setting.
    pub(super) fn planned_elsewhere(&self) -> Result<Vec<Planned>> {
        let settings: Vec<Setting> =
            self.settings.iter().map(|text| text.parse().map_err(Error::Usage)).collect::<Result<_>>()?;
        let experiments = scheduled(self.profile(), &self.only)?;
        let plan = |one| Ok(Planned::new(one, self.profile(), &settings)?);
        experiments.into_iter().map(plan).collect()
    }

    /// The options of a run on this machine.
    pub(super) fn options(&self) -> Options {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Options {
            profile: self.profile(),
            command: program::reproduce(),
            out: self.out.clone().unwrap_or_else(|| "out".into()),
            data: self.data.clone(),
            resources: Resources {
                jobs: self.jobs.unwrap_or(processors),
                together: 1,
                threads: 1,
                device: self.device.clone(),
                keep: Keep::WhatIsReread,
            },
            settings: self.settings.clone(),
            engine: Engine::Local,
            provenance: provenance(&self.device),
        }
    }

    /// The options for this engine; on a cluster one core per task by default.
    pub(super) fn options_of(&self, engine: Engine) -> Options {
        let mut options = self.options();
        if let Engine::Slurm(_) = engine {
            options.resources.jobs = self.jobs.unwrap_or(1);
        }
        Options { engine, ..options }
    }
}
