//! Errors of runs, their store and their schedulers.

pub(crate) mod cluster;

use system::exit::ExitStatus;
use system::{files, text};

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of a run, its store or its scheduler.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command names something that does not exist; exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The run store.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// A Slurm cluster, or a task on one of its nodes.
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    /// A data set.
    #[error(transparent)]
    Data(#[from] data::Error),
    /// A model or its training.
    #[error(transparent)]
    Models(#[from] models::Error),
    /// A tensor.
    #[error(transparent)]
    Tensor(#[from] tensor::Error),
    /// A closed form.
    #[error(transparent)]
    Theory(#[from] theory::Error),
    /// A run panicked because of a bug in this program. The epochs it had recorded are kept.
    #[error("{run}: stopped by a bug in this program: {why}; runs finished before it are stored")]
    Panicked {
        /// The run.
        run: String,
        /// The panic message.
        why: String,
    },
    /// The system cannot start more threads.
    #[error(
        "cannot start {}: {why}; end other programs{} raise the limit (`ulimit -u`){}",
        text::count(*requested, "thread"),
        if *jobs > 1 { "," } else { ", or" },
        if *jobs > 1 { ", or lower `--jobs`" } else { "" }
    )]
    Threads {
        /// The number of threads to start.
        requested: usize,
        /// The number of concurrent runs that need them; 1 where no option lowers it.
        jobs: usize,
        /// The system's error message.
        why: String,
    },
    /// Stored results lack an entry that a figure or a verdict needs.
    #[error("missing in the stored results: {0}")]
    Missing(String),
}

impl Error {
    /// The exit status of the program for this error.
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Usage(_)
            | Self::Data(
                data::Error::UnknownSet { .. }
                | data::Error::NotFound { .. }
                | data::Error::Incomplete { .. },
            ) => ExitStatus::Usage,
            _ if self.is_disk_full() => ExitStatus::DiskFull,
            _ => ExitStatus::Failure,
        }
    }

    /// Whether a write failed because the disk was full.
    fn is_disk_full(&self) -> bool {
        use crate::store::Error as Stored;
        match self {
            Self::Store(Stored::DiskFull { .. }) | Self::Models(models::Error::DiskFull { .. }) => true,
            Self::Store(Stored::NotWritable { source, .. }) => matches!(**source, Stored::DiskFull { .. }),
            Self::Cluster(cluster::Error::Unwritable { file: _, source })
            | Self::Data(data::Error::Io { cause: source, .. }) => files::is_full(source),
            _ => false,
        }
    }
}
