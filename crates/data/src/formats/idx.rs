//! The IDX format of MNIST and similar data sets, plain or compressed with gzip.
//!
//! A file is two zero bytes, the element type (8 for bytes), the rank, one big-endian u32 for each
//! dimension, and the values in row-major order. Only the element type byte is supported.

use std::{io::Read, path::Path};

use super::stored::{self, Size, unreadable, wrong};
use crate::{Error, Result};

/// The content of an IDX file of `R` dimensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idx<const R: usize> {
    /// The dimensions, none of them zero; for images `[n, h, w]`.
    pub dims: [usize; R],
    /// The values in row-major order, as many as the product of `dims`.
    pub values: Vec<u8>,
    /// The SHA-256 of the file as stored (of the compressed bytes if it is compressed).
    pub sha256: String,
}

/// The code of unsigned bytes in an IDX header.
const BYTES: u8 = 8;

/// The largest content in bytes: eight times that of the largest known set.
const MAX_VALUES: u64 = 1 << 32;

/// Reads an IDX file. Compression is detected from its first bytes, not from its name.
///
/// The file must have exactly `R` dimensions and exactly the number of values that its header declares. Memory grows as
/// values are read, or is reserved at once if the file's size proves that they exist.
pub fn read<const R: usize>(path: &Path) -> Result<Idx<R>> {
    let ((dims, values), sha256) = stored::read(path, content)?;
    Ok(Idx { dims, values, sha256 })
}

/// Parses an IDX file in memory; `name` is its name in errors.
pub fn parse<const R: usize>(name: &str, bytes: &[u8]) -> Result<Idx<R>> {
    let ((dims, values), sha256) = stored::decode(name, bytes, bytes.len() as u64, content)?;
    Ok(Idx { dims, values, sha256 })
}

/// Encodes an uncompressed IDX file. Fails if the number of values does not match `dims`.
pub fn encode<const R: usize>(dims: [usize; R], values: &[u8]) -> Result<Vec<u8>> {
    let words: Option<Vec<[u8; 4]>> =
        dims.iter().map(|&dim| u32::try_from(dim).ok().map(u32::to_be_bytes)).collect();
    let count = dims.iter().try_fold(1, |product: usize, &dim| product.checked_mul(dim));
    match (words, u8::try_from(R)) {
        (Some(words), Ok(rank)) if count == Some(values.len()) => {
            Ok([&[0, 0, BYTES, rank], words.as_flattened(), values].concat())
        }
        _ => Err(Error::Mismatch {
            what: "values of an IDX file",
            expected: format!("as many as the dimensions {dims:?} have elements, each dimension below 2^32"),
            got: values.len().to_string(),
        }),
    }
}

/// Reads dimensions and values up to the end of the file.
fn content<const R: usize>(name: &str, reader: &mut dyn Read, size: Size) -> Result<([usize; R], Vec<u8>)> {
    let dims = dimensions(name, reader)?;
    let count = dims.iter().try_fold(1, |product: u64, &dim| product.checked_mul(u64::from(dim)));
    let count = count.filter(|&count| count <= MAX_VALUES).ok_or_else(|| {
        wrong(name, "dimensions", format!("a product of at most {MAX_VALUES}"), format!("{dims:?}"))
    })?;

    let claimed = 4 + 4 * R as u64 + count;
    let reserve = match size {
        Size::Exactly(size) if size == claimed => count,
        Size::Exactly(size) => {
            return Err(wrong(name, "size", bytes_for(claimed, dims), format!("{size} bytes")));
        }
        Size::AtMost(most) if most >= claimed => 0,
        Size::AtMost(most) => {
            let got = format!("a file that decompresses to at most {most} bytes");
            return Err(wrong(name, "compressed size", bytes_for(claimed, dims), got));
        }
    };

    let mut values =
        Vec::with_capacity(usize::try_from(reserve).expect("the size of a file in memory fits into usize"));
    reader.take(count + 1).read_to_end(&mut values).map_err(|error| unreadable(name, "values", error))?;
    match (values.len() as u64).cmp(&count) {
        std::cmp::Ordering::Equal => Ok((dims.map(|dim| dim as usize), values)),
        std::cmp::Ordering::Less => {
            Err(wrong(name, "values", count, format!("{} before the end", values.len())))
        }
        std::cmp::Ordering::Greater => {
            Err(wrong(name, "end of the file", format!("no byte after {count} values"), "more"))
        }
    }
}

fn dimensions<const R: usize>(name: &str, reader: &mut dyn Read) -> Result<[u32; R]> {
    let mut word = |field| -> Result<[u8; 4]> {
        let mut word = [0; 4];
        reader.read_exact(&mut word).map_err(|error| unreadable(name, field, error))?;
        Ok(word)
    };
    let [zero, also_zero, kind, rank] = word("magic")?;
    if [zero, also_zero] != [0, 0] {
        return Err(wrong(name, "magic", "00 00, or 1f 8b for gzip", format!("{zero:02x} {also_zero:02x}")));
    }
    if kind != BYTES {
        return Err(wrong(name, "element type", "08 (unsigned bytes)", format!("{kind:02x}")));
    }
    if usize::from(rank) != R {
        return Err(wrong(name, "rank", R, rank));
    }
    let mut dims = [0; R];
    for dim in &mut dims {
        *dim = u32::from_be_bytes(word("dimensions")?);
    }
    if dims.contains(&0) {
        return Err(wrong(name, "dimensions", "none of them zero", format!("{dims:?}")));
    }
    Ok(dims)
}

fn bytes_for<const R: usize>(claimed: u64, dims: [u32; R]) -> String {
    format!("{claimed} bytes for the dimensions {dims:?}")
}
