//! The binary formats of CIFAR-10 and CIFAR-100: records of a label and an image, plain or compressed with gzip.
//!
//! A record is one byte for the label (in CIFAR-100 after a byte for the coarse label) and 3,072 bytes for the image:
//! its red, green and blue planes, each with 32 rows of 32 pixels. A file is a sequence of records.

use std::{io::Read, path::Path};

use super::stored::{self, Size, unreadable, wrong};
use crate::Result;

/// Channels, height and width of every image.
pub const IMAGE_SHAPE: [usize; 3] = [3, 32, 32];

/// The version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// CIFAR-10: a label below 10.
    Cifar10,
    /// CIFAR-100: a coarse label, which is ignored, and a fine label below 100.
    Cifar100,
}

impl Version {
    /// The number of classes.
    pub const fn classes(self) -> usize {
        match self {
            Self::Cifar10 => 10,
            Self::Cifar100 => 100,
        }
    }

    /// The number of label bytes before the image; the last is the label.
    const fn labels(self) -> usize {
        match self {
            Self::Cifar10 => 1,
            Self::Cifar100 => 2,
        }
    }

    /// The length of a record in bytes.
    const fn record(self) -> usize {
        self.labels() + PIXELS
    }

    /// The largest number of records in a file: that in the largest published file.
    const fn most(self) -> usize {
        match self {
            Self::Cifar10 => 10_000,
            Self::Cifar100 => 50_000,
        }
    }
}

/// The number of bytes of an image.
const PIXELS: usize = 3 * 32 * 32;

/// The records in file order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    /// The images one after another, `[n, 3, 32, 32]`.
    pub pixels: Vec<u8>,
    /// The `n` labels, each below [`Version::classes`].
    pub labels: Vec<u8>,
    /// The SHA-256 of each file as stored (of the compressed bytes if it is compressed).
    pub sha256: Vec<String>,
}

/// Reads the records of several files in order.
///
/// Fails if a file is not a sequence of one or more complete records, or if a label is out of range. Memory grows as
/// records are read, or is reserved at once if the file's size proves that they exist.
pub fn read<P: AsRef<Path>>(version: Version, paths: &[P]) -> Result<Records> {
    let mut records = Records::default();
    for path in paths {
        let append = |name: &str, reader: &mut dyn Read, size| records.append(version, name, reader, size);
        let ((), sha256) = stored::read(path.as_ref(), append)?;
        records.sha256.push(sha256);
    }
    Ok(records)
}

/// Parses a file in memory; `name` is its name in errors.
pub fn parse(version: Version, name: &str, bytes: &[u8]) -> Result<Records> {
    let mut records = Records::default();
    let append = |name: &str, reader: &mut dyn Read, size| records.append(version, name, reader, size);
    let ((), sha256) = stored::decode(name, bytes, bytes.len() as u64, append)?;
    records.sha256.push(sha256);
    Ok(records)
}

impl Records {
    fn append(&mut self, version: Version, name: &str, reader: &mut dyn Read, size: Size) -> Result<()> {
        let (length, most, classes) = (version.record(), version.most(), version.classes());
        let some = || format!("between 1 and {most} records of {length} bytes");
        if let Size::Exactly(size) = size {
            let n = (size / length as u64) as usize;
            if size % length as u64 != 0 || !(1..=most).contains(&n) {
                return Err(wrong(name, "size", some(), format!("{size} bytes")));
            }
            self.pixels.reserve_exact(n * PIXELS);
            self.labels.reserve_exact(n);
        }
        let mut record = Vec::with_capacity(length);
        for n in 0.. {
            record.clear();
            let one = (&mut *reader).take(length as u64).read_to_end(&mut record);
            one.map_err(|error| unreadable(name, "records", error))?;
            match record.split_at_checked(version.labels()) {
                None if record.is_empty() && n > 0 => break,
                Some((&[.., label], pixels)) if pixels.len() == PIXELS && n < most => {
                    if usize::from(label) >= classes {
                        let below = format!("below {classes}");
                        return Err(wrong(name, "label", below, format!("{label} in record {n}")));
                    }
                    self.labels.push(label);
                    self.pixels.extend_from_slice(pixels);
                }
                _ => {
                    let got = format!("{n} records and {} more bytes", record.len());
                    return Err(wrong(name, "records", some(), got));
                }
            }
        }
        Ok(())
    }
}
