//! The few file operations of the run store, behind one trait so that tests can make each of them fail.

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use system::files;

use super::error::{Error, Result};

/// What the run store asks of a file system. A call that returned `Ok` is on the disk, except for
/// [`Disk::rename`] and [`Disk::remove`], which are so after the next [`Disk::sync`] of the folder.
pub trait Disk: Debug + Send + Sync {
    /// The whole file.
    ///
    /// # Errors
    /// Where the system refuses.
    fn read(&self, file: &Path) -> io::Result<Vec<u8>>;
    /// The names in a folder, sorted.
    ///
    /// # Errors
    /// Where the system refuses.
    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>>;
    /// Makes a folder and those above it; fine if it is there.
    ///
    /// # Errors
    /// Where the system refuses.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    /// Creates or empties the file, writes all bytes, syncs.
    ///
    /// # Errors
    /// Where the system refuses; any part of the bytes may then be in the file.
    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Writes all bytes at the end of a file that exists, syncs.
    ///
    /// # Errors
    /// Where the system refuses; any part of the bytes may then be in the file.
    fn append(&self, file: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file to `length` bytes, syncs.
    ///
    /// # Errors
    /// Where the system refuses.
    fn cut(&self, file: &Path, length: u64) -> io::Result<()>;
    /// Brings a file written by someone else, or the names in a folder, to the disk.
    ///
    /// # Errors
    /// Where the system refuses.
    fn sync(&self, file_or_folder: &Path) -> io::Result<()>;
    /// Gives a file another name in the same folder and replaces what had it.
    ///
    /// # Errors
    /// Where the system refuses.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// Where the system refuses.
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

/// The most that is read of a file: a journal has a line for each epoch, the others hold parameters.
fn most_bytes(file: &Path) -> u64 {
    match file.extension().is_some_and(|ending| ending == "jsonl") {
        true => 1 << 28,
        false => 1 << 34,
    }
}

/// Puts `bytes` in the place of `file`: at every instant, a reader finds the old file or the new one.
///
/// # Errors
/// [`Error::Io`] or [`Error::DiskFull`]; the old file, or none, is then still there, or the new one is.
pub(super) fn replace(disk: &dyn Disk, file: &Path, bytes: &[u8]) -> Result<()> {
    let partial = files::partial(file);
    disk.write(&partial, bytes).map_err(|source| Error::io("write", &partial, source))?;
    publish(disk, file)
}

/// Gives the synced file [beside](files::partial) `file` its name.
pub(super) fn publish(disk: &dyn Disk, file: &Path) -> Result<()> {
    let partial = files::partial(file);
    disk.rename(&partial, file).map_err(|source| Error::io("rename", &partial, source))?;
    sync_folder_of(disk, file)
}

/// Brings the name of `file` to the disk.
pub(super) fn sync_folder_of(disk: &dyn Disk, file: &Path) -> Result<()> {
    let folder = files::folder_of(file);
    disk.sync(folder).map_err(|source| Error::io("sync", folder, source))
}

/// Removes a file; fine if it is not there.
pub(super) fn remove(disk: &dyn Disk, file: &Path) -> Result<()> {
    match disk.remove(file) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", file, source)),
        _ => Ok(()),
    }
}

/// The bytes of a file, or `None` if there is no such file.
pub(super) fn read_if_there(disk: &dyn Disk, file: &Path) -> Result<Option<Vec<u8>>> {
    match disk.read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::io("read", file, source)),
    }
}

/// Removes the files in `folder` whose writing was interrupted. Only for the holder of its lock.
pub(super) fn remove_partials(disk: &dyn Disk, folder: &Path) -> Result<()> {
    for name in disk.names(folder).map_err(|source| Error::io("list", folder, source))? {
        if name.to_string_lossy().ends_with(files::PARTIAL) {
            remove(disk, &folder.join(name))?;
        }
    }
    Ok(())
}
