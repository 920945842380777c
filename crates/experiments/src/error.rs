//! What can go wrong in experiments.

use std::io::ErrorKind;
use std::path::PathBuf;

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong in experiments.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command asks for something that does not exist; exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The run store.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// A cluster, or a task on one of its nodes.
    #[error(transparent)]
    Cluster(#[from] crate::cluster::Error),
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
    /// A figure or the page.
    #[error(transparent)]
    Report(#[from] report::Error),
    /// A file that could not be written.
    #[error("cannot write {}: {source}; nothing stored before is lost", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file from elsewhere on which the library that reads it hung or crashed, in a process of its own.
    #[error("{} cannot be read: {why}; it is damaged, or was made to do this", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// How the reading ended.
        why: String,
    },
    /// A verdict needs a point that was not run; what is missing, in words.
    #[error("not run: {0}")]
    NotRun(String),
    /// Stored results lack something that a figure or an expectation reads.
    #[error("the results have no {0}")]
    Missing(String),
}

impl Error {
    /// What the program ends with: 2 for a command that asks for what does not exist, 4 for a full disk, else 1.
    pub fn exit_code(&self) -> u8 {
        use crate::store::Error as Stored;
        let is_full = |source: &std::io::Error| {
            matches!(
                source.kind(),
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
            )
        };
        match self {
            Self::Usage(_)
            | Self::Data(
                data::Error::UnknownSet { .. }
                | data::Error::NotFound { .. }
                | data::Error::Incomplete { .. },
            ) => 2,
            Self::Store(Stored::DiskFull { .. }) => 4,
            Self::Store(Stored::NotWritable { source, .. })
                if matches!(**source, Stored::DiskFull { .. }) =>
            {
                4
            }
            Self::Write { source, .. } if is_full(source) => 4,
            _ => 1,
        }
    }
}
