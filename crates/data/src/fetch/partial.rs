//! The folder in which a set is gathered: held by one process, gone after an error, gone on with after a kill.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use system::files;

use crate::{Error, Result};

/// `NAME.partial` beside the target.
///
/// ```text
/// lock     held while this value lives
/// set/     what will be renamed
/// ...      archives
/// ```
#[derive(Debug)]
pub(super) struct Partial {
    folder: PathBuf,
    _lock: File,
}

impl Partial {
    /// Makes the folder, or takes over the one that a kill left.
    ///
    /// Errs if another process holds it.
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
                wanted: "to hold it".to_owned(),
                got: "another process that does".to_owned(),
                hint: "wait until it has fetched the set",
            }),
            Err(TryLockError::Error(cause)) => Err(about(&lock)(cause)),
        }
    }

    /// What is beside the set.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What will be the folder of the set.
    pub(super) fn set(&self) -> PathBuf {
        self.folder.join(SET)
    }

    /// Gives the set its final name, and removes the rest.
    pub(super) fn finish(self, target: &Path) -> Result<()> {
        fs::rename(self.set(), target).map_err(about(target))?;
        files::sync_name(target).map_err(about(files::folder_of(target)))
    }
}

const SET: &str = "set";

impl Drop for Partial {
    fn drop(&mut self) {
        // What cannot be removed is gone on with next time.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// An error of the system, with the file that it is about.
pub(super) fn about(file: &Path) -> impl Fn(io::Error) -> Error {
    let file = file.display().to_string();
    move |cause| Error::Io { file: file.clone(), cause }
}
