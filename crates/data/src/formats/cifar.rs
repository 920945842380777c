//! The binary formats of CIFAR-10 and CIFAR-100: records of a label and an image, plain or compressed with gzip.
//!
//! A record is one byte for the label, in CIFAR-100 after one for the coarse label, and 3,072 for the image: its red,
//! green and blue plane, each of 32 rows of 32. A file holds records and nothing else.

use std::{io::Read, path::Path};

use super::stored::{self, Size, unreadable, wrong};
use crate::Result;

/// Channels, height and width of every image.
pub const IMAGE_SHAPE: [usize; 3] = [3, 32, 32];

/// Which of the two formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A label below 10.
    Cifar10,
    /// A coarse label, which is left out, and a fine one below 100.
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

    /// The bytes before the image, the last of which is the label.
    const fn labels(self) -> usize {
        match self {
            Self::Cifar10 => 1,
            Self::Cifar100 => 2,
        }
    }

    /// The bytes of a record.
    const fn record(self) -> usize {
        self.labels() + PIXELS
    }

    /// The most records that are read from one file: as many as the largest of the published ones holds.
    const fn most(self) -> usize {
        match self {
            Self::Cifar10 => 10_000,
            Self::Cifar100 => 50_000,
        }
    }
}

/// The bytes of an image.
const PIXELS: usize = 3 * 32 * 32;

/// The records of some files, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    /// Image after image, `[n, 3, 32, 32]`.
    pub pixels: Vec<u8>,
    /// The `n` labels, each below [`Version::classes`].
    pub labels: Vec<u8>,
    /// The SHA-256 of each file as it is stored, so of the compressed bytes if it is compressed.
    pub sha256: Vec<String>,
}

/// Reads files one after the other.
///
/// Errs if one of them is no whole number of records, at least one, or holds a label of another set. Memory is taken
/// as records arrive, or at once when the file's size proves that they are there.
pub fn read<P: AsRef<Path>>(version: Version, paths: &[P]) -> Result<Records> {
    let mut records = Records::default();
    for path in paths {
        let append = |name: &str, reader: &mut dyn Read, size| records.append(version, name, reader, size);
        let ((), sha256) = stored::read(path.as_ref(), append)?;
        records.sha256.push(sha256);
    }
    Ok(records)
}

/// Reads a file that is already in memory; `name` is what errors call it.
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
                    let got = format!("{n} and then {} bytes", record.len());
                    return Err(wrong(name, "records", some(), got));
                }
            }
        }
        Ok(())
    }
}
