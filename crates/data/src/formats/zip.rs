//! Files of a ZIP archive, stored or deflated; only the part of the format that NPZ files use.
//!
//! An archive ends with a directory of its entries, which gives the position of each entry. Entries are read one at a
//! time, so the archive is never completely in memory.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::CrcReader;
use flate2::read::DeflateDecoder;

use super::stored::{Limited, may_unpack_to, unreadable, wrong};
use crate::Result;

/// The largest number of entries.
const MAX_ENTRIES: u64 = 4_096;

/// The sizes in bytes of the record at the end without its comment, of an entry's header in the directory, and of the
/// header before an entry's content.
const END: u64 = 22;
const ENTRY: u64 = 46;
const LOCAL: u64 = 30;

/// Calls `each` with the name, the size and the content of every file of an archive, in the order of its directory. If it
/// returns false, it has left a part of the content unread, and the checksum of this file is not checked.
pub(crate) fn for_entries(
    name: &str,
    source: impl Read + Seek,
    mut each: impl FnMut(String, u64, &mut dyn Read) -> Result<bool>,
) -> Result<()> {
    let damaged = |field: &'static str| move || wrong(name, field, "a complete ZIP archive", "a damaged one");
    let mut archive = Archive::new(name, source)?;
    // A comment of at most 65,535 bytes may follow the record.
    let last = archive.length.min(END + 0xffff);
    let last = archive.part(archive.length - last, last)?.unwrap_or_default();
    let end = last.windows(END as usize).rposition(|window| window.starts_with(b"PK\x05\x06"));
    let end = end.map(|at| &last[at..]).ok_or_else(damaged("last bytes"))?;
    let (n, mut at) = (number(end, 10, 2), number(end, 16, 4));
    if n > MAX_ENTRIES {
        return Err(wrong(name, "entries", format!("at most {MAX_ENTRIES}"), n.to_string()));
    }
    // All entries together must not unpack to more than the limit for the file.
    let mut left = may_unpack_to(archive.length);
    for _ in 0..n {
        let entry = archive.part(at, ENTRY)?.filter(|entry| entry.starts_with(b"PK\x01\x02"));
        let entry = entry.ok_or_else(damaged("directory"))?;
        let [method, name_length, extra, comment] = [10, 28, 30, 32].map(|field| number(&entry, field, 2));
        let [crc, packed, size, place] = [16, 20, 24, 42].map(|field| number(&entry, field, 4));
        if [packed, size, place].contains(&0xffff_ffff) {
            return Err(wrong(
                name,
                "entry",
                "an entry below 4 GiB; store it as NPY",
                "a larger one (ZIP64)",
            ));
        }
        if size > left {
            return Err(wrong(name, "size of an entry", format!("at most {left} bytes"), size.to_string()));
        }
        left -= size;
        let of_name = archive.part(at + ENTRY, name_length)?.ok_or_else(damaged("name of an entry"))?;
        at += ENTRY + name_length + extra + comment;
        let local = archive.part(place, LOCAL)?.filter(|local| local.starts_with(b"PK\x03\x04"));
        let local = local.ok_or_else(damaged("header of an entry"))?;
        let begin = place + LOCAL + number(&local, 26, 2) + number(&local, 28, 2);
        let content = archive.content(begin, packed)?.ok_or_else(damaged("content of an entry"))?;
        let unpacked: &mut dyn Read = match method {
            0 => &mut { content },
            8 => &mut DeflateDecoder::new(content),
            _ => return Err(wrong(name, "compression", "none or deflate", format!("method {method}"))),
        };
        let mut unpacked = CrcReader::new(Limited::new(unpacked, size));
        if !each(String::from_utf8_lossy(&of_name).into_owned(), size, &mut unpacked)? {
            continue;
        }
        let rest =
            io::copy(&mut unpacked, &mut io::sink()).map_err(|error| unreadable(name, "an entry", error))?;
        let read = unpacked.crc();
        if rest > 0 || [read.amount(), read.sum()].map(u64::from) != [size, crc] {
            return Err(damaged("size and checksum of an entry")());
        }
    }
    Ok(())
}

/// An archive and its length.
struct Archive<'a, S> {
    name: &'a str,
    source: S,
    length: u64,
}

impl<'a, S: Read + Seek> Archive<'a, S> {
    fn new(name: &'a str, mut source: S) -> Result<Self> {
        let length = source.seek(SeekFrom::End(0)).map_err(|error| unreadable(name, "length", error))?;
        Ok(Self { name, source, length })
    }

    /// A reader of `length` bytes from position `at` on; `None` if there are fewer.
    fn content(&mut self, at: u64, length: u64) -> Result<Option<impl Read>> {
        if at + length > self.length {
            return Ok(None);
        }
        let sought = self.source.seek(SeekFrom::Start(at));
        sought.map_err(|error| unreadable(self.name, "an entry", error))?;
        Ok(Some(self.source.by_ref().take(length)))
    }

    /// `length` bytes, fewer than 2^17, from position `at` on; `None` if there are fewer.
    fn part(&mut self, at: u64, length: u64) -> Result<Option<Vec<u8>>> {
        let (name, mut part) = (self.name, Vec::new());
        let Some(mut content) = self.content(at, length)? else { return Ok(None) };
        content.read_to_end(&mut part).map_err(|error| unreadable(name, "an entry", error))?;
        Ok((part.len() as u64 == length).then_some(part))
    }
}

/// The little-endian number of `width` bytes, at most four, at position `at` of a header, which must contain them.
fn number(header: &[u8], at: usize, width: usize) -> u64 {
    header[at..at + width].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{Cursor, Write};

    use flate2::write::DeflateEncoder;
    use flate2::{Compression, Crc};

    use super::*;

    fn entries(name: &str, archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
        let mut files = vec![];
        for_entries(name, Cursor::new(archive), |file, size, content| {
            let mut bytes = vec![];
            content.read_to_end(&mut bytes).map_err(|error| unreadable(name, "an entry", error))?;
            assert!(bytes.len() as u64 <= size);
            files.push((file, bytes));
            Ok(true)
        })?;
        Ok(files)
    }

    /// An archive of files with names and contents, deflated or stored.
    pub(in super::super) fn archive(files: &[(&str, &[u8], bool)]) -> Vec<u8> {
        let (mut archive, mut directory) = (Vec::new(), Vec::new());
        for (name, content, deflated) in files {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(content).unwrap();
            let packed = if *deflated { encoder.finish().unwrap() } else { content.to_vec() };
            let mut crc = Crc::new();
            crc.update(content);
            let sizes = [crc.sum(), packed.len() as u32, content.len() as u32].map(u32::to_le_bytes).concat();
            let method = [if *deflated { 8 } else { 0 }, 0];
            let lengths = [(name.len() as u16).to_le_bytes(), [0; 2]].concat();
            let common = [&[20, 0, 0, 0][..], &method, &[0; 4], &sizes, &lengths].concat();
            let place = (archive.len() as u32).to_le_bytes();
            directory
                .extend([&b"PK\x01\x02\x14\x00"[..], &common, &[0; 10], &place, name.as_bytes()].concat());
            archive.extend([&b"PK\x03\x04"[..], &common, name.as_bytes(), &packed].concat());
        }
        let n = (files.len() as u16).to_le_bytes();
        let [size, place] = [directory.len(), archive.len()].map(|number| (number as u32).to_le_bytes());
        let end = [&b"PK\x05\x06\0\0\0\0"[..], &n, &n, &size, &place, &[0, 0]].concat();
        [archive, directory, end].concat()
    }

    #[test]
    fn stored_and_deflated_files_are_read() {
        let long = vec![7; 10_000];
        let archive = archive(&[("a", b"hello", false), ("b/c", &long, true), ("empty", b"", true)]);
        let files = entries("z", &archive).unwrap();
        let expected = [("a", &b"hello"[..]), ("b/c", &long[..]), ("empty", &[])];
        assert_eq!(files, expected.map(|(name, content)| (name.to_owned(), content.to_vec())));
        let commented = [&archive[..], b"a comment"].concat();
        assert_eq!(entries("z", &commented).unwrap().len(), 3);
    }

    #[test]
    fn damaged_archives_are_errors() {
        let whole = archive(&[("a", b"hello hello hello", false), ("b", &[3; 500], true)]);
        for length in 0..whole.len() {
            assert!(entries("z", &whole[..length]).is_err(), "the first {length} bytes");
        }
        let text = whole.windows(5).position(|window| window == b"hello").unwrap();
        let mut other = whole.clone();
        other[text] ^= 1;
        assert!(entries("z", &other).unwrap_err().to_string().contains("checksum"));
        let bomb = archive(&[("bomb", &vec![0; 8 << 20], true)]);
        let refused = entries("z", &bomb).unwrap_err().to_string();
        assert!(refused.starts_with("`z`: size of an entry: expected at most "), "{refused}");
        // An entry that unpacks to more than its size.
        let mut longer = archive(&[("b", &[3; 500], true)]);
        let directory = longer.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        longer[directory + 24..directory + 28].copy_from_slice(&499u32.to_le_bytes());
        assert!(entries("z", &longer).is_err());
    }
}
