//! Writes to standard output and standard error; no other module does so.
//!
//! A closed pipe, such as after `head`, is not an error. Output that standard error does not accept is dropped, so that
//! logging cannot end a run. All text is escaped by [`text`].

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::text;

/// Prints lines of text to standard output.
///
/// # Errors
/// If standard output cannot be written, as on a full disk; not for a closed pipe.
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

/// Prints bytes without escaping, such as a shell script.
///
/// # Errors
/// As [`print()`].
pub fn print_as_is(bytes: &[u8]) -> io::Result<()> {
    match to_stdout(bytes) {
        // The reader has closed the pipe.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes all bytes to standard output; a closed pipe is an error too.
pub(crate) fn to_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush())
}

/// Prints progress lines of a tool to standard output; output that cannot be written is dropped.
pub fn status(text: &str) {
    let _ = print(text);
}

/// Whether this path is standard output, such as `/dev/stdout`.
pub fn is_stdout(path: &Path) -> bool {
    let place = |about: Metadata| (about.dev(), about.ino());
    let Ok(at_path) = fs::metadata(path).map(place) else { return false };
    rustix::fs::fstat(io::stdout()).is_ok_and(|about| (about.st_dev, about.st_ino) == at_path)
}

/// The number of columns of the terminal to which standard output, or else standard error, is connected; `None` if
/// neither is.
pub fn width() -> Option<usize> {
    let size =
        rustix::termios::tcgetwinsize(io::stdout()).or_else(|_| rustix::termios::tcgetwinsize(io::stderr()));
    size.ok().map(|size| usize::from(size.ws_col)).filter(|&columns| columns > 0)
}

/// Writes one line to standard error: progress, a warning, or an error without line feeds.
pub fn note(line: &str) {
    to_stderr(&text::line(line));
}

/// Writes several lines to standard error.
pub fn notes(lines: &str) {
    to_stderr(&text::lines(lines));
}

fn to_stderr(text: &str) {
    // One call, so that lines of several threads are not interleaved. A failure cannot be reported.
    let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

/// [`terminal::note`](note) with a format.
#[macro_export]
macro_rules! note {
    ($($part:tt)*) => { $crate::terminal::note(&::std::format!($($part)*)) };
}

/// [`terminal::status`](status()) with a format, as one line.
#[macro_export]
macro_rules! status {
    ($($part:tt)*) => { $crate::terminal::status(&(::std::format!($($part)*) + "\n")) };
}
