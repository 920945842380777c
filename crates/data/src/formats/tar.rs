//! Untrusted tar archives: regular files and folders with plain names. Links, devices and other paths are rejected.
//!
//! An archive is a sequence of blocks of 512 bytes: a header for each entry, its content padded to whole blocks, and
//! blocks of zeros at the end. A header contains the name (100 bytes, in the POSIX format after a prefix of 155), the
//! size in octal and the kind. Extended headers (long names and other attributes) are skipped: the short name in the
//! header is used.

use std::{
    io::{self, Read},
    path::{Component, Path},
};

use super::stored::{unreadable, wrong};
use crate::Result;

/// The size of a block in bytes.
const BLOCK: usize = 512;

/// Limits on the content of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest number of entries of any kind.
    pub entries: u64,
    /// The largest total size of their contents in bytes.
    pub bytes: u64,
}

/// Calls `each` for every regular file with its path (plain names separated by `/`), its size in bytes and its content,
/// of which `each` may read a part.
///
/// `name` is the archive's name in errors.
///
/// # Errors
/// [`Error::Format`](crate::Error::Format) if the archive is damaged or truncated, exceeds `limits`, or contains a link,
/// a device, a pipe, an absolute path or a path with `..`; [`Error::Io`](crate::Error::Io); and those of `each`.
pub fn read(
    name: &str,
    archive: &mut dyn Read,
    limits: Limits,
    mut each: impl FnMut(&str, u64, &mut dyn Read) -> Result<()>,
) -> Result<()> {
    let mut left = limits;
    loop {
        let mut block = [0; BLOCK];
        archive.read_exact(&mut block).map_err(|error| unreadable(name, "header of an entry", error))?;
        if block == [0; BLOCK] {
            return Ok(());
        }
        let header = Header::parse(name, &block)?;
        left.entries = left
            .entries
            .checked_sub(1)
            .ok_or_else(|| wrong(name, "entries", format!("at most {}", limits.entries), "more"))?;
        left.bytes = left.bytes.checked_sub(header.size).ok_or_else(|| {
            let got = format!("`{}` of {} bytes after other entries", header.path, header.size);
            wrong(name, "content", format!("at most {} bytes in all", limits.bytes), got)
        })?;
        let mut content = (&mut *archive).take(header.size);
        if header.kind == Kind::File {
            each(&header.path, header.size, &mut content)?;
        }
        io::copy(&mut content, &mut io::sink()).map_err(|error| unreadable(name, "content", error))?;
        if content.limit() > 0 {
            let got = format!("the end of the archive, {} bytes too early", content.limit());
            return Err(wrong(name, "content", format!("{} bytes of `{}`", header.size, header.path), got));
        }
        let padding = header.size.next_multiple_of(BLOCK as u64) - header.size;
        let padding = &mut block[..padding as usize];
        archive.read_exact(padding).map_err(|error| unreadable(name, "padding", error))?;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    /// A folder or an extended header, whose content is skipped.
    Other,
}

struct Header {
    path: String,
    size: u64,
    kind: Kind,
}

impl Header {
    fn parse(name: &str, block: &[u8; BLOCK]) -> Result<Self> {
        let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
        // In the sum, the checksum field itself counts as spaces.
        let own: u64 = block[148..156].iter().map(|&byte| u64::from(byte)).sum();
        let sum = sum - own + 8 * u64::from(b' ');
        let noted = octal(&block[148..156]);
        if noted != Some(sum) {
            let got = noted.map_or("a text that is not octal".to_owned(), |noted| noted.to_string());
            return Err(wrong(name, "checksum of a header", sum, got));
        }
        // The GNU format has other fields in the place of the prefix.
        let prefix = if block[257..263] == *b"ustar\0" { text(&block[345..500]) } else { &[] };
        let stored = [prefix, text(&block[..100])].into_iter().filter(|part| !part.is_empty());
        let stored = stored.collect::<Vec<_>>().join(&b'/');
        let shown = stored.escape_ascii().to_string();
        let size = octal(&block[124..136]).ok_or_else(|| {
            wrong(name, "size of an entry", "an octal number", format!("another text for `{shown}`"))
        })?;
        let kind = match block[156] {
            0 | b'0' | b'7' => Kind::File,
            b'5' | b'x' | b'g' | b'L' | b'K' => Kind::Other,
            other => {
                let what = match other {
                    b'1' => "a hard link".to_owned(),
                    b'2' => "a symbolic link".to_owned(),
                    b'3' | b'4' => "a device".to_owned(),
                    b'6' => "a pipe".to_owned(),
                    _ => format!("kind {other:#04x}"),
                };
                let got = format!("{what} called `{shown}`");
                return Err(wrong(name, "kind of an entry", "a regular file or a folder", got));
            }
        };
        let path = plain(&stored).ok_or_else(|| {
            wrong(name, "path of an entry", "a relative path without `.` and `..`", format!("`{shown}`"))
        })?;
        Ok(Self { path, size, kind })
    }
}

/// The path without `.` components; `None` if it is absolute, contains `..` or is not UTF-8.
fn plain(stored: &[u8]) -> Option<String> {
    let stored = std::str::from_utf8(stored).ok()?;
    let mut parts = Vec::new();
    for part in Path::new(stored).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            Component::RootDir | Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

/// The bytes of a field up to its first zero.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Parses an octal number between spaces; `None` for anything else, such as GNU's binary form for 8 GiB and more.
fn octal(field: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(text(field)).ok()?.trim_matches(' ');
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    if plain { u64::from_str_radix(digits, 8).ok() } else { None }
}

#[cfg(test)]
pub(crate) mod tests;
