//! Reads a file, plain or compressed with gzip, and computes its SHA-256.

use std::{
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;
use system::files;

use crate::{Error, Result, checksum::Hashing};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The largest accepted decompressed size for `packed` bytes: 64 times as many, plus 4 MiB.
///
/// Deflate alone allows a factor of a thousand; the published sets stay below ten. The limit rejects large images of a
/// single colour, and bounds the memory that a small file can take.
pub(crate) const fn may_unpack_to(packed: u64) -> u64 {
    packed.saturating_mul(64).saturating_add(4 << 20)
}

/// The length of a file's content in bytes, as far as it is known before reading.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Size {
    Exactly(u64),
    AtMost(u64),
}

/// Parses the content of a file; also returns the SHA-256 of the file as stored.
///
/// Compression is detected from the first bytes, not from the name.
pub(crate) fn read<T>(
    path: &Path,
    parse: impl FnOnce(&str, &mut dyn Read, Size) -> Result<T>,
) -> Result<(T, String)> {
    let name = path.display().to_string();
    // The size limit depends on the format, whose parser checks it before allocating.
    let opened =
        files::open(path, u64::MAX).and_then(|file| file.metadata().map(|about| (file, about.len())));
    match opened {
        Ok((file, size)) => decode(&name, file, size, parse),
        Err(cause) => Err(Error::Io { file: name, cause }),
    }
}

/// [`read`] for `size` bytes from any reader; errors contain `name`.
pub(crate) fn decode<T>(
    name: &str,
    stored: impl Read,
    size: u64,
    parse: impl FnOnce(&str, &mut dyn Read, Size) -> Result<T>,
) -> Result<(T, String)> {
    let mut stored = BufReader::new(Hashing::new(stored));
    let first = stored.fill_buf().map_err(|error| unreadable(name, "first bytes", error))?;
    let content = if first.starts_with(&GZIP_MAGIC) {
        let most = may_unpack_to(size);
        parse(name, &mut Limited::new(MultiGzDecoder::new(&mut stored), most), Size::AtMost(most))
    } else {
        parse(name, &mut stored, Size::Exactly(size))
    }?;
    Ok((content, stored.into_inner().finish()))
}

/// A reader that fails after a given number of bytes.
pub(crate) struct Limited<R> {
    inner: R,
    most: u64,
    left: u64,
}

impl<R: Read> Limited<R> {
    pub(crate) fn new(inner: R, most: u64) -> Self {
        Self { inner, most, left: most }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(n as u64).ok_or_else(|| {
            let most = format!("a stream that decompresses to more than {} bytes", self.most);
            io::Error::new(io::ErrorKind::InvalidData, most)
        })?;
        Ok(n)
    }
}

/// The error for a field without the expected content.
pub(crate) fn wrong(file: &str, field: &'static str, expected: impl ToString, got: impl ToString) -> Error {
    Error::Format { file: file.to_owned(), field, expected: expected.to_string(), got: got.to_string() }
}

/// The error for a failed read: damaged data or an error of the disk.
pub(crate) fn unreadable(file: &str, field: &'static str, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => wrong(file, field, "more bytes", "the end of the file"),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            wrong(file, field, "an undamaged gzip stream", error)
        }
        _ => Error::Io { file: file.to_owned(), cause: error },
    }
}
