//! The layout of results files: the only module that names HDF5 groups, data sets and attributes.
//!
//! ```text
//! /                   attributes: agon_format = 2 (integer), title, those of the results (texts),
//!                     and provenance_NAME (texts)
//! /DIMENSION          [n] f64, u64 or text: the coordinates of an axis, a dimension scale
//! /VARIABLE           f64, f32, u8, u32 or u64 over its dimensions, little-endian
//! ```
//!
//! A name with `/` lies in a group. Every data set has two texts as attributes: `units` (`1` for
//! plain numbers, `s` for seconds) and `description`. All texts are UTF-8 of variable length. Data
//! over 4 KiB are in chunks, shuffled and deflated (gzip 4). The format is that of HDF5 1.10, whose
//! metadata carry checksums; creation times are omitted, so equal results are equal bytes. The content
//! of `run.h5`, the file of one run: `scalars/NAME` and `seconds` over `epoch`, `finals/NAME`
//! over `axisI_N`, the positions on an I-th axis of length N, and the attributes `key`, `spec` and
//! `outcome`.
//!
//! **Checksum.** The HDF5 data are followed by a line, `agon sha256 ` and the SHA-256 of all bytes before the
//! line, which is verified before anything is read. Files of format 1, written by older versions, have no checksum and
//! are otherwise the same.
//!
//! **Dimension scales.** A dimension has `CLASS = "DIMENSION_SCALE"` and `NAME`; a variable has
//! `DIMENSION_LIST`, a list of references to its dimensions. h5py (`variable.dims[0]`), xarray and
//! netCDF4 read axis names and coordinates from these. Unlike with the HDF5 library's own
//! `H5DSattach_scale`, scales have no `REFERENCE_LIST` that points back to their
//! variables. Its compound type can't be written from safe Rust; of the library's calls only
//! `H5DSis_attached` needs it.

mod read;
mod scales;
mod seal;
mod write;

use std::path::Path;

use sha2::{Digest, Sha256};
use system::files;

use super::disk::{self, Disk, RealDisk};
use super::error::{Error, Result};
use super::results::Results;

/// The HDF5 library's messages for a full disk and for a file that may not grow: it does not pass on the system's error code.
const IS_FULL: [&str; 2] = ["No space left on device", "File too large"];

const FORMAT: &str = "agon_format";
const FORMAT_VERSION: i64 = 2;
/// The format of older versions, without a checksum.
const WITHOUT_CHECKSUM: i64 = 1;
const TITLE: &str = "title";
const PROVENANCE: &str = "provenance_";
const UNITS: &str = "units";
const DESCRIPTION: &str = "description";
const CLASS: &str = "CLASS";
const DIMENSION_SCALE: &str = "DIMENSION_SCALE";
const NAME: &str = "NAME";
const DIMENSION_LIST: &str = "DIMENSION_LIST";

/// Writes a results file, replacing an older one atomically: it is written to a temporary file, closed, synced, read back
/// and compared, then renamed.
///
/// # Errors
/// [`Error::Invalid`] for inconsistent results; [`Error::Hdf5`], [`Error::Io`],
/// [`Error::DiskFull`].
pub fn write_results(file: &Path, results: &Results) -> Result<()> {
    write_on(&RealDisk, file, results).map(drop)
}

/// Reads a results file. Read untrusted files in a separate process: the HDF5
/// library can hang on a damaged one.
///
/// # Errors
/// [`Error::Io`] if it can't be opened, [`Error::Altered`] if its checksum differs, [`Error::NotResults`] if it is
/// not a results file of this program, or truncated.
pub fn read_results(file: &Path) -> Result<Results> {
    Ok(read::read(file)?.0)
}

/// [`read_results`], and the SHA-256 that the file contains of its own bytes; `None` for a file of an older version without
/// one, in which damage may go undetected.
///
/// # Errors
/// As [`read_results`].
pub fn read_sealed(file: &Path) -> Result<(Results, Option<String>)> {
    read::read(file)
}

/// [`write_results`], returning the SHA-256 of the file.
pub(super) fn write_on(disk: &dyn Disk, file: &Path, results: &Results) -> Result<String> {
    results.check()?;
    let partial = files::partial(file);
    let failed = |message: String| match IS_FULL.iter().any(|full| message.contains(full)) {
        true => Error::DiskFull { action: "write", file: partial.clone() },
        false => Error::Hdf5 { file: partial.clone(), message },
    };
    disk.write(&partial, scales::TEMPLATE).map_err(|source| Error::io("write", &partial, source))?;
    write::write(&partial, results).map_err(|e| failed(e.to_string()))?;
    disk.sync(&partial).map_err(|source| Error::io("sync", &partial, source))?;
    let bytes = disk.read(&partial).map_err(|source| Error::io("read", &partial, source))?;
    let mut hasher = Sha256::new_with_prefix(bytes);
    let line = seal::line(hasher.clone());
    disk.append(&partial, &line).map_err(|source| Error::io("append to", &partial, source))?;
    if read::read(&partial)?.0 != *results {
        return Err(failed("what was read back differs from what was written".into()));
    }
    disk::publish(disk, file)?;
    hasher.update(&line);
    Ok(format!("{:x}", hasher.finalize()))
}
