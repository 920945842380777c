//! The job of a command: the runs of its experiments, the runs that those need, and their data.

use std::collections::{HashMap, HashSet};

use crate::claims;
use crate::error::Result;
use crate::experiment::Planned;
use crate::options::Options;
use crate::profile::Profile;
use runs::local::{self, Data, Estimate, FinishedRuns, Observer, Stage, Stages};
use runs::run::Run;
use runs::slurm::{self, Engine, Sweep};
use runs::store::Store;
use runs::training::Hardware;

/// The runs of some experiments, the runs that those need, and their data.
pub struct Job {
    /// The runs whose data are available, dependencies first.
    pub runs: Vec<Run>,
    /// The runs of each experiment, in the order in which they are computed.
    pub stages: Vec<Stage>,
    /// The data sets.
    pub data: Data,
    /// The run store.
    pub store: Store,
    /// The hardware of the runs, which is part of their keys.
    pub hardware: Hardware,
}

impl Job {
    /// The job of these experiments. A missing data set is not an error: the observer receives a note.
    ///
    /// # Errors
    /// If data cannot be read, or the store cannot be written.
    pub fn new(planned: &[Planned], options: &Options, observer: &dyn Observer) -> Result<Self> {
        let store = Store::open(options.out.join("runs"))?.with_provenance(options.provenance.clone());
        Self::with_store(planned, options, store, observer)
    }

    /// The job with a read-only store: no folder is created.
    ///
    /// # Errors
    /// If data cannot be read.
    pub fn read_only(planned: &[Planned], options: &Options, observer: &dyn Observer) -> Result<Self> {
        Self::with_store(planned, options, Store::reading(options.out.join("runs")), observer)
    }

    fn with_store(
        planned: &[Planned],
        options: &Options,
        store: Store,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let hardware = options.hardware()?;
        let planned_runs: Vec<Run> =
            planned.iter().flat_map(|planned| &planned.runs).map(|run| run.clone().on(hardware)).collect();
        let data = local::open_data(&planned_runs, options.data.as_deref())?;
        for (name, why) in &data.missing {
            observer.note(&format!(
                "{name} is missing; the experiments that need it are reported as not run: {}",
                why.message
            ));
        }
        let here = |of: &[Run]| {
            let mut runs = local::with_needed(of);
            runs.retain(|run| data.open.contains_key(&run.config.data));
            runs
        };
        let stage = |planned: &Planned| {
            let runs: Vec<Run> = planned.runs.iter().map(|run| run.clone().on(hardware)).collect();
            Stage { name: planned.experiment.info().name.into(), runs: here(&runs) }
        };
        let (runs, stages) = (here(&planned_runs), planned.iter().map(stage).collect());
        Ok(Self { runs, stages, data, store, hardware })
    }

    /// The job as a sweep of the Slurm engine.
    pub fn sweep<'a>(&'a self, options: &'a Options) -> Sweep<'a> {
        let (runs, data, store) = (&self.runs, &self.data, &self.store);
        Sweep {
            runs,
            data,
            store,
            data_folder: options.data.as_deref(),
            out: &options.out,
            resources: &options.resources,
            arguments: &[],
        }
    }

    /// Finds or computes all runs, and calls `complete` with the index of each experiment and its runs once they are
    /// finished.
    pub(crate) fn finish(
        &self,
        options: &Options,
        observer: &dyn Observer,
        mut complete: impl FnMut(usize, FinishedRuns) -> Result<()>,
    ) -> Result<()> {
        let Self { stages, data, store, .. } = self;
        match &options.engine {
            Engine::Local => {
                let (seconds, encoders) = (self.seconds(options)?, encoders(self.hardware)?);
                let stages = Stages { stages: stages.clone(), seconds, encoders };
                observer.begin(&stages);
                let finished =
                    local::run_stages(store, &data.open, &stages, &options.resources, observer, complete);
                observer.end();
                finished
            }
            Engine::Slurm(slurm) => {
                slurm::complete(&self.sweep(options), slurm, observer)?;
                stages
                    .iter()
                    .enumerate()
                    .try_for_each(|(at, stage)| complete(at, local::stored(store, &data.open, &stage.runs)?))
            }
        }
    }

    /// The estimated seconds of each run that is not stored yet, from a few steps of each kind of run. A run whose
    /// steps fail has no estimate; the error is reported when it is computed.
    fn seconds(&self, options: &Options) -> Result<HashMap<String, f64>> {
        let mut estimate = Estimate::new(&self.data, options.resources.device()?);
        let mut seconds = HashMap::new();
        for run in &self.runs {
            let Some(images) = self.data.open.get(&run.config.data) else { continue };
            if self.store.ended(&run.spec(images))?.is_none() {
                seconds.extend(estimate.seconds(run).ok().map(|seconds| (local::name(run), seconds)));
            }
        }
        Ok(seconds)
    }
}

/// The runs whose parameters some experiment of some profile reads: larger profiles find the runs of smaller ones.
fn encoders(hardware: Hardware) -> Result<HashSet<String>> {
    let mut encoders = HashSet::new();
    for &experiment in claims::ALL {
        for profile in Profile::ALL {
            for run in Planned::new(experiment, profile, &[])?.runs {
                let run = run.on(hardware);
                let read = if experiment.reads_parameters() { Some(run) } else { run.needs() };
                encoders.extend(read.map(|run| local::name(&run)));
            }
        }
    }
    Ok(encoders)
}
