//! What a command's experiments ask for: their runs, the runs that those need, and the data that are here.

use system::note;

use crate::Result;
use crate::cluster::{self, Engine, Sweep};
use crate::engine::{self, Data, Done};
use crate::experiment::Planned;
use crate::progress::Progress;
use crate::provenance::provenance;
use crate::reproduce::Options;
use crate::run::{Hardware, Run};
use crate::store::Store;

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
    pub fn by(planned: &[Planned], options: &Options) -> Result<Self> {
        let store =
            Store::open(options.out.join("runs"))?.with_provenance(provenance(&options.places.device));
        Self::of(planned, options, store)
    }

    /// The same for reading only: no folder is made.
    ///
    /// # Errors
    /// If data cannot be read.
    pub fn to_look_at(planned: &[Planned], options: &Options) -> Result<Self> {
        Self::of(planned, options, Store::reading(options.out.join("runs")))
    }

    fn of(planned: &[Planned], options: &Options, store: Store) -> Result<Self> {
        let hardware = options.hardware()?;
        let asked: Vec<Run> =
            planned.iter().flat_map(|planned| &planned.runs).map(|run| run.clone().on(hardware)).collect();
        let data = engine::open_data(&asked, options.data.as_deref())?;
        for (name, why) in &data.absent {
            note!("{name} is not here, and what needs it is reported as not run: {}", why.told);
        }
        let mut runs = engine::with_needed(&asked);
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
    pub(crate) fn done(&self, options: &Options) -> Result<Done> {
        let Self { runs, data, store, .. } = self;
        match &options.engine {
            Engine::Local => {
                let epochs = runs.iter().map(|run| u64::from(run.config.epochs) + 1).sum();
                let progress = Progress::new(runs.len(), epochs);
                let done = engine::run_all(store, &data.open, runs, &options.places, &progress);
                progress.end();
                done
            }
            Engine::Slurm(slurm) => {
                cluster::complete(&self.sweep(options), slurm)?;
                engine::stored(store, &data.open, runs)
            }
        }
    }
}
