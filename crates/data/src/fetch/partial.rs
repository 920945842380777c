//! The folder of a download in progress: locked by one process, removed after an error, resumed after a kill.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use system::files;

use crate::{Error, Result};

/// The folder `NAME.partial` beside the target:
///
/// ```text
/// lock     locked while this value lives
/// set/     renamed at the end
/// ...      archives
/// ```
#[derive(Debug)]
pub(super) struct Partial {
    folder: PathBuf,
    _lock: File,
}

impl Partial {
    /// Creates the folder, or reuses one that was left by a kill.
    ///
    /// Fails if another process has locked it.
    pub(super) fn open(name: &'static str, target: &Path) -> Result<Self> {
        let folder = files::partial(target);
        fs::create_dir_all(folder.join(SET)).map_err(about(&folder))?;
        let lock = folder.join("lock");
        let file = files::regular(File::options().write(true).create(true).truncate(false), &lock)
            .map_err(about(&lock))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { folder, _lock: file }),
            Err(TryLockError::WouldBlock) => Err(Error::Fetch {
                name,
                at: folder.display().to_string(),
                what: "lock",
                expected: "a free lock".to_owned(),
                got: "a lock held by another process".to_owned(),
                hint: "wait until that process has fetched the set",
            }),
            Err(TryLockError::Error(cause)) => Err(about(&lock)(cause)),
        }
    }

    /// The folder with the set and its archives.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder that becomes the folder of the set.
    pub(super) fn set(&self) -> PathBuf {
        self.folder.join(SET)
    }

    /// Renames the folder of the set to its final name and removes the rest.
    pub(super) fn finish(self, target: &Path) -> Result<()> {
        fs::rename(self.set(), target).map_err(about(target))?;
        files::sync_name(target).map_err(about(files::folder_of(target)))
    }
}

const SET: &str = "set";

impl Drop for Partial {
    fn drop(&mut self) {
        // If the folder cannot be removed, the next call resumes from it.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Converts an error of the operating system to an error that names the file.
pub(super) fn about(file: &Path) -> impl Fn(io::Error) -> Error {
    let file = file.display().to_string();
    move |cause| Error::Io { file: file.clone(), cause }
}
