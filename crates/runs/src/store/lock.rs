//! One process at a time computes a run.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use system::files;

use super::error::{Error, Result};

/// Holds a run's folder until it is dropped, or until the process ends in whatever way: the lock is
/// the system's, on an open file, and the file `lock` that stays behind means nothing.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the folder, or says who has it.
    ///
    /// # Errors
    /// [`Error::Locked`] where somebody holds it, [`Error::Io`].
    pub(super) fn take(folder: &Path) -> Result<Lock> {
        Lock::try_take(folder)?.ok_or_else(|| Error::Locked { folder: folder.to_path_buf() })
    }

    /// Takes the folder; `None` where somebody holds it.
    pub(super) fn try_take(folder: &Path) -> Result<Option<Lock>> {
        let path = folder.join("lock");
        let file = files::regular(OpenOptions::new().create(true).truncate(false).write(true), &path)
            .map_err(|source| Error::io("open", &path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(Error::io("lock", &path, source)),
        }
    }
}

impl Drop for Lock {
    /// Closing the file is not enough: a child process that is just being started may share it.
    fn drop(&mut self) {
        // An error leaves the lock to the end of the process, and says nothing new to anyone.
        let _ = self.file.unlock();
    }
}
