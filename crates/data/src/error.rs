//! Errors of finding, reading and downloading data sets.

use std::{io, path::PathBuf};

/// The errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read `{file}`: {cause}")]
    Io {
        /// The path of the file.
        file: String,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write `{file}`: {cause}")]
    Write {
        /// The path of the file.
        file: String,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// A file does not have the expected format.
    #[error("`{file}`: {field}: expected {expected}, got {got}")]
    Format {
        /// The file.
        file: String,
        /// The field of the format that is wrong.
        field: &'static str,
        /// The expected content.
        expected: String,
        /// The actual content.
        got: String,
    },
    /// Images, labels and classes are inconsistent, or an argument does not match the data.
    #[error("{what}: expected {expected}, got {got}")]
    Mismatch {
        /// The argument or property.
        what: &'static str,
        /// The expected value.
        expected: String,
        /// The actual value.
        got: String,
    },
    /// One of the two splits of a set is invalid.
    #[error("{split} split of `{set}`: {cause}")]
    Split {
        /// The set's folder or name.
        set: String,
        /// `train` or `test`.
        split: &'static str,
        /// The cause.
        cause: Box<Error>,
    },
    /// A file does not have its pinned checksum.
    #[error("`{file}`: SHA-256: expected {expected}, got {got}; restore the file from version control")]
    Checksum {
        /// The file.
        file: String,
        /// The pinned SHA-256, in hexadecimal.
        expected: String,
        /// The SHA-256 of the file, in hexadecimal.
        got: String,
    },
    /// The name of the data set is unknown.
    #[error("no data set `{name}`{hint}; the data sets are {known}")]
    UnknownSet {
        /// The unknown name.
        name: String,
        /// `, did you mean …?` with the nearest known name, or nothing.
        hint: String,
        /// All known names.
        known: String,
    },
    /// The files of a known set are in none of the folders searched.
    #[error("`{name}`: expected its files in one of {}, got none; {hint}", list(.looked))]
    NotFound {
        /// The data set.
        name: &'static str,
        /// The folders that were searched, in order.
        looked: Vec<PathBuf>,
        /// The next step.
        hint: String,
    },
    /// A folder contains only some files of a set.
    #[error("`{}` contains only a part of `{name}`: {} missing; {hint}", .folder.display(), .missing.join(", "))]
    Incomplete {
        /// The set.
        name: &'static str,
        /// The folder.
        folder: PathBuf,
        /// The missing files and folders, without `.gz`.
        missing: Vec<String>,
        /// The next step.
        hint: String,
    },
    /// A folder contains another known set with the same file names.
    #[error("`{}`: expected the images of `{expected}`, got those of `{got}`; name the folder of `{expected}`", .folder.display())]
    OtherSet {
        /// The folder.
        folder: PathBuf,
        /// The expected set.
        expected: &'static str,
        /// The set in the folder.
        got: &'static str,
    },
    /// A set has no download address.
    #[error("`{name}` has no download address; {hint}")]
    NoSource {
        /// The set.
        name: String,
        /// The next step.
        hint: &'static str,
    },
    /// The files of a set could not be downloaded; partial files are removed.
    #[error("cannot fetch `{name}`: {at}: {what}: expected {expected}, got {got}; {hint}")]
    Fetch {
        /// The set.
        name: &'static str,
        /// The address or the folder.
        at: String,
        /// The property that is wrong.
        what: &'static str,
        /// The expected value.
        expected: String,
        /// The actual value.
        got: String,
        /// The next step.
        hint: &'static str,
    },
    /// There is not enough free memory for the pixels of a set.
    #[error("{what}: expected {bytes} bytes of free memory, got {free}; use fewer images or a smaller side")]
    Memory {
        /// The images.
        what: String,
        /// The bytes needed.
        bytes: usize,
        /// The number of free bytes, as text; a description if the allocation failed and the number is unknown.
        free: String,
    },
    /// A batch could not be converted to a tensor.
    #[error(transparent)]
    Tensor(#[from] tensor::Error),
}

/// The result type of this crate.
pub type Result<T> = std::result::Result<T, Error>;

fn list(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| format!("`{}`", folder.display())).collect::<Vec<_>>().join(", ")
}
