//! The last line of a results file: the SHA-256 of all bytes before it.
//!
//! HDF5 readers stop at the end stated in the superblock and ignore the line behind it.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use sha2::{Digest, Sha256};
use system::files;

use super::super::error::{Error, Result};

const HEAD: &[u8] = b"\nagon sha256 ";
const TAIL: &[u8] = b"\n";
const DIGITS: usize = 64;
const LENGTH: usize = HEAD.len() + DIGITS + TAIL.len();

/// The checksum line for the hashed bytes.
pub(super) fn line(hashed: Sha256) -> Vec<u8> {
    [HEAD, format!("{:x}", hashed.finalize()).as_bytes(), TAIL].concat()
}

/// Verifies the checksum at the end of a file and returns it; `None` if there is none. The file is
/// read in blocks and may have any size.
///
/// # Errors
/// [`Error::Altered`] if the checksum differs; [`Error::Io`].
pub(super) fn check(path: &Path) -> Result<Option<String>> {
    let io_error = |source| Error::io("read", path, source);
    let mut file = files::open(path, u64::MAX).map_err(io_error)?;
    let Some(body) = file.metadata().map_err(io_error)?.len().checked_sub(LENGTH as u64) else {
        return Ok(None);
    };
    let mut line = [0; LENGTH];
    file.seek(SeekFrom::Start(body)).and_then(|_| file.read_exact(&mut line)).map_err(io_error)?;
    let Some(expected) = line.strip_prefix(HEAD).and_then(|rest| rest.strip_suffix(TAIL)) else {
        return Ok(None);
    };
    let mut hasher = Sha256::new();
    file.rewind().and_then(|()| io::copy(&mut file.take(body), &mut hasher)).map_err(io_error)?;
    let got = format!("{:x}", hasher.finalize());
    match got.as_bytes() == expected {
        true => Ok(Some(got)),
        false => {
            let expected =
                format!("the SHA-256 at its end, {}", String::from_utf8_lossy(expected).escape_debug());
            Err(Error::Altered { file: path.into(), expected, got })
        }
    }
}
