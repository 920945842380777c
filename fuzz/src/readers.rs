//! The readers under test: functions of bytes that must not panic and must be bounded in time and memory.

use std::path::Path;

use data::formats::cifar::{self, Version};
use data::formats::tar::{self, Limits};
use data::formats::{idx, mat, npy};
use data::{FolderOptions, parse_image};
use experiments::experiment::Experiment;
use experiments::{Profile, claims};
use runs::settings::{Setting, with_settings};
use runs::store::{Checkpoint, Summary};

use crate::{envelope, hostile};

/// Wraps or repairs bytes.
pub type Envelope = fn(&[u8]) -> Vec<u8>;

/// A reader with its envelopes and hostile inputs.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// The name of its target and of its folder in the corpus.
    pub name: &'static str,
    /// Reads the bytes and drops the result; an error is no failure.
    pub read: fn(&[u8]),
    /// The envelopes that let more of the bytes be read.
    pub envelopes: &'static [Envelope],
    /// Hand-written hostile inputs.
    pub hostile: fn() -> Vec<Vec<u8>>,
}

/// All readers.
pub const READERS: [Reader; 10] = [
    Reader { name: "idx", read: idx, envelopes: &[envelope::gzip], hostile: hostile::idx },
    Reader { name: "cifar", read: cifar, envelopes: &[envelope::gzip], hostile: hostile::cifar },
    Reader {
        name: "mat",
        read: mat,
        envelopes: &[envelope::gzip, envelope::compressed_array],
        hostile: hostile::mat,
    },
    Reader { name: "npy", read: npy, envelopes: &[envelope::npz], hostile: hostile::npy },
    Reader { name: "image", read: image, envelopes: &[envelope::png], hostile: hostile::image },
    Reader { name: "tar", read: tar, envelopes: &[envelope::tar], hostile: hostile::tar },
    Reader {
        name: "weights",
        read: weights,
        envelopes: &[envelope::safetensors],
        hostile: hostile::safetensors,
    },
    Reader {
        name: "checkpoint",
        read: checkpoint,
        envelopes: &[envelope::safetensors],
        hostile: hostile::safetensors,
    },
    Reader { name: "journal", read: journal, envelopes: &[envelope::journal], hostile: hostile::journal },
    Reader { name: "settings", read: settings, envelopes: &[], hostile: hostile::settings },
];

/// Images and labels in IDX, plain or compressed with gzip.
pub fn idx(bytes: &[u8]) {
    let _ = idx::parse::<3>("images", bytes);
    let _ = idx::parse::<1>("labels", bytes);
}

/// CIFAR records of both versions, plain or compressed with gzip.
pub fn cifar(bytes: &[u8]) {
    let _ = cifar::parse(Version::Cifar10, "batch", bytes);
    let _ = cifar::parse(Version::Cifar100, "batch", bytes);
}

/// MATLAB level 5 MAT-files.
pub fn mat(bytes: &[u8]) {
    let _ = mat::parse("file", bytes);
}

/// An array of numpy, and an archive of arrays.
pub fn npy(bytes: &[u8]) {
    if let Ok(array) = npy::parse("array", bytes) {
        let _ = (array.tensor(), array.indices());
    }
    let _ = npy::parse_npz("arrays", bytes);
}

/// A JPEG or PNG image; in grey if the number of bytes is odd.
pub fn image(bytes: &[u8]) {
    let colour = bytes.len().is_multiple_of(2);
    let _ = parse_image("image", bytes, &FolderOptions { side: 8, colour });
}

/// A tar archive, already decompressed.
pub fn tar(bytes: &[u8]) {
    let limits = Limits { entries: 64, bytes: 1 << 20 };
    let _ = tar::read("archive", &mut &*bytes, limits, |_, _, content| {
        let mut first = [0; 8];
        // Errors are detected by the reader itself.
        let _ = content.read(&mut first);
        Ok(())
    });
}

/// The parameters of a model in safetensors.
pub fn weights(bytes: &[u8]) {
    let _ = models::weights::read_from(Path::new("w.safetensors"), bytes);
}

/// A checkpoint of the run store.
pub fn checkpoint(bytes: &[u8]) {
    let _ = Checkpoint::parse(Path::new("checkpoint-1.safetensors"), bytes);
}

/// The journal of a run.
pub fn journal(bytes: &[u8]) {
    let _ = Summary::parse(Path::new("journal.jsonl"), bytes);
}

/// Settings of an experiment's config, one per line.
pub fn settings(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let settings: Vec<Setting> = text.lines().filter_map(|line| line.parse().ok()).collect();
    let _ = with_settings(claims::fc_lambda_sweep::FcLambdaSweep.grid(Profile::Smoke), &settings);
}
