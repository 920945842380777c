//! The job of a command: the runs of its experiments, the runs that those need, and their data.

use crate::error::Result;
use crate::experiment::Planned;
use crate::options::Options;
use runs::local::{self, Data, FinishedRuns, Observer};
use runs::run::Run;
use runs::slurm::{self, Engine, Sweep};
use runs::store::Store;
use runs::training::Hardware;

/// The runs of some experiments, the runs that those need, and their data.
pub struct Job {
    /// The runs whose data are here, those that are needed first.
    pub runs: Vec<Run>,
    /// The data sets.
    pub data: Data,
    /// Where the runs are kept.
    pub store: Store,
    /// What the runs are computed on, which is part of their keys.
    pub hardware: Hardware,
}

impl Job {
    /// The job of these experiments. A data set that is not found is no error and is noted.
    ///
    /// # Errors
    /// If data cannot be read, or the store cannot be written.
    pub fn new(planned: &[Planned], options: &Options, observer: &dyn Observer) -> Result<Self> {
        let store = Store::open(options.out.join("runs"))?.with_provenance(options.provenance.clone());
        Self::with_store(planned, options, store, observer)
    }

    /// The same for reading only: no folder is made.
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
        let wanted: Vec<Run> =
            planned.iter().flat_map(|planned| &planned.runs).map(|run| run.clone().on(hardware)).collect();
        let data = local::open_data(&wanted, options.data.as_deref())?;
        for (name, why) in &data.missing {
            observer.note(&format!(
                "{name} is not here, and what needs it is reported as not run: {}",
                why.message
            ));
        }
        let mut runs = local::with_needed(&wanted);
        runs.retain(|run| data.open.contains_key(&run.config.data));
        Ok(Self { runs, data, store, hardware })
    }

    /// The same for a cluster.
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

    /// All of the runs, finished: from the store where they are there, else computed now.
    pub(crate) fn finish(&self, options: &Options, observer: &dyn Observer) -> Result<FinishedRuns> {
        let Self { runs, data, store, .. } = self;
        match &options.engine {
            Engine::Local => {
                observer.begin(runs);
                let finished = local::run_all(store, &data.open, runs, &options.resources, observer);
                observer.end();
                Ok(finished?)
            }
            Engine::Slurm(slurm) => {
                slurm::complete(&self.sweep(options), slurm, observer)?;
                Ok(local::stored(store, &data.open, runs)?)
            }
        }
    }
}
