//! Files of a ZIP archive, read stored or deflated and written stored; only the part of the format that NPZ files use.
//!
//! An archive ends with a directory of its entries, which gives the position of each entry. Entries are read one at a
//! time, so the archive is never completely in memory.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::read::DeflateDecoder;
use flate2::{Crc, CrcReader};

use super::stored::{Limited, may_unpack_to, unreadable, wrong};
use crate::Result;

/// The largest number of entries.
const MAX_ENTRIES: u64 = 4_096;

/// The sizes in bytes of the record at the end without its comment, of an entry's header in the directory, and of the
/// header before an entry's content.
const END: u64 = 22;
const ENTRY: u64 = 46;
const LOCAL: u64 = 30;

/// A size or position in place of one that does not fit into 32 bits (ZIP64).
const ZIP64: u64 = 0xffff_ffff;

/// Reads the entries that are `wanted` by their names, in the order of the directory. `read` gets the name, the size and
/// the content of an entry. An entry that is damaged or not supported, or that `read` refuses, does not affect the others:
/// each name has its own result.
///
/// Fails if the directory of the archive is damaged.
pub(crate) fn entries<T>(
    name: &str,
    source: impl Read + Seek,
    mut wanted: impl FnMut(&str) -> bool,
    mut read: impl FnMut(&str, u64, &mut dyn Read) -> Result<T>,
) -> Result<Vec<(String, Result<T>)>> {
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
    let mut entries = Vec::new();
    for _ in 0..n {
        let entry = archive.part(at, ENTRY)?.filter(|entry| entry.starts_with(b"PK\x01\x02"));
        let entry = entry.ok_or_else(damaged("directory"))?;
        let [name_length, extra, comment] = [28, 30, 32].map(|field| number(&entry, field, 2));
        let file = archive.part(at + ENTRY, name_length)?.ok_or_else(damaged("name of an entry"))?;
        let file = String::from_utf8_lossy(&file).into_owned();
        at += ENTRY + name_length + extra + comment;
        if wanted(&file) {
            let got = archive.entry(&format!("{name}/{file}"), &entry, &mut left, |size, content| {
                read(&file, size, content)
            });
            entries.push((file, got));
        }
    }
    Ok(entries)
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

    /// Reads the content of the entry `name` with this header of the directory; `left` is the number of bytes that entries
    /// may still unpack to.
    fn entry<T>(
        &mut self,
        name: &str,
        entry: &[u8],
        left: &mut u64,
        read: impl FnOnce(u64, &mut dyn Read) -> Result<T>,
    ) -> Result<T> {
        let damaged = |field: &'static str| move || wrong(name, field, "a complete entry", "a damaged one");
        let method = number(entry, 10, 2);
        let [crc, packed, size, place] = [16, 20, 24, 42].map(|field| number(entry, field, 4));
        if [packed, size, place].contains(&ZIP64) {
            let expected = "an entry below 4 GiB; store it as NPY";
            return Err(wrong(name, "size", expected, "a larger one (ZIP64)"));
        }
        *left = left
            .checked_sub(size)
            .ok_or_else(|| wrong(name, "size", format!("at most {left} bytes"), size.to_string()))?;
        let local = self.part(place, LOCAL)?.filter(|local| local.starts_with(b"PK\x03\x04"));
        let local = local.ok_or_else(damaged("header"))?;
        let begin = place + LOCAL + number(&local, 26, 2) + number(&local, 28, 2);
        let content = self.content(begin, packed)?.ok_or_else(damaged("content"))?;
        let unpacked: &mut dyn Read = match method {
            0 => &mut { content },
            8 => &mut DeflateDecoder::new(content),
            _ => return Err(wrong(name, "compression", "none or deflate", format!("method {method}"))),
        };
        let mut unpacked = CrcReader::new(Limited::new(unpacked, size));
        let value = read(size, &mut unpacked)?;
        let rest =
            io::copy(&mut unpacked, &mut io::sink()).map_err(|error| unreadable(name, "content", error))?;
        let read = unpacked.crc();
        match rest == 0 && [read.amount(), read.sum()].map(u64::from) == [size, crc] {
            true => Ok(value),
            false => Err(damaged("size and checksum")()),
        }
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

/// An archive of files with names and contents, without compression, as `numpy.savez` writes it.
///
/// Fails if a name is used twice or has more than 65,535 bytes, or if there are more than 4,096 files or 4 GiB.
pub(crate) fn archive(name: &str, files: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (number, (file, content)) in files.iter().enumerate() {
        let used = files[..number].iter().any(|(other, _)| other == file);
        let length = u16::try_from(file.len()).ok().filter(|_| !used);
        let length = length.ok_or_else(|| {
            wrong(name, "name of an entry", "distinct names of at most 65535 bytes", format!("`{file}`"))
        })?;
        let place = archive.len() as u64;
        if place + content.len() as u64 >= ZIP64 {
            return Err(wrong(name, "size", "less than 4 GiB; write NPY files", "a larger one"));
        }
        let (place, size) = (place as u32, content.len() as u32);
        let mut crc = Crc::new();
        crc.update(content);
        let sizes = [crc.sum(), size, size].map(u32::to_le_bytes).concat();
        // Version 2.0, no flags, no compression, and the first date that the format has, 1980-01-01.
        let common =
            [&[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..], &sizes, &length.to_le_bytes(), &[0; 2]].concat();
        let header = [&b"PK\x01\x02\x14\x00"[..], &common, &[0; 10], &place.to_le_bytes()].concat();
        directory.extend([&header, file.as_bytes()].concat());
        archive.extend([&b"PK\x03\x04"[..], &common, file.as_bytes()].concat());
        archive.extend(content);
    }
    let n = u16::try_from(files.len()).ok().filter(|&n| u64::from(n) <= MAX_ENTRIES);
    let n =
        n.ok_or_else(|| wrong(name, "entries", format!("at most {MAX_ENTRIES}"), files.len().to_string()))?;
    let place = u32::try_from(archive.len())
        .map_err(|_| wrong(name, "size", "less than 4 GiB; write NPY files", "a larger one"))?;
    let [size, place] = [directory.len() as u32, place].map(u32::to_le_bytes);
    let n = n.to_le_bytes();
    Ok([archive, directory, [&b"PK\x05\x06\0\0\0\0"[..], &n, &n, &size, &place, &[0, 0]].concat()].concat())
}

/// The little-endian number of `width` bytes, at most four, at position `at` of a header, which must contain them.
fn number(header: &[u8], at: usize, width: usize) -> u64 {
    header[at..at + width].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{Cursor, Write};

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    /// All entries, or the first error.
    fn entries(name: &str, archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
        let read = |_: &str, size: u64, content: &mut dyn Read| {
            let mut bytes = vec![];
            content.read_to_end(&mut bytes).map_err(|error| unreadable(name, "an entry", error))?;
            assert!(bytes.len() as u64 <= size);
            Ok(bytes)
        };
        let entries = super::entries(name, Cursor::new(archive), |_| true, read)?;
        entries.into_iter().map(|(file, content)| Ok((file, content?))).collect()
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
    fn a_written_archive_is_read_back_and_names_occur_once() {
        let file = |name: &str, content: &[u8]| (name.to_owned(), content.to_vec());
        let files = [file("a", b"hello"), file("b/c", &[7; 1000]), file("empty", b"")];
        assert_eq!(entries("z", &super::archive("z", &files).unwrap()).unwrap(), files);
        assert_eq!(entries("z", &super::archive("z", &[]).unwrap()).unwrap(), []);
        assert!(super::archive("z", &[file("a", b""), file("a", b"")]).is_err());
        assert!(super::archive("z", &[file(&"a".repeat(1 << 16), b"")]).is_err());
        let many: Vec<_> = (0..=MAX_ENTRIES).map(|n| file(&n.to_string(), b"")).collect();
        assert!(super::archive("z", &many).unwrap_err().to_string().contains("at most 4096"));
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
        assert!(refused.starts_with("`z/bomb`: size: expected at most "), "{refused}");
        // An entry that unpacks to more than its size.
        let mut longer = archive(&[("b", &[3; 500], true)]);
        let directory = longer.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        longer[directory + 24..directory + 28].copy_from_slice(&499u32.to_le_bytes());
        assert!(entries("z", &longer).is_err());
    }
}
