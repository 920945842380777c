//! The only place that writes to standard output and standard error.
//!
//! A reader that has gone, such as `head`, is no failure. What standard error does not take is dropped: a log must
//! not end the work that it is about. All text is escaped by [`text`].

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::text;

/// Prints lines of text to standard output.
///
/// # Errors
/// If standard output cannot be written, as on a full disk. A closed pipe is fine.
pub fn print(text: &str) -> io::Result<()> {
    print_as_is(text::lines(text).as_bytes())
}

/// Prints a JSON document to standard output.
///
/// # Errors
/// As [`print()`].
pub fn print_json(document: &str) -> io::Result<()> {
    print_as_is(text::json(document).as_bytes())
}

/// Prints bytes that are no text for a person, such as a script for a shell.
///
/// # Errors
/// As [`print()`].
pub fn print_as_is(bytes: &[u8]) -> io::Result<()> {
    match to_stdout(bytes) {
        // The reader has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes all bytes to standard output; a closed pipe is an error too.
pub(crate) fn to_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush())
}

/// Prints lines of text that are only about the work of a tool; what cannot be written is dropped.
pub fn tell(text: &str) {
    let _ = print(text);
}

/// Whether writing to this path would write to standard output, as for `/dev/stdout`.
pub fn is_stdout(path: &Path) -> bool {
    let place = |about: Metadata| (about.dev(), about.ino());
    let Ok(at_path) = fs::metadata(path).map(place) else { return false };
    rustix::fs::fstat(io::stdout()).is_ok_and(|about| (about.st_dev, about.st_ino) == at_path)
}

/// Writes one line to standard error: progress, a warning, or an error without line feeds of its own.
pub fn note(line: &str) {
    to_stderr(&text::line(line));
}

/// Writes several lines to standard error.
pub fn notes(lines: &str) {
    to_stderr(&text::lines(lines));
}

fn to_stderr(text: &str) {
    // In one call, so that the lines of several threads stay whole. A failure could not be reported anywhere.
    let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

/// [`terminal::note`](note) with a format.
#[macro_export]
macro_rules! note {
    ($($part:tt)*) => { $crate::terminal::note(&::std::format!($($part)*)) };
}

/// [`terminal::tell`](tell()) with a format, as one line.
#[macro_export]
macro_rules! tell {
    ($($part:tt)*) => { $crate::terminal::tell(&(::std::format!($($part)*) + "\n")) };
}
