//! The run store: each run is computed once, found by its key, and survives a kill at any time.
//!
//! One folder per run, named by the first 16 hex digits of its key. The journal is authoritative: an epoch is recorded when
//! its line is on the disk. An epoch with a checkpoint writes the checkpoint first. HDF5 files are derived.
//!
//! ```text
//! let store = Store::open("runs")?.with_provenance(provenance);
//! if let Some(run) = store.find(&spec)? {
//!     return Ok(run);
//! }
//! let mut folder = store.run(&spec)?;
//! let mut state = folder.resume()?;      // None: from the beginning
//! while … { folder.record(&checkpoint, scalars, seconds)?; }
//! folder.finish(Outcome::Finished, &finals)
//! ```

// The spec of a run, its computation, and how it is read back.
mod spec;

mod run;

mod find;
mod finished;

// The files of a run.
mod entry;
mod journal;

mod array;
mod checkpoint;

mod disk;
mod lock;

// The files for other programs.
mod archive;
pub mod hdf5;
mod results;

mod error;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use system::files;

pub use array::{Array, Arrays, Values};
pub use checkpoint::Checkpoint;
pub use disk::{Disk, RealDisk};
pub use entry::{Epoch, Outcome, trained};
pub use error::{Error, Result};
pub use finished::FinishedRun;
pub use hdf5::{read_results, read_sealed, write_results};
pub use journal::Torn;
pub use results::{Coordinates, Dimension, Results, Variable};
pub use run::RunFolder;
pub use spec::{DataId, RunSpec};

/// A folder of runs, which several processes may share.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    disk: Arc<dyn Disk>,
    provenance: Map<String, Value>,
    checkpoint_after: Duration,
}

/// The default of [`Store::checkpointing_after`]: the work that a kill may lose.
const CHECKPOINT_AFTER: Duration = Duration::from_secs(10);

/// The content of a run's journal.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Its spec.
    pub spec: RunSpec,
    /// The epochs in its journal.
    pub epochs: Vec<Epoch>,
    /// How it ended; `None` while it is unfinished.
    pub outcome: Option<Outcome>,
    /// The half-written last line of its journal, if any.
    pub torn: Option<Torn>,
}

impl Summary {
    /// Parses the bytes of a journal; `file` is its name in errors.
    ///
    /// # Errors
    /// [`Error::DamagedLine`] for a damaged line that is not the last, and for lines in an invalid order.
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Summary> {
        journal::Journal::parse(file, bytes).map(Summary::new)
    }

    fn new(journal: journal::Journal) -> Summary {
        Summary {
            spec: journal.header.spec,
            epochs: journal.epochs,
            outcome: journal.finish.map(|finish| finish.outcome),
            torn: journal.torn,
        }
    }
}

impl Store {
    /// Opens a store, creating its folder if needed, and checks that it is writable.
    ///
    /// # Errors
    /// [`Error::NotWritable`].
    pub fn open(root: impl Into<PathBuf>) -> Result<Store> {
        Store::open_on(Arc::new(RealDisk), root)
    }

    /// Opens a store on another implementation of [`Disk`].
    ///
    /// # Errors
    /// [`Error::NotWritable`].
    pub fn open_on(disk: Arc<dyn Disk>, root: impl Into<PathBuf>) -> Result<Store> {
        let root = root.into();
        prove_writable(&*disk, &root)
            .map_err(|source| Error::NotWritable { root: root.clone(), source: Box::new(source) })?;
        Ok(Store { root, disk, provenance: Map::new(), checkpoint_after: CHECKPOINT_AFTER })
    }

    /// A read-only store; its folder may not exist and is not created.
    pub fn reading(root: impl Into<PathBuf>) -> Store {
        let disk = Arc::new(RealDisk);
        Store { root: root.into(), disk, provenance: Map::new(), checkpoint_after: CHECKPOINT_AFTER }
    }

    /// Sets the provenance of runs computed from now on: commit, device, versions, hashes. It is recorded in the
    /// header of each journal and is not part of the key.
    #[must_use]
    pub fn with_provenance(self, provenance: Map<String, Value>) -> Store {
        Store { provenance, ..self }
    }

    /// Sets the time after which a run is due for a checkpoint; 10 seconds by default.
    #[must_use]
    pub fn checkpointing_after(self, time: Duration) -> Store {
        Store { checkpoint_after: time, ..self }
    }

    /// The folder of this store.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Starts or resumes the run and locks its folder until the result is dropped.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process computes it; [`Error::DamagedLine`],
    /// [`Error::OtherRun`], [`Error::Io`], [`Error::DiskFull`].
    pub fn run(&self, spec: &RunSpec) -> Result<RunFolder> {
        let folder = RunFolder::open(self.disk.clone(), self.folder(spec), spec, &self.provenance)?;
        Ok(folder.checkpointing_after(self.checkpoint_after))
    }

    /// The finished run; `None` if it has not started or not ended. Takes no lock, unless
    /// `run.h5` is missing or damaged and has to be derived.
    ///
    /// # Errors
    /// [`Error::DamagedLine`], [`Error::DamagedFile`], [`Error::OtherRun`], [`Error::Io`]; when
    /// `run.h5` is derived also [`Error::DiskFull`] and [`Error::Hdf5`].
    pub fn find(&self, spec: &RunSpec) -> Result<Option<FinishedRun>> {
        find::find(&*self.disk, &self.folder(spec), spec)
    }

    /// How the run ended, from its journal alone; `None` if it has not started or not ended. Reads one file, where
    /// [`Store::find`] reads all.
    ///
    /// # Errors
    /// [`Error::DamagedLine`], [`Error::OtherRun`], [`Error::Io`].
    pub fn ended(&self, spec: &RunSpec) -> Result<Option<Outcome>> {
        Ok(self.journal(spec)?.and_then(|journal| journal.finish).map(|finish| finish.outcome))
    }

    /// The spec that the run was started with, including its class names; `None` if it has not started.
    ///
    /// # Errors
    /// As [`Store::ended`].
    pub fn begun(&self, spec: &RunSpec) -> Result<Option<RunSpec>> {
        Ok(self.journal(spec)?.map(|journal| journal.header.spec))
    }

    fn journal(&self, spec: &RunSpec) -> Result<Option<journal::Journal>> {
        let folder = self.folder(spec);
        let journal = journal::Journal::read(&*self.disk, &folder.join("journal.jsonl"))?;
        journal.iter().try_for_each(|journal| find::check_key(&folder, journal, spec))?;
        Ok(journal)
    }

    /// Deletes a run, so that it is computed again; for failed runs whose cause may have been fixed.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process computes it; [`Error::Io`].
    pub fn forget(&self, spec: &RunSpec) -> Result<()> {
        let folder = self.folder(spec);
        let _lock = lock::Lock::take(&folder)?;
        // The journal is removed first: without it there is no run, whatever files are left.
        disk::remove(&*self.disk, &folder.join("journal.jsonl"))?;
        let names = self.disk.names(&folder).map_err(|source| Error::io("list", &folder, source))?;
        for name in names.into_iter().filter(|name| name != "lock") {
            disk::remove(&*self.disk, &folder.join(name))?;
        }
        Ok(())
    }

    /// All runs, finished or not, by folder. A damaged run is an error in its own entry.
    ///
    /// # Errors
    /// [`Error::Io`] if the store's folder can't be listed.
    pub fn list(&self) -> Result<Vec<(PathBuf, Result<Summary>)>> {
        let names = self.disk.names(&self.root).map_err(|source| Error::io("list", &self.root, source))?;
        let mut runs = vec![];
        for folder in names.into_iter().map(|name| self.root.join(name)).filter(|path| path.is_dir()) {
            let summary = match journal::Journal::read(&*self.disk, &folder.join("journal.jsonl")) {
                Ok(None) => continue,
                Ok(Some(journal)) => Ok(Summary::new(journal)),
                Err(error) => Err(error),
            };
            runs.push((folder, summary));
        }
        Ok(runs)
    }

    fn folder(&self, spec: &RunSpec) -> PathBuf {
        self.root.join(spec.folder_name())
    }
}

fn prove_writable(disk: &dyn Disk, root: &Path) -> Result<()> {
    disk.create_folder(root).map_err(|source| Error::io("create", root, source))?;
    let probe = files::partial(&root.join("probe"));
    disk.write(&probe, b"this folder is writable").map_err(|source| Error::io("write", &probe, source))?;
    disk::remove(disk, &probe)
}
