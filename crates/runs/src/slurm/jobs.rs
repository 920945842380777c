//! The folder of submitted jobs, from which a later call finds jobs left running by an interrupted one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use system::files;

use super::commands::Commands;
use crate::error::cluster::{Error, Result};

/// The maximum size in bytes of a record or a task log.
const MAX_BYTES: u64 = 1 << 26;

/// `jobs/` beside the run store: a folder per submission, and the lock of the submitting process.
///
/// ```text
/// lock                 held by the process that submits and waits
/// 0001/tasks.jsonl     the runs of each task
/// 0001/script.sh       what was submitted
/// 0001/job.json        its id, and whether it has ended
/// 0001/task-1.log      the log of a task
/// ```
#[derive(Debug)]
pub(super) struct Jobs {
    folder: PathBuf,
    /// Held until dropped, or until the process ends.
    _lock: File,
}

/// A submission.
#[derive(Debug, Clone)]
pub(super) struct Job {
    /// Its folder.
    pub folder: PathBuf,
    /// The content of its `job.json`.
    record: Record,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// The job's name in Slurm, set before its id is known.
    name: String,
    /// The job id, once Slurm has returned it.
    job: Option<String>,
    over: bool,
}

impl Jobs {
    /// The jobs folder of these results, which may not exist.
    pub(super) fn folder(out: &Path) -> PathBuf {
        out.join("jobs")
    }

    /// Opens the folder, creating it if needed.
    ///
    /// # Errors
    /// [`Error::Busy`] if another process submits here; [`Error::Unwritable`].
    pub(super) fn open(out: &Path) -> Result<Self> {
        let folder = Self::folder(out);
        let unwritable = |file: &Path, source| Error::Unwritable { file: file.into(), source };
        fs::create_dir_all(&folder).map_err(|source| unwritable(&folder, source))?;
        let path = folder.join("lock");
        let lock = files::regular(OpenOptions::new().create(true).truncate(false).write(true), &path);
        let lock = lock.map_err(|source| unwritable(&path, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::Busy { folder }),
            Err(TryLockError::Error(source)) => Err(unwritable(&path, source)),
        }
    }

    /// The submission that no call has recorded as ended. One without an id is looked up by name; if Slurm has no job
    /// of that name, it was never submitted or has ended.
    ///
    /// # Errors
    /// If a file cannot be read, or Slurm cannot be queried.
    pub(super) fn unfinished(&self, commands: &Commands) -> Result<Option<Job>> {
        let Some(newest) = numbers(&self.folder).into_iter().max() else { return Ok(None) };
        let folder = self.folder.join(number(newest));
        let file = folder.join("job.json");
        let text = match files::read(&file, MAX_BYTES) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|source| Error::Unreadable { file: file.clone(), source })?,
        };
        let record: Record = serde_json::from_slice(&text)
            .map_err(|error| Error::Unreadable { file: file.clone(), source: error.into() })?;
        if record.over {
            return Ok(None);
        }
        let mut job = Job { folder, record };
        if job.record.job.is_none() {
            match commands.find(&job.record.name)? {
                Some(number) => job.submitted(number)?,
                None => return Ok(None),
            }
        }
        Ok(Some(job))
    }

    /// Starts a submission: writes its folder and its name to disk before anything is submitted.
    ///
    /// # Errors
    /// [`Error::Unwritable`].
    pub(super) fn begin(&self) -> Result<Job> {
        let (folder, name) = Self::next(&self.folder);
        fs::create_dir_all(&folder).map_err(|source| Error::Unwritable { file: folder.clone(), source })?;
        let job = Job { folder, record: Record { name, job: None, over: false } };
        job.write()?;
        Ok(job)
    }

    /// The folder and the name of the next submission. The name contains a hash of the results folder.
    pub(super) fn next(jobs: &Path) -> (PathBuf, String) {
        let next = number(numbers(jobs).into_iter().max().unwrap_or(0) + 1);
        let place = format!("{:x}", Sha256::digest(jobs.as_os_str().as_encoded_bytes()));
        (jobs.join(&next), format!("agon-{}-{next}", &place[..8]))
    }
}

fn number(number: u32) -> String {
    format!("{number:04}")
}

fn numbers(jobs: &Path) -> Vec<u32> {
    let names = fs::read_dir(jobs).into_iter().flatten().flatten();
    names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

impl Job {
    /// Its name in Slurm.
    pub(super) fn name(&self) -> &str {
        &self.record.name
    }

    /// Its job id, once submitted.
    pub(super) fn number(&self) -> Option<&str> {
        self.record.job.as_deref()
    }

    /// Records its job id.
    ///
    /// # Errors
    /// [`Error::Unwritable`].
    pub(super) fn submitted(&mut self, number: String) -> Result<()> {
        self.record.job = Some(number);
        self.write()
    }

    /// Records that it has ended.
    ///
    /// # Errors
    /// [`Error::Unwritable`].
    pub(super) fn over(&mut self) -> Result<()> {
        self.record.over = true;
        self.write()
    }

    /// The last lines of a log with an error, or of any log that is not empty.
    pub(super) fn words(&self) -> String {
        let logs = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut logs: Vec<PathBuf> =
            logs.filter(|path| path.extension().is_some_and(|end| end == "log")).collect();
        logs.sort();
        let said: Vec<(PathBuf, String)> = logs
            .into_iter()
            .filter_map(|path| Some((path.clone(), files::read_text(&path, MAX_BYTES).ok()?)))
            .collect();
        let complains = |(_, text): &&(PathBuf, String)| text.contains("error:");
        match said.iter().find(complains).or(said.iter().find(|(_, text)| !text.is_empty())) {
            Some((path, text)) => {
                let lines: Vec<&str> = text.trim_end().lines().rev().take(3).collect();
                let lines: Vec<&str> = lines.into_iter().rev().collect();
                format!("the log {} ends with `{}`", path.display(), lines.join(" / "))
            }
            None => format!("no task has written a log in {}", self.folder.display()),
        }
    }

    /// Writes a temporary file and renames it, so that a kill leaves the old or the new record.
    fn write(&self) -> Result<()> {
        let text = serde_json::to_string(&self.record).expect("a record is serialisable");
        write(&self.folder.join("job.json"), &text)
    }
}

/// Writes a file atomically.
///
/// # Errors
/// [`Error::Unwritable`].
pub(super) fn write(file: &Path, text: &str) -> Result<()> {
    files::replace_regular(file, text.as_bytes())
        .map_err(|source| Error::Unwritable { file: file.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_refused_until_the_first_ends() {
        let out = tempfile::tempdir().unwrap();
        let jobs = Jobs::open(out.path()).unwrap();
        assert!(matches!(Jobs::open(out.path()), Err(Error::Busy { .. })));
        drop(jobs);
        Jobs::open(out.path()).unwrap();
    }

    #[test]
    fn a_job_is_found_until_its_end_is_recorded() {
        let out = tempfile::tempdir().unwrap();
        let (jobs, commands) = (Jobs::open(out.path()).unwrap(), Commands::new(Some(out.path())));
        assert!(jobs.unfinished(&commands).unwrap().is_none());
        let mut job = jobs.begin().unwrap();
        job.submitted("17".into()).unwrap();
        let found = jobs.unfinished(&commands).unwrap().unwrap();
        assert_eq!((found.number(), found.name()), (Some("17"), job.name()));
        job.over().unwrap();
        assert!(jobs.unfinished(&commands).unwrap().is_none());
        assert!(jobs.begin().unwrap().folder.ends_with("0002"));
    }
}
