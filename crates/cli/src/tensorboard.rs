//! Writes TensorBoard event files: the metrics of every epoch as framed protocol buffers.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use system::files;

use crate::error::Result;
use runs::store::Epoch;

/// TensorBoard recognizes event files by this part of their names.
const NAME: &str = "events.out.tfevents.0.agon";

/// An event file being written; TensorBoard may read it meanwhile.
pub(crate) struct EventFile {
    path: PathBuf,
    file: File,
    /// The wall time shown by TensorBoard: seconds of computation since the start of the run.
    seconds: f64,
}

impl EventFile {
    /// Creates the file in this folder, creating the folder if needed and replacing an older file.
    ///
    /// # Errors
    /// [`experiments::Error::Write`].
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        let created = std::fs::create_dir_all(folder).and_then(|()| files::regular(&mut options, &path));
        let file = created.map_err(|source| experiments::Error::Write { path: path.clone(), source })?;
        let mut events = Self { path, file, seconds: 0.0 };
        events.append(&version())?;
        Ok(events)
    }

    /// Writes all metrics of an epoch; its number is the step.
    ///
    /// # Errors
    /// [`experiments::Error::Write`].
    pub(crate) fn write(&mut self, epoch: &Epoch) -> Result<()> {
        self.seconds += epoch.seconds;
        let scalars = epoch.scalars.iter().map(|(name, &value)| (tag(name), value as f32));
        self.append(&event(self.seconds, epoch.epoch, scalars))
    }

    fn append(&mut self, event: &[u8]) -> Result<()> {
        let written = self.file.write_all(&framed(event));
        Ok(written.map_err(|source| experiments::Error::Write { path: self.path.clone(), source })?)
    }

    /// The path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The tag that groups the splits of one metric in TensorBoard: `mse/test` for `test_mse`.
fn tag(name: &str) -> String {
    let of_set = |set: &str| Some(format!("{}/{set}", name.strip_prefix(set)?.strip_prefix('_')?));
    ["train", "validation", "test"].into_iter().find_map(of_set).unwrap_or_else(|| name.to_owned())
}

// The messages of `event.proto` and `summary.proto`:
//   Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
//   Summary { repeated Value value = 1; }   Value { string tag = 1; float simple_value = 2; }

/// The wire types of protocol buffers.
const VARINT: u8 = 0;
const FIXED_64: u8 = 1;
const BYTES: u8 = 2;
const FIXED_32: u8 = 5;

/// The first event of every file.
fn version() -> Vec<u8> {
    [field(1, FIXED_64, &0f64.to_le_bytes()), nested(3, b"brain.Event:2")].concat()
}

fn event(seconds: f64, step: u32, scalars: impl Iterator<Item = (String, f32)>) -> Vec<u8> {
    let value = |(tag, value): (String, f32)| {
        nested(1, &[nested(1, tag.as_bytes()), field(2, FIXED_32, &value.to_le_bytes())].concat())
    };
    let summary: Vec<u8> = scalars.flat_map(value).collect();
    let seconds = field(1, FIXED_64, &seconds.to_le_bytes());
    [seconds, field(2, VARINT, &varint(step.into())), nested(5, &summary)].concat()
}

fn field(number: u8, wire_type: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | wire_type], content].concat()
}

fn nested(number: u8, content: &[u8]) -> Vec<u8> {
    field(number, BYTES, &[&varint(content.len() as u64), content].concat())
}

/// Encodes a varint: seven bits per byte, lowest first; the eighth bit marks that more follow.
fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = vec![];
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A TFRecord: length, its checksum, content, its checksum.
fn framed(content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_le_bytes();
    [&length[..], &masked(&length).to_le_bytes(), content, &masked(content).to_le_bytes()].concat()
}

/// TFRecord's masked checksum, so that the checksum of data that contain one is not constant.
fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C: the polynomial of Castagnoli, lowest bit first.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let (mut crc, mut bit) = (byte as u32, 0);
            while bit < 8 {
                crc = crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
                bit += 1;
            }
            table[byte] = crc;
            byte += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, &byte| crc >> 8 ^ TABLE[((crc ^ u32::from(byte)) & 0xff) as usize])
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The fields of a message: number and bytes (of a varint the value, little-endian).
    fn fields(mut message: &[u8]) -> Vec<(u64, Vec<u8>)> {
        fn varint(bytes: &mut &[u8]) -> u64 {
            let n = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
            let (of_it, rest) = bytes.split_at(n);
            *bytes = rest;
            of_it.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f))
        }
        let mut fields = vec![];
        while !message.is_empty() {
            let key = varint(&mut message);
            let length = match key & 7 {
                0 => {
                    fields.push((key >> 3, varint(&mut message).to_le_bytes().to_vec()));
                    continue;
                }
                1 => 8,
                2 => varint(&mut message) as usize,
                5 => 4,
                other => panic!("wire type {other}"),
            };
            let (content, rest) = message.split_at(length);
            message = rest;
            fields.push((key >> 3, content.to_vec()));
        }
        fields
    }

    /// Step and scalars of every event after the first, from a file with valid checksums.
    pub(crate) fn read(mut bytes: &[u8]) -> Vec<(u64, BTreeMap<String, f32>)> {
        let mut events = vec![];
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let content = &bytes[12..12 + length];
            let sum = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            assert_eq!((sum(8), sum(12 + length)), (masked(&bytes[..8]), masked(content)));
            events.push(fields(content));
            bytes = &bytes[16 + length..];
        }
        assert_eq!(events.remove(0)[1], (3, b"brain.Event:2".to_vec()));
        let scalars = |summary: &[u8]| {
            let value = |(_, value): (u64, Vec<u8>)| {
                let value = fields(&value);
                let tag = String::from_utf8(value[0].1.clone()).unwrap();
                (tag, f32::from_le_bytes(value[1].1[..].try_into().unwrap()))
            };
            fields(summary).into_iter().map(value).collect()
        };
        let step = |event: &[(u64, Vec<u8>)]| u64::from_le_bytes(event[1].1[..].try_into().unwrap());
        events.iter().map(|event| (step(event), scalars(&event[2].1))).collect()
    }

    #[test]
    fn crc32c_matches_published_test_vectors() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        // RFC 3720, appendix B.4: 32 bytes of zeros, of ones, and counted up.
        assert_eq!([crc32c(&[0; 32]), crc32c(&[0xff; 32])], [0x8a91_36aa, 0x62a8_ab43]);
        assert_eq!(crc32c(&(0..32).collect::<Vec<u8>>()), 0x46dd_794e);
        assert_eq!(crc32c(b""), 0);
    }

    #[test]
    fn a_message_is_encoded_as_specified() {
        assert_eq!(varint(300), [0xac, 0x02]);
        let bytes = event(1.0, 300, [("a".to_owned(), 0.5f32)].into_iter());
        let expected = [
            &[0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f][..], // wall_time = 1.0
            &[0x10, 0xac, 0x02],                       // step = 300
            &[0x2a, 10, 0x0a, 8],                      // summary of 10 bytes, a value of 8
            &[0x0a, 1, b'a', 0x15, 0, 0, 0, 0x3f],     // tag "a", simple_value = 0.5
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn written_events_are_read_back_epoch_by_epoch() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = EventFile::create(&folder.path().join("run")).unwrap();
        for at in 0..3 {
            let scalars = BTreeMap::from([("test_mse".to_owned(), f64::from(at)), ("flops".to_owned(), 7.0)]);
            file.write(&Epoch { epoch: at, scalars, seconds: 2.0, checkpoint: None }).unwrap();
        }
        assert_eq!(file.seconds, 6.0);
        let read = read(&std::fs::read(file.path()).unwrap());
        assert_eq!(read.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(read[2].1, BTreeMap::from([("mse/test".to_owned(), 2.0), ("flops".to_owned(), 7.0)]));
    }

    #[test]
    fn splits_of_one_metric_share_a_section() {
        let names = ["test_mse", "train_cross_entropy", "layer_cosine/encoder.0", "testament"];
        let tags = ["mse/test", "cross_entropy/train", "layer_cosine/encoder.0", "testament"];
        assert_eq!(names.map(tag), tags);
    }
}
