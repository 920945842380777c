//! Files that a user names: read only if they are regular and not too large, and replaced without destroying links
//! or devices.
//!
//! Reading a pipe waits for ever for a writer, and reading `/dev/zero` never ends. Renaming a new file over a link or a
//! device destroys it.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::terminal;

/// The ending of a file or a folder that is being written; one that is found later was left by a kill.
pub const PARTIAL: &str = ".partial";

/// Links that are followed to a file, as many as Linux follows.
const MOST_LINKS: usize = 40;

/// Looks at the file beside the target, which other processes may rename or remove between two of them.
const MOST_LOOKS: usize = 16;

/// The whole content of a regular file of at most `most` bytes.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for another kind of file or a larger one; where the system refuses.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path, most)?;
    let mut bytes = Vec::new();
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    bytes.try_reserve_exact(length).map_err(|_| too_large(length as u64, "as fit into memory"))?;
    // The file may grow meanwhile.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 {
        length if length > most => Err(too_large(length, most)),
        _ => Ok(bytes),
    }
}

/// The same as text.
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

/// Opens a file with these options if it is regular, without waiting for anybody.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for another kind of file; where the system refuses.
pub fn regular(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    // A pipe is opened at once or not at all; regular files know no waiting.
    let opened = options.custom_flags(OFlags::NONBLOCK.bits() as i32).open(path);
    match opened.and_then(|file| file.metadata().map(|about| (file, about))) {
        Ok((file, about)) if about.is_file() => Ok(file),
        Ok((_, about)) => Err(not_regular(&about)),
        // A pipe without a reader or a socket has an error of its own, which says less.
        Err(error) => match fs::metadata(path) {
            Ok(about) if !about.is_file() => Err(not_regular(&about)),
            _ => Err(error),
        },
    }
}

/// Whether an error says that there is no room: the disk is full, a quota is used up, or the file may not grow.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

/// Puts `bytes` into the place of the file at `path`, which a user named. A reader finds the old file or the new one.
///
/// Links are followed, and the file at their end is replaced. What is no regular file, such as a device or a pipe, is
/// written into, which waits for a pipe's reader.
///
/// # Errors
/// As [`replace_regular`]; where the system refuses to write into a device or a pipe.
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

/// Whether this is a name of a file that a process has open, such as `/dev/fd/3`: the file itself has another name.
fn names_open_file(path: &Path) -> bool {
    ["/dev/stdin", "/dev/stdout", "/dev/stderr"].iter().any(|name| path == Path::new(name))
        || path.parent().is_some_and(|folder| {
            folder == Path::new("/dev/fd") || folder.starts_with("/proc") && folder.ends_with("fd")
        })
}

/// The same for a file in a folder of the program's own, which is a regular file or does not exist yet. It never waits.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if there is another kind of file; where the system refuses, and a regular file is then
/// what it was; [`ErrorKind::ResourceBusy`] if another process is just replacing it.
pub fn replace_regular(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(about) if !about.is_file() => Err(not_regular(&about)),
        Ok(about) => put(&path.canonicalize()?, bytes, Some(&about)),
        Err(error) if error.kind() == ErrorKind::NotFound => put(&end_of_links(path)?, bytes, None),
        Err(error) => Err(error),
    }
}

/// The name under which a file or a folder is written before it is renamed to `target`: the same with `.partial` behind.
pub fn partial(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(PARTIAL);
    target.with_file_name(name)
}

/// Brings the name of a file or a folder to the disk: the last step of writing and renaming.
///
/// # Errors
/// Where the system refuses, as file systems do that cannot sync folders.
pub fn sync_name(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// The folder that holds a file, `.` for a plain name.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes beside the target and renames, which never follows a link.
fn put(target: &Path, bytes: &[u8], replaced: Option<&Metadata>) -> io::Result<()> {
    let (beside, mut file) = beside(target)?;
    if let Some(replaced) = replaced {
        // A file system without permissions has none to keep.
        let _ = file.set_permissions(replaced.permissions());
    }
    let written = file.set_len(0).and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_all());
    let written = written.and_then(|()| fs::rename(&beside, target));
    match &written {
        // The file is whole; a file system that cannot sync folders loses at most its new name.
        Ok(()) => drop(sync_name(target)),
        // What is left of it is of no use; that it cannot be removed says nothing new.
        Err(_) => drop(fs::remove_file(&beside)),
    }
    written
}

/// The file beside the target, which this process alone writes; one that a kill left is taken over.
fn beside(target: &Path) -> io::Result<(PathBuf, File)> {
    target.file_name().ok_or(ErrorKind::InvalidInput)?;
    let beside = partial(target);
    for _ in 0..MOST_LOOKS {
        let mut options = OpenOptions::new();
        let file = regular(options.write(true).create(true).truncate(false), &beside)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let what = "another process is writing this file; run the same command again";
                return Err(io::Error::new(ErrorKind::ResourceBusy, what));
            }
            // Where there are no locks, two processes that write one file are not told apart.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let about = file.metadata()?;
        // Between opening and locking, another process may have given it the target's name.
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

/// The file that a link to nothing yet would create.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut end = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(next) = fs::read_link(&end) else { return Ok(end) };
        // An absolute link replaces all of it.
        end = end.parent().unwrap_or(Path::new("")).join(next);
    }
    Err(io::Error::new(ErrorKind::InvalidInput, format!("expected at most {MOST_LINKS} links, got more")))
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

fn too_large(length: u64, most: impl std::fmt::Display) -> io::Error {
    let what = format!("expected a file of at most {most} bytes, got {length} bytes");
    io::Error::new(ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests;
