//! A file as it is stored: plain or compressed with gzip, its SHA-256 taken while it is read.

use std::{
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;
use system::files;

use crate::{Error, Result, checksum::Hashing};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The most bytes that `packed` bytes may unpack to: 64 times as many, and 4 MiB.
///
/// Deflate alone would allow a thousand times as many. Of the published sets none grows tenfold; what is given up is a
/// large image of one colour, what is won is that a small file takes little memory.
pub(crate) const fn may_unpack_to(packed: u64) -> u64 {
    packed.saturating_mul(64).saturating_add(4 << 20)
}

/// What is known about the length of a file's content before it is read, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Size {
    Exactly(u64),
    AtMost(u64),
}

/// What `parse` makes of the content of a file, and the SHA-256 of the file as it is stored.
///
/// Whether the file is compressed is seen from its first bytes, not from its name.
pub(crate) fn read<T>(
    path: &Path,
    parse: impl FnOnce(&str, &mut dyn Read, Size) -> Result<T>,
) -> Result<(T, String)> {
    let name = path.display().to_string();
    // How long it may be depends on its format, which is asked before anything is allocated.
    let opened =
        files::open(path, u64::MAX).and_then(|file| file.metadata().map(|about| (file, about.len())));
    match opened {
        Ok((file, size)) => decode(&name, file, size, parse),
        Err(cause) => Err(Error::Io { file: name, cause }),
    }
}

/// The same for `size` bytes from any reader; `name` is what errors call it.
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

/// A reader of unpacked bytes that fails at the first one too many.
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
            let most = format!("one that unpacks to more than {} bytes", self.most);
            io::Error::new(io::ErrorKind::InvalidData, most)
        })?;
        Ok(n)
    }
}

/// A part of a file is not what its format asks for.
pub(crate) fn wrong(file: &str, field: &'static str, expected: impl ToString, got: impl ToString) -> Error {
    Error::Format { file: file.to_owned(), field, expected: expected.to_string(), got: got.to_string() }
}

/// Damage to the data is told apart from trouble with the disk.
pub(crate) fn unreadable(file: &str, field: &'static str, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => wrong(file, field, "more bytes", "the end of the file"),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            wrong(file, field, "an undamaged gzip stream", error)
        }
        _ => Error::Io { file: file.to_owned(), cause: error },
    }
}
