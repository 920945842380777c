//! Errors of the run store, each with the file and the next step.

use std::io;
use std::path::{Path, PathBuf};

use system::files;

/// The result of a call to the run store.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the run store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file operation failed.
    #[error("could not {action} {}: {source}; nothing stored before is lost", file.display())]
    Io {
        /// The operation: "read", "write", "rename".
        action: &'static str,
        /// The file or folder.
        file: PathBuf,
        /// The system's error message.
        source: io::Error,
    },
    /// The disk is full, a quota is used up, or a file may not grow further (`ulimit -f`).
    #[error(
        "the disk is full: could not {action} {}; nothing stored before is lost: free some space and run the same command again",
        file.display()
    )]
    DiskFull {
        /// The operation.
        action: &'static str,
        /// The file that did not fit.
        file: PathBuf,
    },
    /// The store's folder can't be created or written.
    #[error("the results folder {} cannot be written: {source}; choose a folder that you may write to", root.display())]
    NotWritable {
        /// The store's folder.
        root: PathBuf,
        /// The cause: an [`Error::Io`].
        source: Box<Error>,
    },
    /// Another process, or another thread of this one, holds the run.
    #[error(
        "the run in {} is in use by another process; wait for it to end or stop it, then run the same command again",
        folder.display()
    )]
    Locked {
        /// The run's folder.
        folder: PathBuf,
    },
    /// A damaged line of a journal, other than a half-written last one.
    #[error(
        "{} line {line} is damaged: {reason}; nothing was changed: restore the file from a copy, or delete its folder to compute the run again",
        file.display()
    )]
    DamagedLine {
        /// The journal.
        file: PathBuf,
        /// The line number, from 1.
        line: usize,
        /// The expected and the actual content.
        reason: String,
    },
    /// The content of a stored file is not what was written.
    #[error(
        "{} is damaged: expected {expected}, got {got}; delete its folder to compute the run again",
        file.display()
    )]
    DamagedFile {
        /// The damaged file.
        file: PathBuf,
        /// The expected content.
        expected: String,
        /// The actual content.
        got: String,
    },
    /// The folder of a run holds another run.
    #[error(
        "{} belongs to another run: expected the key {expected}, got {got}; use an empty results folder",
        file.display()
    )]
    OtherRun {
        /// The journal.
        file: PathBuf,
        /// The key of the requested spec.
        expected: String,
        /// The key in the journal's header.
        got: String,
    },
    /// Recomputing an epoch gave other values than the journal holds.
    #[error(
        "the run in {} is not deterministic: {what}; check for a code change without a new schema number, another device, or an unseeded random generator",
        folder.display()
    )]
    NotDeterministic {
        /// The run's folder.
        folder: PathBuf,
        /// Which value differs, with both values.
        what: String,
    },
    /// An epoch was recorded out of order.
    #[error("{}: expected epoch {expected} to be recorded next, got {got}", folder.display())]
    Order {
        /// The run's folder.
        folder: PathBuf,
        /// The expected epoch.
        expected: u32,
        /// The given epoch.
        got: u32,
    },
    /// A finished run can't be changed.
    #[error("the run in {} is finished; read it with `find`", folder.display())]
    Finished {
        /// The run's folder.
        folder: PathBuf,
    },
    /// A name or a shape that can't be stored.
    #[error("cannot store `{name}`: expected {expected}, got {got}")]
    Invalid {
        /// The array, dimension, variable or attribute.
        name: String,
        /// The values that can be stored.
        expected: String,
        /// The actual value.
        got: String,
    },
    /// The file is not a results file of this program, or is truncated.
    #[error("{} cannot be read as results: expected {expected}, got {got}", file.display())]
    NotResults {
        /// The file.
        file: PathBuf,
        /// The expected content.
        expected: String,
        /// The actual content.
        got: String,
    },
    /// A results file was changed after it was written.
    #[error(
        "{} was modified or damaged after it was written: expected {expected}, got {got}; compute it again \
         with the command that wrote it, or restore it from a copy",
        file.display()
    )]
    Altered {
        /// The file.
        file: PathBuf,
        /// The expected content.
        expected: String,
        /// The actual content.
        got: String,
    },
    /// The HDF5 library could not write a file.
    #[error(
        "could not write {}: {message}; nothing stored before is lost: check the free space and run the same command again",
        file.display()
    )]
    Hdf5 {
        /// The file.
        file: PathBuf,
        /// The library's error message.
        message: String,
    },
}

impl Error {
    /// An [`Error::Io`], or [`Error::DiskFull`] if that is the cause.
    pub(super) fn io(action: &'static str, file: &Path, source: io::Error) -> Error {
        let file = file.to_path_buf();
        match files::is_full(&source) {
            true => Error::DiskFull { action, file },
            false => Error::Io { action, file, source },
        }
    }

    pub(super) fn invalid(name: &str, expected: impl Into<String>, got: impl Into<String>) -> Error {
        Error::Invalid { name: name.to_owned(), expected: expected.into(), got: got.into() }
    }

    pub(super) fn damaged(file: &Path, expected: impl Into<String>, got: impl Into<String>) -> Error {
        Error::DamagedFile { file: file.to_path_buf(), expected: expected.into(), got: got.into() }
    }
}
