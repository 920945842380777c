//! Numeric arrays in MATLAB level 5 MAT-files (version 5 to 7.2), plain or compressed.
//!
//! A file is 128 bytes of header followed by elements: a tag of two little-endian u32, type and size in bytes, and the
//! data, padded to a multiple of eight. Data of at most four bytes may be stored in the tag's second half, with their
//! size in the upper half of its first. An array is an element that contains elements: flags, dimensions, name, values.
//! A compressed element is a zlib stream of another element, without padding. Values are in column-major order.

use std::{
    io::{self, Read},
    mem,
    path::Path,
};

use flate2::read::ZlibDecoder;

use super::stored::{self, Size, may_unpack_to, wrong};
use crate::{Error, Result};

/// The content of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Mat {
    /// The arrays in file order, at least one.
    pub arrays: Vec<Array>,
    /// The SHA-256 of the file as stored.
    pub sha256: String,
}

/// A real array.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// The name of the variable.
    pub name: String,
    /// The dimensions: at least two, none of them zero.
    pub dims: Vec<usize>,
    /// The values in column-major order, as many as the product of `dims`.
    pub values: Values,
}

/// The values as stored. MATLAB stores doubles that are small integers as bytes.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Bytes (element type 2).
    Bytes(Vec<u8>),
    /// Doubles (element type 9).
    Doubles(Vec<f64>),
}

/// The element types.
const BYTES: u32 = 2;
const DOUBLES: u32 = 9;
const CHARACTERS: u32 = 1;
const INTEGERS: u32 = 5;
const FLAGS: u32 = 6;
const ARRAY: u32 = 14;
const COMPRESSED: u32 = 15;

/// The array classes, in the lowest byte of the flags, and the flag of an imaginary part.
const DOUBLE_CLASS: u32 = 6;
const BYTE_CLASS: u32 = 9;
const COMPLEX: u32 = 1 << 11;

/// The largest rank, length of a name, and number of values of an array.
const MAX_RANK: u64 = 32;
const MAX_NAME: u64 = 63;
const MAX_VALUES: u64 = 1 << 32;

/// Reads a file. Memory grows as values are read.
///
/// Fails, with the position in the file, if it has another version or byte order, is damaged, or contains anything
/// other than real arrays of bytes and doubles.
pub fn read(path: &Path) -> Result<Mat> {
    let (arrays, sha256) = stored::read(path, content)?;
    Ok(Mat { arrays, sha256 })
}

/// Parses a file in memory; `name` is its name in errors.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Mat> {
    let (arrays, sha256) = stored::decode(name, bytes, bytes.len() as u64, content)?;
    Ok(Mat { arrays, sha256 })
}

fn content(name: &str, reader: &mut dyn Read, size: Size) -> Result<Vec<Array>> {
    let (end, remaining) = match size {
        Size::Exactly(end) => (end, may_unpack_to(end)),
        Size::AtMost(end) => (end, end),
    };
    let mut source = Source { file: name, reader, within: String::new(), at: 0, end, remaining };
    source.header()?;
    let mut arrays = Vec::new();
    while let Some(tag) = source.next_tag()? {
        let array = match tag.kind {
            ARRAY => source.array(tag)?,
            COMPRESSED => source.compressed(tag)?,
            other => return Err(source.wrong("element", "type 14 (array) or 15 (compressed)", other)),
        };
        arrays.push(array);
    }
    if arrays.is_empty() {
        return Err(source.wrong("arrays", "at least one", "the end"));
    }
    Ok(arrays)
}

/// The file or the content of a compressed element, with the current position.
struct Source<'a> {
    file: &'a str,
    reader: &'a mut dyn Read,
    /// The name of the compressed element for errors; empty for the file itself.
    within: String,
    at: u64,
    /// The end of the current element.
    end: u64,
    /// A limit on the total size of the remaining compressed elements after decompression.
    remaining: u64,
}

/// The tag of an element.
struct Tag {
    kind: u32,
    size: u64,
    /// The number of padding bytes after the data.
    padding: u64,
}

impl Source<'_> {
    fn header(&mut self) -> Result<()> {
        let header: [u8; 128] = self.bytes("header")?;
        let [.., minor, major, first, second] = header;
        if [first, second] != *b"IM" {
            let got = format!("{first:02x} {second:02x}");
            return Err(self.wrong("byte order", "49 4d (little-endian)", got));
        }
        if [major, minor] != [1, 0] {
            return Err(self.wrong("version", "01 00 (level 5)", format!("{major:02x} {minor:02x}")));
        }
        Ok(())
    }

    /// Reads a compressed array.
    fn compressed(&mut self, tag: Tag) -> Result<Array> {
        let start = self.at;
        let mut stored = (&mut *self.reader).take(tag.size);
        let mut unpacked = ZlibDecoder::new(&mut stored);
        let mut source = Source {
            file: self.file,
            reader: &mut unpacked,
            within: format!(" of the decompressed element at byte {start}"),
            at: 0,
            end: self.remaining,
            remaining: 0,
        };
        let array = match source.next_tag()? {
            Some(tag) if tag.kind == ARRAY => source.array(tag)?,
            other => {
                let got = other.map_or("the end".to_owned(), |tag| tag.kind.to_string());
                return Err(source.wrong("compressed element", "type 14 (array)", got));
            }
        };
        // Reads to the end of the stream, where the decoder verifies the checksum.
        if source.next_tag()?.is_some() {
            return Err(source.wrong("compressed element", "one array", "more"));
        }
        let unpacked = source.at;
        self.remaining = self.remaining.saturating_sub(unpacked);
        io::copy(&mut stored, &mut io::sink()).map_err(|error| self.failed("compressed element", error))?;
        self.at += tag.size;
        Ok(array)
    }

    fn array(&mut self, Tag { size, .. }: Tag) -> Result<Array> {
        let end = mem::replace(&mut self.end, self.at + size);
        self.flags()?;
        let dims = self.dimensions()?;
        let name = self.name()?;
        let values = self.values(&dims)?;
        if self.at != self.end {
            let left = format!("{} more bytes", self.end - self.at);
            return Err(self.wrong("end of the array", "nothing after the values", left));
        }
        self.end = end;
        Ok(Array { name, dims, values })
    }

    fn flags(&mut self) -> Result<()> {
        let tag = self.tag("flags")?;
        if (tag.kind, tag.size) != (FLAGS, 8) {
            return Err(self.wrong("flags", "8 bytes of type 6", tag.described()));
        }
        let [flags, _] = [self.word("flags")?, self.word("flags")?];
        if ![DOUBLE_CLASS, BYTE_CLASS].contains(&(flags & 0xff)) {
            return Err(self.wrong("class of the array", "6 (double) or 9 (bytes)", flags & 0xff));
        }
        if flags & COMPLEX != 0 {
            return Err(self.wrong("array", "real numbers", "complex ones"));
        }
        Ok(())
    }

    fn dimensions(&mut self) -> Result<Vec<usize>> {
        let tag = self.tag("dimensions")?;
        let rank = tag.size / 4;
        if tag.kind != INTEGERS || tag.size % 4 != 0 || !(2..=MAX_RANK).contains(&rank) {
            let expected = format!("between 2 and {MAX_RANK} sizes of 4 bytes, type 5");
            return Err(self.wrong("dimensions", expected, tag.described()));
        }
        let dims: Vec<u32> = (0..rank).map(|_| self.word("dimensions")).collect::<Result<_>>()?;
        self.skip(tag.padding)?;
        let count = dims.iter().try_fold(1, |product: u64, &dim| product.checked_mul(u64::from(dim)));
        if !count.is_some_and(|count| (1..=MAX_VALUES).contains(&count)) {
            let expected = format!("a product between 1 and {MAX_VALUES}");
            return Err(self.wrong("dimensions", expected, format!("{dims:?}")));
        }
        Ok(dims.into_iter().map(|dim| dim as usize).collect())
    }

    fn name(&mut self) -> Result<String> {
        let tag = self.tag("name")?;
        if tag.kind != CHARACTERS || tag.size > MAX_NAME {
            let expected = format!("at most {MAX_NAME} bytes of type 1");
            return Err(self.wrong("name", expected, tag.described()));
        }
        let name = self.data("name", &tag)?;
        String::from_utf8(name).map_err(|error| self.wrong("name", "text", error.utf8_error()))
    }

    fn values(&mut self, dims: &[usize]) -> Result<Values> {
        let tag = self.tag("values")?;
        let width = match tag.kind {
            BYTES => 1,
            DOUBLES => 8,
            other => return Err(self.wrong("values", "type 2 (bytes) or 9 (doubles)", other)),
        };
        // The product is at most MAX_VALUES.
        let size = width * dims.iter().map(|&dim| dim as u64).product::<u64>();
        if tag.size != size {
            let expected = format!("{size} bytes for the dimensions {dims:?}");
            return Err(self.wrong("values", expected, tag.described()));
        }
        let bytes = self.data("values", &tag)?;
        Ok(if width == 1 {
            Values::Bytes(bytes)
        } else {
            let (doubles, _) = bytes.as_chunks();
            Values::Doubles(doubles.iter().map(|&double| f64::from_le_bytes(double)).collect())
        })
    }

    /// Reads the tag of a required element.
    fn tag(&mut self, field: &'static str) -> Result<Tag> {
        let first = self.word(field)?;
        self.tag_from(first)
    }

    /// Reads the tag of the next element; `None` at the end.
    fn next_tag(&mut self) -> Result<Option<Tag>> {
        let mut word = Vec::new();
        (&mut *self.reader).take(4).read_to_end(&mut word).map_err(|error| self.failed("element", error))?;
        self.at += word.len() as u64;
        match *word {
            [] => Ok(None),
            [a, b, c, d] => self.tag_from(u32::from_le_bytes([a, b, c, d])).map(Some),
            _ => Err(self.wrong("element", "a tag of 8 bytes", "the end")),
        }
    }

    fn tag_from(&mut self, first: u32) -> Result<Tag> {
        let tag = match (first >> 16, first & 0xffff) {
            (0, kind) => {
                let size = u64::from(self.word("size of an element")?);
                let padding = if kind == COMPRESSED { 0 } else { size.next_multiple_of(8) - size };
                Tag { kind, size, padding }
            }
            (size @ 1..=4, kind) => Tag { kind, size: u64::from(size), padding: u64::from(4 - size) },
            (size, _) => return Err(self.wrong("size of a short element", "at most 4 bytes", size)),
        };
        let left = self.end.saturating_sub(self.at);
        if tag.size + tag.padding > left {
            return Err(self.wrong("size of an element", format!("at most {left} bytes"), tag.described()));
        }
        Ok(tag)
    }

    /// Reads the data of an element and skips the padding.
    fn data(&mut self, field: &'static str, tag: &Tag) -> Result<Vec<u8>> {
        let mut data = Vec::new();
        (&mut *self.reader)
            .take(tag.size)
            .read_to_end(&mut data)
            .map_err(|error| self.failed(field, error))?;
        self.at += data.len() as u64;
        if data.len() as u64 != tag.size {
            return Err(self.wrong(
                field,
                format!("{} bytes", tag.size),
                format!("{} before the end", data.len()),
            ));
        }
        self.skip(tag.padding)?;
        Ok(data)
    }

    fn skip(&mut self, n: u64) -> Result<()> {
        (0..n).try_for_each(|_| self.bytes("padding").map(|[_]: [u8; 1]| ()))
    }

    fn word(&mut self, field: &'static str) -> Result<u32> {
        self.bytes(field).map(u32::from_le_bytes)
    }

    fn bytes<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(|error| self.failed(field, error))?;
        self.at += N as u64;
        if self.at > self.end {
            return Err(self.wrong(field, format!("at most {} bytes", self.end), "more"));
        }
        Ok(bytes)
    }

    fn wrong(&self, field: &'static str, expected: impl ToString, got: impl ToString) -> Error {
        let Self { file, within, at, .. } = self;
        wrong(file, field, expected, format!("{} at byte {at}{within}", got.to_string()))
    }

    /// The error for a failed read: damaged data or an error of the disk.
    fn failed(&self, field: &'static str, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.wrong(field, "more bytes", "the end"),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                self.wrong(field, "an undamaged compressed stream", error)
            }
            _ => Error::Io { file: self.file.to_owned(), cause: error },
        }
    }
}

impl Tag {
    fn described(&self) -> String {
        format!("{} bytes of type {}", self.size, self.kind)
    }
}
