//! The results file of an experiment in a profile's folder.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use runs::store::{Results, read_sealed};

/// The attribute of a results file that names its experiment.
pub(crate) const EXPERIMENT: &str = "experiment";

/// The path of the results file of the experiment with this name.
pub(crate) fn results_file(folder: &Path, name: &str) -> PathBuf {
    folder.join(name).join(format!("{name}.h5"))
}

/// The stored results of an experiment, and whether the file carries its checksum; `None` if there is no file of them.
///
/// # Errors
/// If the file cannot be read, is no regular file, or holds the results of another experiment.
pub(crate) fn stored_results(folder: &Path, name: &str) -> Result<Option<(Results, bool)>> {
    let file = results_file(folder, name);
    if std::fs::metadata(&file).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(None);
    }
    let (results, sha256) = read_sealed(&file)?;
    match results.attributes.get(EXPERIMENT) {
        Some(got) if got != name => {
            Err(Error::OtherExperiment { file, expected: name.to_owned(), got: got.clone() })
        }
        _ => Ok(Some((results, sha256.is_some()))),
    }
}
