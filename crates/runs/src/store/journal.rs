//! The append-only journal of a run: one line per entry, each with its length and checksum.
//!
//! ```text
//! {"len":N,"crc32":"xxxxxxxx","entry":{...}}
//! ```
//!
//! `len` and `crc32` (IEEE, 8 hex digits) describe the entry's text. The header line is written
//! atomically; every other line is appended and synced. So a kill can leave only the last line
//! half-written: such a line is truncated, any other damage is an error.
//!
//! A half-written line lacks its line break. After a power failure it may also contain zeros, where a block of it
//! did not reach the disk. A last line with its line break and without zeros was written completely, so a wrong checksum
//! is damage.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::disk::{self, Disk};
use super::entry::{Entry, Epoch, FORMAT, Finish, Header};
use super::error::{Error, Result};

/// A half-written last line of a journal, from a kill, a power failure, or a write in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// The journal.
    pub file: PathBuf,
    /// The line number, from 1.
    pub line: usize,
    /// The number of its bytes.
    pub bytes: usize,
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Torn { file, line, bytes } = self;
        write!(
            f,
            "{} line {line}: expected a complete line, got {bytes} bytes; the line is being written, or the \
             run was killed and resuming it removes the line",
            file.display()
        )
    }
}

/// The entries of a journal and its write position.
#[derive(Debug)]
pub(super) struct Journal {
    file: PathBuf,
    pub header: Header,
    pub continued: Vec<Map<String, Value>>,
    pub epochs: Vec<Epoch>,
    pub finish: Option<Finish>,
    /// The half-written last line, which is not among the entries.
    pub torn: Option<Torn>,
    /// The number of bytes of all complete lines.
    length: u64,
    /// Whether the file may have more than `length` bytes.
    uncut: bool,
}

impl Journal {
    /// Creates a journal.
    pub(super) fn create(disk: &dyn Disk, file: &Path, header: Header) -> Result<Journal> {
        let line = line(&Entry::Header(header.clone()));
        disk::replace(disk, file, line.as_bytes())?;
        Ok(Journal::starting_with(file, header, line.len()))
    }

    /// Reads a journal; `None` if the file does not exist.
    ///
    /// # Errors
    /// [`Error::DamagedLine`] for a damaged line that is not the last, and for lines in an
    /// invalid order; [`Error::Io`].
    pub(super) fn read(disk: &dyn Disk, file: &Path) -> Result<Option<Journal>> {
        disk::read_if_there(disk, file)?.map(|bytes| Journal::parse(file, &bytes)).transpose()
    }

    /// Parses a journal.
    ///
    /// # Errors
    /// As [`Journal::read`].
    pub(super) fn parse(file: &Path, bytes: &[u8]) -> Result<Journal> {
        let damaged = |line, reason: String| Error::DamagedLine { file: file.to_path_buf(), line, reason };
        let mut lines = bytes.split_inclusive(|&byte| byte == b'\n').zip(1..).peekable();
        let (first, _) = lines.next().ok_or_else(|| damaged(1, "expected a header, got no line".into()))?;
        let header = match read_line(first).map_err(|reason| damaged(1, reason))? {
            Entry::Header(header) if header.format == FORMAT => header,
            Entry::Header(Header { format, .. }) => {
                return Err(damaged(1, format!("expected format {FORMAT}, got {format}")));
            }
            _ => return Err(damaged(1, "expected a header, got another entry".into())),
        };
        let mut journal = Journal::starting_with(file, header, first.len());
        while let Some((text, number)) = lines.next() {
            match read_line(text) {
                Ok(entry) => journal.accept(entry).map_err(|reason| damaged(number, reason))?,
                Err(_) if lines.peek().is_none() && is_torn(text) => {
                    journal.torn = Some(Torn { file: file.to_path_buf(), line: number, bytes: text.len() });
                    journal.uncut = true;
                    break;
                }
                Err(reason) => return Err(damaged(number, reason)),
            }
            journal.length += text.len() as u64;
        }
        Ok(journal)
    }

    fn starting_with(file: &Path, header: Header, length: usize) -> Journal {
        Journal {
            file: file.to_path_buf(),
            header,
            continued: vec![],
            epochs: vec![],
            finish: None,
            torn: None,
            length: length as u64,
            uncut: false,
        }
    }

    /// Truncates the file after the last complete line.
    pub(super) fn cut(&mut self, disk: &dyn Disk) -> Result<()> {
        if self.uncut {
            disk.cut(&self.file, self.length).map_err(|source| Error::io("cut", &self.file, source))?;
            self.uncut = false;
        }
        Ok(())
    }

    /// Appends a line. After an error the line may or may not be in the file; the next call
    /// continues after the last line that was acknowledged.
    pub(super) fn append(&mut self, disk: &dyn Disk, entry: Entry) -> Result<()> {
        self.cut(disk)?;
        let line = line(&entry);
        self.uncut = true;
        disk.append(&self.file, line.as_bytes())
            .map_err(|source| Error::io("append to", &self.file, source))?;
        self.uncut = false;
        self.length += line.len() as u64;
        self.accept(entry).expect("entries are appended in order");
        Ok(())
    }

    /// The number of the last epoch.
    pub(super) fn last_epoch(&self) -> Option<u32> {
        self.epochs.last().map(|epoch| epoch.epoch)
    }

    fn accept(&mut self, entry: Entry) -> std::result::Result<(), String> {
        if self.finish.is_some() {
            return Err("expected no entry after the finish, got one".into());
        }
        match entry {
            Entry::Header(_) => return Err("expected no second header, got one".into()),
            Entry::Continued { provenance } => self.continued.push(provenance),
            Entry::Epoch(epoch) => match self.last_epoch() {
                Some(last) if last.checked_add(1) != Some(epoch.epoch) => {
                    return Err(format!("expected the epoch after {last}, got {}", epoch.epoch));
                }
                _ => self.epochs.push(epoch),
            },
            Entry::Finish(finish) => self.finish = Some(finish),
        }
        Ok(())
    }
}

fn line(entry: &Entry) -> String {
    let text = serde_json::to_string(entry).expect("an entry is serialisable");
    format!(
        "{{\"len\":{},\"crc32\":\"{:08x}\",\"entry\":{text}}}\n",
        text.len(),
        crc32fast::hash(text.as_bytes())
    )
}

/// Whether an incomplete last line may result from a kill or a power failure.
fn is_torn(line: &[u8]) -> bool {
    !line.ends_with(b"\n") || line.contains(&0)
}

/// Parses a line that ends with its line break.
fn read_line(line: &[u8]) -> std::result::Result<Entry, String> {
    let text = entry_text(line).ok_or("expected the frame {\"len\":N,\"crc32\":\"...\",\"entry\":{...}}")?;
    serde_json::from_slice(text).map_err(|e| format!("expected an entry of the journal, got other JSON: {e}"))
}

/// The entry's text, if frame, length and checksum are valid.
fn entry_text(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"{\"len\":")?;
    let digits = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    let (length, rest) = rest.split_at(digits);
    let (crc, rest) = rest.strip_prefix(b",\"crc32\":\"")?.split_at_checked(8)?;
    let text = rest.strip_prefix(b"\",\"entry\":")?.strip_suffix(b"}\n")?;
    let whole = length == text.len().to_string().as_bytes()
        && crc == format!("{:08x}", crc32fast::hash(text)).as_bytes();
    whole.then_some(text)
}

#[cfg(test)]
mod tests;
