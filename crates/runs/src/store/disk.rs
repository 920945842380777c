//! The file operations of the run store, behind a trait so that tests can make each of them fail.

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use system::files;

use super::error::{Error, Result};

/// The file operations of the run store. A call that returned `Ok` is durable, except
/// [`Disk::rename`] and [`Disk::remove`], which become durable with the next [`Disk::sync`] of the folder.
pub trait Disk: Debug + Send + Sync {
    /// Reads a file.
    ///
    /// # Errors
    /// If the system call fails.
    fn read(&self, file: &Path) -> io::Result<Vec<u8>>;
    /// Lists the names in a folder, sorted.
    ///
    /// # Errors
    /// If the system call fails.
    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>>;
    /// Creates a folder and its parents, if they do not exist.
    ///
    /// # Errors
    /// If the system call fails.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    /// Creates or truncates the file, writes all bytes, syncs.
    ///
    /// # Errors
    /// If a system call fails; the file may then contain any part of the bytes.
    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Appends all bytes to an existing file, syncs.
    ///
    /// # Errors
    /// If a system call fails; the file may then contain any part of the bytes.
    fn append(&self, file: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Truncates the file to `length` bytes, syncs.
    ///
    /// # Errors
    /// If the system call fails.
    fn cut(&self, file: &Path, length: u64) -> io::Result<()>;
    /// Syncs a file written by other code, or the entries of a folder.
    ///
    /// # Errors
    /// If the system call fails.
    fn sync(&self, file_or_folder: &Path) -> io::Result<()>;
    /// Renames a file within its folder, replacing a file of the new name.
    ///
    /// # Errors
    /// If the system call fails.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// If the system call fails.
    fn remove(&self, file: &Path) -> io::Result<()>;
}

/// The file system of this machine.
#[derive(Debug, Clone, Copy)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        files::read(file, most_bytes(file))
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let mut names =
            fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = files::regular(OpenOptions::new().write(true).create(true).truncate(true), file)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn append(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = files::regular(OpenOptions::new().append(true), file)?;
        file.write_all(bytes)?;
        file.sync_data()
    }

    fn cut(&self, file: &Path, length: u64) -> io::Result<()> {
        let file = files::regular(OpenOptions::new().write(true), file)?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn sync(&self, file_or_folder: &Path) -> io::Result<()> {
        File::open(file_or_folder)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        fs::remove_file(file)
    }
}

/// The maximum size of a file that is read: journals have a line per epoch, other files hold parameters.
fn most_bytes(file: &Path) -> u64 {
    match file.extension().is_some_and(|ending| ending == "jsonl") {
        true => 1 << 28,
        false => 1 << 34,
    }
}

/// Replaces `file` atomically: at any time a reader finds the old or the new content.
///
/// # Errors
/// [`Error::Io`] or [`Error::DiskFull`]; the file is then still the old one, missing, or already the new one.
pub(super) fn replace(disk: &dyn Disk, file: &Path, bytes: &[u8]) -> Result<()> {
    let partial = files::partial(file);
    disk.write(&partial, bytes).map_err(|source| Error::io("write", &partial, source))?;
    publish(disk, file)
}

/// Renames the synced [partial](files::partial) file to `file`.
pub(super) fn publish(disk: &dyn Disk, file: &Path) -> Result<()> {
    let partial = files::partial(file);
    disk.rename(&partial, file).map_err(|source| Error::io("rename", &partial, source))?;
    sync_folder_of(disk, file)
}

/// Syncs the folder entry of `file`.
pub(super) fn sync_folder_of(disk: &dyn Disk, file: &Path) -> Result<()> {
    let folder = files::folder_of(file);
    disk.sync(folder).map_err(|source| Error::io("sync", folder, source))
}

/// Removes a file if it exists.
pub(super) fn remove(disk: &dyn Disk, file: &Path) -> Result<()> {
    match disk.remove(file) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", file, source)),
        _ => Ok(()),
    }
}

/// Reads a file; `None` if it does not exist.
pub(super) fn read_if_there(disk: &dyn Disk, file: &Path) -> Result<Option<Vec<u8>>> {
    match disk.read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::io("read", file, source)),
    }
}

/// Removes partial files in `folder`. Only for the holder of its lock.
pub(super) fn remove_partials(disk: &dyn Disk, folder: &Path) -> Result<()> {
    for name in disk.names(folder).map_err(|source| Error::io("list", folder, source))? {
        if name.to_string_lossy().ends_with(files::PARTIAL) {
            remove(disk, &folder.join(name))?;
        }
    }
    Ok(())
}
