//! What a command's experiments ask for: their runs, the runs that those need, and the data that are here.

use crate::Result;
use crate::experiment::Planned;
use crate::reproduce::Options;
use runs::local::{self, Data, Done, Observer};
use runs::run::{Hardware, Run};
use runs::slurm::{self, Engine, Sweep};
use runs::store::Store;

/// Runs that are asked for, with those that they need and what they read.
pub struct Asked {
    /// The runs whose data are here, those that are needed first.
    pub runs: Vec<Run>,
    /// The data sets.
    pub data: Data,
    /// Where the runs are kept.
    pub store: Store,
    pub(crate) hardware: Hardware,
}

impl Asked {
    /// What these experiments ask for. A data set that is nowhere is no error and is said.
    ///
    /// # Errors
    /// If data cannot be read, or the store cannot be written.
    pub fn by(planned: &[Planned], options: &Options, observer: &dyn Observer) -> Result<Self> {
        let store = Store::open(options.out.join("runs"))?.with_provenance(options.provenance.clone());
        Self::of(planned, options, store, observer)
    }

    /// The same for reading only: no folder is made.
    ///
    /// # Errors
    /// If data cannot be read.
    pub fn to_look_at(planned: &[Planned], options: &Options, observer: &dyn Observer) -> Result<Self> {
        Self::of(planned, options, Store::reading(options.out.join("runs")), observer)
    }

    fn of(planned: &[Planned], options: &Options, store: Store, observer: &dyn Observer) -> Result<Self> {
        let hardware = options.hardware()?;
        let asked: Vec<Run> =
            planned.iter().flat_map(|planned| &planned.runs).map(|run| run.clone().on(hardware)).collect();
        let data = local::open_data(&asked, options.data.as_deref())?;
        for (name, why) in &data.absent {
            observer
                .note(&format!("{name} is not here, and what needs it is reported as not run: {}", why.told));
        }
        let mut runs = local::with_needed(&asked);
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
            places: &options.places,
        }
    }

    /// All of the runs, finished: from the store where they are there, else computed now.
    pub(crate) fn done(&self, options: &Options, observer: &dyn Observer) -> Result<Done> {
        let Self { runs, data, store, .. } = self;
        match &options.engine {
            Engine::Local => {
                observer.begin(runs);
                let done = local::run_all(store, &data.open, runs, &options.places, observer);
                observer.end();
                Ok(done?)
            }
            Engine::Slurm(slurm) => {
                slurm::complete(&self.sweep(options), slurm, observer)?;
                Ok(local::stored(store, &data.open, runs)?)
            }
        }
    }
}
