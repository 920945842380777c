//! Checkpoints: the training state after an epoch, verified by a hash in the journal. A run keeps the last two.

use std::path::{Path, PathBuf};

use super::array::{Arrays, from_safetensors, to_safetensors};
use super::disk::{self, Disk};
use super::error::{Error, Result};
use super::spec::sha256;

/// The state needed to resume training after `epoch`. Data order and random streams are functions of
/// (seed, epoch, step) and are not part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The last completed epoch.
    pub epoch: u32,
    /// Parameters and optimiser state, by name.
    pub arrays: Arrays,
}

impl Checkpoint {
    /// Encodes the checkpoint; returns the bytes and their SHA-256.
    pub(super) fn encode(&self) -> Result<(Vec<u8>, String)> {
        let bytes = to_safetensors(&self.arrays, Some(self.epoch))?;
        let hash = sha256(&bytes);
        Ok((bytes, hash))
    }

    /// Decodes a checkpoint; `file` is its name in errors.
    ///
    /// # Errors
    /// [`Error::DamagedFile`] for anything that this store does not write.
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Checkpoint> {
        let (arrays, epoch) = from_safetensors(file, bytes)?;
        let epoch = epoch.ok_or_else(|| Error::damaged(file, "the number of an epoch", "none"))?;
        Ok(Checkpoint { epoch, arrays })
    }

    /// Reads the checkpoint of `epoch` and compares its SHA-256.
    ///
    /// # Errors
    /// [`Error::DamagedFile`] if it is missing or differs, [`Error::Io`].
    pub(super) fn read(disk: &dyn Disk, folder: &Path, epoch: u32, hash: &str) -> Result<Checkpoint> {
        let file = file(folder, epoch);
        let arrays = read_hashed(disk, &file, hash)?;
        match arrays {
            (arrays, Some(noted)) if noted == epoch => Ok(Checkpoint { epoch, arrays }),
            (_, noted) => Err(Error::damaged(&file, format!("epoch {epoch}"), format!("epoch {noted:?}"))),
        }
    }
}

/// Reads a safetensors file and compares its SHA-256.
pub(super) fn read_hashed(disk: &dyn Disk, file: &Path, hash: &str) -> Result<(Arrays, Option<u32>)> {
    let Some(bytes) = disk::read_if_there(disk, file)? else {
        return Err(Error::damaged(file, format!("the SHA-256 {hash}"), "no file"));
    };
    let got = sha256(&bytes);
    if got != hash {
        return Err(Error::damaged(file, format!("the SHA-256 {hash}"), got));
    }
    from_safetensors(file, &bytes)
}

/// `checkpoint-EPOCH.safetensors`
pub(super) fn file(folder: &Path, epoch: u32) -> PathBuf {
    folder.join(format!("checkpoint-{epoch}.safetensors"))
}

/// The epochs of the checkpoints in a folder, ascending.
pub(super) fn epochs(disk: &dyn Disk, folder: &Path) -> Result<Vec<u32>> {
    let names = disk.names(folder).map_err(|source| Error::io("list", folder, source))?;
    let mut epochs: Vec<u32> = names
        .iter()
        .filter_map(|name| {
            name.to_str()?.strip_prefix("checkpoint-")?.strip_suffix(".safetensors")?.parse().ok()
        })
        .collect();
    epochs.sort_unstable();
    Ok(epochs)
}

/// Removes the checkpoints for which `keep` is false.
pub(super) fn prune(disk: &dyn Disk, folder: &Path, keep: impl Fn(u32) -> bool) -> Result<()> {
    for epoch in epochs(disk, folder)? {
        if !keep(epoch) {
            disk::remove(disk, &file(folder, epoch))?;
        }
    }
    Ok(())
}
