//! The lock that lets one process at a time compute a run.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use system::files;

use super::error::{Error, Result};

/// Holds a run's folder until it is dropped or the process ends: the lock is
/// the system's, on an open file, and the remaining file `lock` has no meaning.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Locks the folder.
    ///
    /// # Errors
    /// [`Error::Locked`] if it is held, [`Error::Io`].
    pub(super) fn take(folder: &Path) -> Result<Lock> {
        Lock::try_take(folder)?.ok_or_else(|| Error::Locked { folder: folder.to_path_buf() })
    }

    /// Locks the folder; `None` if it is held.
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
    /// Unlocks explicitly: a child process that is being started may share the open file.
    fn drop(&mut self) {
        // After an error the lock is released at the end of the process.
        let _ = self.file.unlock();
    }
}
