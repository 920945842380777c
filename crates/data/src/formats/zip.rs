//! Files of a ZIP archive, stored or deflated: as much of the format as NPZ files use.
//!
//! An archive ends with a directory of its entries, which names the place of each.

use std::io::{ErrorKind, Read};

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::stored::{Limited, may_unpack_to, unreadable, wrong};
use crate::Result;

/// The largest number of entries.
const MAX_ENTRIES: usize = 4_096;

/// The record at the end, without its comment, the header of an entry in the directory, and the header before its content.
const END: usize = 22;
const ENTRY: usize = 46;
const LOCAL: usize = 30;

/// All files of an archive with their names, in the order of its directory.
pub(crate) fn entries(name: &str, bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let damaged = |field: &'static str| move || wrong(name, field, "those of a whole archive", "others");
    // A comment of at most 65,535 bytes may follow the record.
    let first = bytes.len().saturating_sub(END + 0xffff);
    let end = bytes[first..].windows(END).rposition(|window| window.starts_with(b"PK\x05\x06"));
    let end = end.map(|at| &bytes[first + at..]).ok_or_else(damaged("last bytes"))?;
    let (n, mut at) = (number(end, 10, 2), number(end, 16, 4));
    if n > MAX_ENTRIES {
        return Err(wrong(name, "entries", format!("at most {MAX_ENTRIES}"), n.to_string()));
    }
    // All entries together may unpack to no more than a limit for the file.
    let mut left = may_unpack_to(bytes.len() as u64);
    let mut files = Vec::with_capacity(n);
    for _ in 0..n {
        let entry = part(bytes, at, ENTRY).filter(|entry| entry.starts_with(b"PK\x01\x02"));
        let entry = entry.ok_or_else(damaged("directory"))?;
        let [method, name_length, extra, comment] = [10, 28, 30, 32].map(|field| number(entry, field, 2));
        let [packed, size, place] = [20, 24, 42].map(|field| number(entry, field, 4));
        if [packed, size, place].contains(&0xffff_ffff) {
            return Err(wrong(name, "entry", "one below 4 GiB; store it as NPY", "a larger one (ZIP64)"));
        }
        let of_name = part(bytes, at + ENTRY, name_length).ok_or_else(damaged("name of an entry"))?;
        at += ENTRY + name_length + extra + comment;
        let file = String::from_utf8_lossy(of_name).into_owned();
        let local = part(bytes, place, LOCAL).filter(|local| local.starts_with(b"PK\x03\x04"));
        let local = local.ok_or_else(damaged("header of an entry"))?;
        let begin = place + LOCAL + number(local, 26, 2) + number(local, 28, 2);
        let content = part(bytes, begin, packed).ok_or_else(damaged("content of an entry"))?;
        let content = unpacked(name, content, method, [size as u64, left])?;
        let mut crc = Crc::new();
        crc.update(&content);
        if content.len() != size || crc.sum() as usize != number(entry, 16, 4) {
            return Err(damaged("size and checksum of an entry")());
        }
        left -= content.len() as u64;
        files.push((file, content));
    }
    Ok(files)
}

fn unpacked(name: &str, content: &[u8], method: usize, [size, most]: [u64; 2]) -> Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    // The size comes from the file: no more than the limit, and an error where the memory is not there.
    let reserved = unpacked.try_reserve_exact(size.min(most) as usize);
    reserved.map_err(|_| unreadable(name, "an entry", ErrorKind::OutOfMemory.into()))?;
    let read = match method {
        0 => Limited::new(content, most).read_to_end(&mut unpacked),
        8 => Limited::new(DeflateDecoder::new(content), most).read_to_end(&mut unpacked),
        _ => return Err(wrong(name, "compression", "none or deflate", format!("method {method}"))),
    };
    read.map(|_| unpacked).map_err(|error| unreadable(name, "an entry", error))
}

/// `length` bytes from `at` on.
fn part(bytes: &[u8], at: usize, length: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(length)?)
}

/// The little-endian number of `width` bytes at a place of a header, which has them.
fn number(header: &[u8], at: usize, width: usize) -> usize {
    header[at..at + width].iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

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
        assert!(entries("z", &bomb).is_err());
    }
}
