//! Errors of runs, their store and their schedulers.

use system::{files, text};

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of a run, its store or its scheduler.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command asks for something that does not exist; exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The run store.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// A Slurm cluster, or a task on one of its nodes.
    #[error(transparent)]
    Cluster(#[from] crate::slurm::error::Error),
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
    /// A run stopped where it must not: a fault of ours. What had been recorded of it stays.
    #[error("{run}: stopped by a fault of this program: {why}; runs before it are stored")]
    Panicked {
        /// The run.
        run: String,
        /// What the program said.
        why: String,
    },
    /// The system starts no more threads.
    #[error(
        "cannot start {}: {why}; end other programs{} raise the limit (`ulimit -u`){}",
        text::count(*wanted, "thread"),
        if *jobs > 1 { "," } else { ", or" },
        if *jobs > 1 { ", or ask for fewer with `--jobs`" } else { "" }
    )]
    Threads {
        /// How many were wanted at once.
        wanted: usize,
        /// The runs at once for which they were wanted; 1 where no option asks for fewer.
        jobs: usize,
        /// What the system said.
        why: String,
    },
    /// Stored results lack something that a figure or an expectation reads.
    #[error("the results have no {0}")]
    Missing(String),
}

impl Error {
    /// The exit code of the program: 2 for a command that asks for what does not exist, 4 for a full disk, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_)
            | Self::Data(
                data::Error::UnknownSet { .. }
                | data::Error::NotFound { .. }
                | data::Error::Incomplete { .. },
            ) => 2,
            _ if self.is_disk_full() => 4,
            _ => 1,
        }
    }

    /// Whether a write failed because the disk was full.
    fn is_disk_full(&self) -> bool {
        use crate::store::Error as Stored;
        match self {
            Self::Store(Stored::DiskFull { .. }) | Self::Models(models::Error::DiskFull { .. }) => true,
            Self::Store(Stored::NotWritable { source, .. }) => matches!(**source, Stored::DiskFull { .. }),
            Self::Cluster(crate::slurm::error::Error::Unwritable { file: _, source })
            | Self::Data(data::Error::Io { cause: source, .. }) => files::is_full(source),
            _ => false,
        }
    }
}
