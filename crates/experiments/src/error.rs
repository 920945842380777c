//! Errors of experiments.

use std::path::PathBuf;

use system::exit::ExitStatus;
use system::{files, text};

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of an experiment, its figures or its files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command names something that does not exist; exit code 2.
    #[error("{0}")]
    Usage(String),
    /// An error of a run, its store or its scheduler.
    #[error(transparent)]
    Runs(runs::Error),
    /// An error of a figure or the page.
    #[error(transparent)]
    Report(#[from] report::Error),
    /// A file that could not be written.
    #[error("{}cannot write {}: {source}; nothing stored before is lost", full(source), path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The folder has no results of any of the named experiments.
    #[error("{} holds no results of these experiments; run `agon reproduce` first", text::path(folder))]
    NoResults {
        /// The folder of the profile.
        folder: PathBuf,
    },
    /// A results file has the name of another experiment.
    #[error(
        "{} holds the results of another experiment: expected `{expected}`, got `{got}`; restore the file, or run \
         `agon reproduce --only {expected}`",
        text::path(file)
    )]
    OtherExperiment {
        /// The file.
        file: PathBuf,
        /// The experiment of the file's name.
        expected: String,
        /// The experiment of its results.
        got: String,
    },
    /// A verdict needs a point of the grid that was not run; the text names it.
    #[error("not run: {0}")]
    NotRun(String),
    /// Stored results lack something that a figure or a verdict reads; the text names it.
    #[error("missing in the results: {0}; run the experiment again with `agon reproduce`")]
    Missing(String),
}

impl Error {
    /// The exit status of the program for this error.
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Usage(_) => ExitStatus::Usage,
            Self::Runs(error) => error.exit_status(),
            Self::Write { source, .. } if files::is_full(source) => ExitStatus::DiskFull,
            _ => ExitStatus::Failure,
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

/// Converts errors of lower crates by way of [`runs::Error`].
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

/// The beginning of a write error if the disk is full.
fn full(error: &std::io::Error) -> &'static str {
    if files::is_full(error) { "the disk is full: " } else { "" }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_full_disk_has_exit_code_4_for_every_kind_of_error() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let (path, reason) = (PathBuf::from("f"), String::new());
        for error in [
            Error::Write { path: path.clone(), source: full() },
            Error::Write { path: path.clone(), source: io::ErrorKind::FileTooLarge.into() },
            runs::slurm::Error::Unwritable { file: path.clone(), source: full() }.into(),
            data::Error::Io { file: "f".into(), cause: full() }.into(),
            models::Error::DiskFull { path: path.clone(), reason }.into(),
        ] {
            assert_eq!(error.exit_status(), ExitStatus::DiskFull, "{error}");
        }
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(Error::Write { path, source: denied }.exit_status(), ExitStatus::Failure);
    }
}
