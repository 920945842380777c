//! Finds a finished run, and derives `run.h5` if it is missing.

use std::path::{Path, PathBuf};

use super::checkpoint::{self, read_hashed};
use super::disk::{self, Disk};
use super::error::{Error, Result};
use super::finished::FinishedRun;
use super::journal::Journal;
use super::lock::Lock;
use super::spec::{RunSpec, sha256};
use super::{archive, hdf5};

/// Brings the folder to its final state: no checkpoints, and `run.h5` derived from the other files.
///
/// The hash of `run.h5` is the last file written, so if it exists and matches, the folder is complete.
/// `sha256sum --check run.h5.sha256` performs the same check.
///
/// # Errors
/// [`Error::Io`], [`Error::DiskFull`], [`Error::Hdf5`]; the run itself is intact in each case.
pub(super) fn complete(run: &FinishedRun, disk: &dyn Disk) -> Result<()> {
    disk::remove_partials(disk, &run.folder)?;
    checkpoint::prune(disk, &run.folder, |_| false)?;
    let file = run.hdf5_file();
    let hash = hdf5::write_on(disk, &file, &archive::results(run))?;
    disk::replace(disk, &hash_file(&file), format!("{hash}  run.h5\n").as_bytes())
}

/// Reads the run in `folder`; `None` if it does not exist or is not finished. Needs no lock: a line that
/// another process is writing looks half-written and is skipped.
pub(super) fn find(disk: &dyn Disk, folder: &Path, spec: &RunSpec) -> Result<Option<FinishedRun>> {
    let Some(journal) = Journal::read(disk, &folder.join("journal.jsonl"))? else { return Ok(None) };
    check_key(folder, &journal, spec)?;
    let Some(run) = from_journal(disk, folder, journal)? else { return Ok(None) };
    // The hash is compared before the file is opened, because the HDF5 library may hang on a damaged
    // file. If the lock is held, its holder is completing the run.
    if !is_whole(disk, &run.hdf5_file())?
        && let Some(_lock) = Lock::try_take(folder)?
    {
        complete(&run, disk)?;
    }
    Ok(Some(run))
}

/// The run of a journal, with its final arrays; `None` if it is not finished.
pub(super) fn from_journal(disk: &dyn Disk, folder: &Path, journal: Journal) -> Result<Option<FinishedRun>> {
    let Some(finish) = journal.finish else { return Ok(None) };
    let (finals, _) = read_hashed(disk, &finals_file(folder), &finish.finals)?;
    Ok(Some(FinishedRun {
        folder: folder.to_path_buf(),
        spec: journal.header.spec,
        provenance: journal.header.provenance,
        continued: journal.continued,
        epochs: journal.epochs,
        outcome: finish.outcome,
        finals,
    }))
}

/// Compares the key in the journal's header with that of the spec.
pub(super) fn check_key(folder: &Path, journal: &Journal, spec: &RunSpec) -> Result<()> {
    let expected = spec.key();
    for got in [&journal.header.key, &journal.header.spec.key()] {
        if *got != expected {
            return Err(Error::OtherRun { file: folder.join("journal.jsonl"), expected, got: got.clone() });
        }
    }
    Ok(())
}

/// `final.safetensors`
pub(super) fn finals_file(folder: &Path) -> PathBuf {
    folder.join("final.safetensors")
}

fn hash_file(file: &Path) -> PathBuf {
    file.with_extension("h5.sha256")
}

fn is_whole(disk: &dyn Disk, file: &Path) -> Result<bool> {
    let Some(noted) = disk::read_if_there(disk, &hash_file(file))? else { return Ok(false) };
    let Some(bytes) = disk::read_if_there(disk, file)? else { return Ok(false) };
    Ok(noted.starts_with(sha256(&bytes).as_bytes()))
}
