//! Safe access to files that a user has named: reads only regular files of limited size, and replaces files without
//! destroying links or devices.
//!
//! Reading a pipe blocks until there is a writer, and reading `/dev/zero` never ends. Renaming a new file to the name
//! of a link or a device destroys it.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::terminal;

/// The suffix of a file or folder that is being written. An old one remains after a kill.
pub const PARTIAL: &str = ".partial";

/// The largest number of links that are followed, as on Linux.
const MAX_LINKS: usize = 40;

/// The largest number of attempts to open the partial file, which other processes may rename or remove concurrently.
const MAX_LOOKS: usize = 16;

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for another kind of file or a larger one; errors of the operating system.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path, most)?;
    let mut bytes = Vec::new();
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    bytes.try_reserve_exact(length).map_err(|_| {
        let what = format!("expected a file that fits into free memory, got {length} bytes");
        io::Error::new(ErrorKind::InvalidInput, what)
    })?;
    // The file may grow while it is read.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 {
        length if length > most => Err(too_large(length, most)),
        _ => Ok(bytes),
    }
}

/// Reads a regular text file of at most `most` bytes.
///
/// # Errors
/// As [`read`], and [`ErrorKind::InvalidData`] if it is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?).map_err(|error| {
        io::Error::new(ErrorKind::InvalidData, format!("expected UTF-8 text, got other bytes: {error}"))
    })
}

/// Opens a regular file of at most `most` bytes for reading.
///
/// # Errors
/// As [`read`].
pub fn open(path: &Path, most: u64) -> io::Result<File> {
    let file = regular(OpenOptions::new().read(true), path)?;
    match file.metadata()?.len() {
        length if length > most => Err(too_large(length, most)),
        _ => Ok(file),
    }
}

/// Opens a file with these options if it is regular, without blocking.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for another kind of file; errors of the operating system.
pub fn regular(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    // Without `NONBLOCK`, opening a pipe would wait for a writer; regular files never block.
    let opened = options.custom_flags(OFlags::NONBLOCK.bits() as i32).open(path);
    match opened.and_then(|file| file.metadata().map(|about| (file, about))) {
        Ok((file, about)) if about.is_file() => Ok(file),
        Ok((_, about)) => Err(not_regular(&about)),
        // Opening a pipe without a reader, or a socket, fails with a less specific error.
        Err(error) => match fs::metadata(path) {
            Ok(about) if !about.is_file() => Err(not_regular(&about)),
            _ => Err(error),
        },
    }
}

/// Whether an error means that storage is full: the disk is full, a quota is exceeded, or the file may not grow.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

/// Atomically replaces the content of the file at `path`, which a user has named: readers see the old or the new
/// content.
///
/// Links are followed, and their target is replaced. Devices and pipes are written to directly, which blocks until a
/// pipe has a reader.
///
/// # Errors
/// As [`replace_regular`]; errors of writing to a device or a pipe.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if terminal::is_stdout(path) {
        return terminal::to_stdout(bytes);
    }
    match fs::metadata(path) {
        Ok(about) if !about.is_dir() && (!about.is_file() || names_open_file(path)) => {
            let mut file = OpenOptions::new().write(true).truncate(about.is_file()).open(path)?;
            file.write_all(bytes)
        }
        _ => replace_regular(path, bytes),
    }
}

/// Whether the path names an open file of a process, such as `/dev/fd/3`.
fn names_open_file(path: &Path) -> bool {
    ["/dev/stdin", "/dev/stdout", "/dev/stderr"].iter().any(|name| path == Path::new(name))
        || path.parent().is_some_and(|folder| {
            folder == Path::new("/dev/fd") || folder.starts_with("/proc") && folder.ends_with("fd")
        })
}

/// [`replace`] for a file in the program's own folders, which must be regular or must not exist. It never blocks.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for another kind of file; [`ErrorKind::ResourceBusy`] if another process is replacing
/// the file; errors of the operating system. In all these cases a regular file is unchanged.
pub fn replace_regular(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(about) if !about.is_file() => Err(not_regular(&about)),
        Ok(about) => put(&path.canonicalize()?, bytes, Some(&about)),
        Err(error) if error.kind() == ErrorKind::NotFound => put(&end_of_links(path)?, bytes, None),
        Err(error) => Err(error),
    }
}

/// The path at which a file or folder is written before it is renamed to `target`: with the suffix `.partial`.
pub fn partial(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(PARTIAL);
    target.with_file_name(name)
}

/// Writes the directory entry of a file or folder to the disk, as the last step of writing and renaming.
///
/// # Errors
/// Errors of the operating system, such as on file systems that cannot sync folders.
pub fn sync_name(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// The folder that contains a file; `.` for a plain name.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a partial file and renames it to the target; this never follows a link.
fn put(target: &Path, bytes: &[u8], replaced: Option<&Metadata>) -> io::Result<()> {
    let (beside, mut file) = beside(target)?;
    if let Some(replaced) = replaced {
        // A failure is ignored, because some file systems have no permissions.
        let _ = file.set_permissions(replaced.permissions());
    }
    let written = file.set_len(0).and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_all());
    let written = written.and_then(|()| fs::rename(&beside, target));
    match &written {
        // The file is complete; on a file system that cannot sync folders, a crash can lose at most its new name.
        Ok(()) => drop(sync_name(target)),
        // The partial file is useless; an error of removing it would add no information.
        Err(_) => drop(fs::remove_file(&beside)),
    }
    written
}

/// Opens and locks the partial file of the target; a file left by a kill is reused.
fn beside(target: &Path) -> io::Result<(PathBuf, File)> {
    target.file_name().ok_or(ErrorKind::InvalidInput)?;
    let beside = partial(target);
    for _ in 0..MAX_LOOKS {
        let mut options = OpenOptions::new();
        let file = regular(options.write(true).create(true).truncate(false), &beside)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let what = "another process is writing this file; run the same command again";
                return Err(io::Error::new(ErrorKind::ResourceBusy, what));
            }
            // Without locks, concurrent writers of one file are not detected.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let about = file.metadata()?;
        // Between opening and locking, another process may have renamed the file to the target.
        match fs::symlink_metadata(&beside) {
            Ok(named) if (named.dev(), named.ino()) == (about.dev(), about.ino()) => {
                return Ok((beside, file));
            }
            Ok(named) if named.is_symlink() => return Err(not_regular(&named)),
            _ => {}
        }
    }
    Err(ErrorKind::ResourceBusy.into())
}

/// The target of a chain of links, which need not exist.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut end = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(next) = fs::read_link(&end) else { return Ok(end) };
        // An absolute link replaces the whole path.
        end = end.parent().unwrap_or(Path::new("")).join(next);
    }
    Err(io::Error::new(ErrorKind::InvalidInput, format!("expected at most {MAX_LINKS} links, got more")))
}

fn not_regular(about: &Metadata) -> io::Error {
    let kind = about.file_type();
    let got = match () {
        () if kind.is_dir() => "a folder",
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () if kind.is_char_device() || kind.is_block_device() => "a device",
        () if kind.is_symlink() => "a link",
        () => "another kind of file",
    };
    io::Error::new(ErrorKind::InvalidInput, format!("expected a regular file, got {got}"))
}

fn too_large(length: u64, most: u64) -> io::Error {
    let what = format!("expected a file of at most {most} bytes, got {length} bytes");
    io::Error::new(ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests;
