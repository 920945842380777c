//! Errors of experiments.

use std::io::ErrorKind;
use std::path::PathBuf;

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of an experiment, its figures or its files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command asks for something that does not exist; exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A run, its store or its scheduler.
    #[error(transparent)]
    Runs(runs::Error),
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
    /// A file on which the HDF5 library hung or crashed in a process of its own.
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
    /// Stored results lack something that a figure or a verdict reads.
    #[error("the results have no {0}")]
    Missing(String),
}

impl Error {
    /// The exit code of the program: 2 for a command that asks for what does not exist, 4 for a full disk, else 1.
    pub fn exit_code(&self) -> u8 {
        let is_full = |source: &std::io::Error| {
            matches!(
                source.kind(),
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
            )
        };
        match self {
            Self::Usage(_) => 2,
            Self::Runs(error) => error.exit_code(),
            Self::Write { source, .. } if is_full(source) => 4,
            _ => 1,
        }
    }
}

impl From<runs::Error> for Error {
    fn from(error: runs::Error) -> Self {
        match error {
            runs::Error::Usage(what) => Self::Usage(what),
            runs::Error::Missing(what) => Self::Missing(what),
            error => Self::Runs(error),
        }
    }
}

/// Errors of the crates below are those of the runs that use them.
macro_rules! of_runs {
    ($($error:ty),*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::Runs(error.into())
            }
        }
    )*};
}

of_runs!(runs::store::Error, runs::slurm::Error, data::Error, models::Error, tensor::Error, theory::Error);
