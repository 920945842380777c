//! What can be wrong with a data set on disk, or with a request for one.

use std::{io, path::PathBuf};

/// Everything the functions of this crate can fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system could not read a file.
    #[error("cannot read `{file}`: {cause}")]
    Io {
        /// The file, as it was asked for.
        file: String,
        /// What the system said.
        cause: io::Error,
    },
    /// A file is not of the format it should be.
    #[error("`{file}`: {field}: expected {expected}, got {got}")]
    Format {
        /// The file.
        file: String,
        /// The part of the format that is wrong.
        field: &'static str,
        /// What should stand there.
        expected: String,
        /// What stands there.
        got: String,
    },
    /// Images, labels and classes do not fit together, or a selection does not fit the data.
    #[error("{what}: expected {expected}, got {got}")]
    Mismatch {
        /// The thing that does not fit.
        what: &'static str,
        /// What would fit.
        expected: String,
        /// What was given.
        got: String,
    },
    /// One of the two splits of a set is wrong.
    #[error("{split} split of `{set}`: {cause}")]
    Split {
        /// The set's folder or name.
        set: String,
        /// `train` or `test`.
        split: &'static str,
        /// What is wrong with it.
        cause: Box<Error>,
    },
    /// A file has other bytes than the ones that were pinned.
    #[error("`{file}`: SHA-256: expected {expected}, got {got}; restore the file from version control")]
    Checksum {
        /// The file.
        file: String,
        /// The pinned SHA-256, in hexadecimal.
        expected: String,
        /// The SHA-256 of the bytes that are there.
        got: String,
    },
    /// There is no data set of this name.
    #[error("no data set is called `{name}`{hint}; known are {known}")]
    UnknownSet {
        /// The name that was asked for.
        name: String,
        /// `, did you mean …?` with a name that is spelt much like it, or nothing.
        hint: String,
        /// All known names.
        known: String,
    },
    /// The files of a known set are in none of the places.
    #[error("`{name}` is in none of {}; {hint}", list(.looked))]
    NotFound {
        /// The set.
        name: &'static str,
        /// The folders that were looked into, in this order.
        looked: Vec<PathBuf>,
        /// What to do.
        hint: String,
    },
    /// A folder holds a part of a set.
    #[error("`{}` holds only a part of `{name}`: {} missing; {hint}", .folder.display(), .missing.join(", "))]
    Incomplete {
        /// The set.
        name: &'static str,
        /// The folder.
        folder: PathBuf,
        /// The files and folders that are not there, without `.gz`.
        missing: Vec<String>,
        /// What to do.
        hint: String,
    },
    /// A folder holds another known set, whose files have the same names.
    #[error("`{}`: expected the images of `{expected}`, got those of `{got}`", .folder.display())]
    OtherSet {
        /// The folder.
        folder: PathBuf,
        /// The set that was asked for.
        expected: &'static str,
        /// The set that is there.
        got: &'static str,
    },
    /// A set has no address that it could be fetched from.
    #[error("`{name}` has no address that it can be fetched from; {hint}")]
    NoSource {
        /// The set.
        name: String,
        /// What to do.
        hint: &'static str,
    },
    /// The files of a set could not be fetched. Nothing is left of them.
    #[error("cannot fetch `{name}`: {at}: {what}: wanted {wanted}, got {got}; {hint}")]
    Fetch {
        /// The set.
        name: &'static str,
        /// The address or the folder.
        at: String,
        /// The part that is wrong.
        what: &'static str,
        /// What should have come.
        wanted: String,
        /// What came.
        got: String,
        /// What to do.
        hint: &'static str,
    },
    /// There is no room for the pixels of a set.
    #[error(
        "{what}: {bytes} bytes of memory are needed, and {free} are free; take fewer images or a smaller side"
    )]
    Memory {
        /// The images.
        what: String,
        /// The bytes that are needed.
        bytes: usize,
        /// The bytes that are free, in words where the system gave none without saying how many there are.
        free: String,
    },
    /// A batch could not become a tensor.
    #[error(transparent)]
    Tensor(#[from] tensor::Error),
}

/// The result of everything here that can fail.
pub type Result<T> = std::result::Result<T, Error>;

fn list(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| format!("`{}`", folder.display())).collect::<Vec<_>>().join(", ")
}
