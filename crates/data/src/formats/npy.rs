//! Arrays of numpy in the format NPY, alone (`numpy.save`) or several in an archive NPZ (`numpy.savez`).
//!
//! An NPY file is `\x93NUMPY`, a version, the length of the header, the header (a Python dictionary with the element
//! type, the order and the shape), and the values (NEP 1). Only row-major little-endian arrays are supported. [`write()`]
//! stores a tensor, [`write_indices`] labels, and [`write_npz`] several of them, for numpy to load.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, ErrorKind, Read, Seek};
use std::path::Path;

use half::{bf16, f16};
use system::files;
use tensor::{DType, Device, Element, Indices, Tensor};

use super::stored::{unreadable, wrong};
use super::zip;
use crate::{Error, Result};

/// The largest file in bytes.
const MAX_BYTES: u64 = 1 << 36;

/// The largest header in bytes; that of a plain array has about a hundred.
const MAX_HEADER: u64 = 1 << 20;

/// The bytes before the header in version 1.
const FIXED: usize = 10;

/// The largest number of digits of the bytes of an element.
const MAX_DIGITS: usize = 20;

/// The largest number of axes, that of numpy 1.
const MAX_AXES: usize = 32;

/// An array in the element type in which it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Npy {
    /// The name of the file, for errors.
    name: String,
    /// The element type, such as `<f4`.
    descr: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// Reads an NPY file.
///
/// Fails if the file cannot be read or is damaged, or if its array is not row-major.
pub fn read(path: &Path) -> Result<Npy> {
    let (name, mut file) = opened(path)?;
    let length = file.metadata().map_err(|error| unreadable(&name, "length", error))?.len();
    parse_from(&name, &mut file, length)
}

/// The arrays of an NPZ file by name, without the suffix `.npy`. One that cannot be read does not affect the others.
#[derive(Debug)]
pub struct Npz {
    /// The name of the file, for errors.
    name: String,
    arrays: BTreeMap<String, Result<Npy>>,
}

impl Npz {
    /// The names of all arrays, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.arrays.keys().map(String::as_str)
    }

    /// The arrays that cannot be read, with the reason.
    pub fn unreadable(&self) -> impl Iterator<Item = (&str, &Error)> {
        self.arrays.iter().filter_map(|(name, array)| Some((name.as_str(), array.as_ref().err()?)))
    }

    /// Takes an array out.
    ///
    /// Fails if there is none of this name, or if it could not be read.
    pub fn take(&mut self, name: &str) -> Result<Npy> {
        self.arrays.remove(name).unwrap_or_else(|| {
            let names: Vec<String> = self.names().map(|name| format!("`{name}`")).collect();
            Err(wrong(&self.name, "array", format!("one of {}", names.join(", ")), format!("`{name}`")))
        })
    }
}

/// Reads an NPZ file.
///
/// Fails if the file cannot be read or is not an archive.
///
/// ```
/// use agon_data::formats::npy;
/// # let folder = tempfile::tempdir()?;
/// # std::env::set_current_dir(&folder)?;
/// # std::fs::write("set.npz", [&b"PK\x05\x06"[..], &[0; 18]].concat())?;
///
/// let mut set = npy::read_npz("set.npz".as_ref())?;
/// for (name, why) in set.unreadable() {
///     eprintln!("{name}: {why}");
/// }
/// let images = set.take("x").and_then(|x| x.tensor());
/// # assert!(images.unwrap_err().to_string().contains("`x`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_npz(path: &Path) -> Result<Npz> {
    let (name, file) = opened(path)?;
    parse_npz_from(&name, file)
}

fn opened(path: &Path) -> Result<(String, File)> {
    let name = path.display().to_string();
    match files::open(path, MAX_BYTES) {
        Ok(file) => Ok((name, file)),
        Err(cause) => Err(Error::Io { file: name, cause }),
    }
}

/// Parses an NPZ file in memory; `name` is its name in errors.
pub fn parse_npz(name: &str, bytes: &[u8]) -> Result<Npz> {
    parse_npz_from(name, Cursor::new(bytes))
}

fn parse_npz_from(name: &str, source: impl Read + Seek) -> Result<Npz> {
    let entries = zip::entries(name, source, |entry, size, content| parse_from(entry, content, size))?;
    let named = |(entry, array): (String, Result<Npy>)| {
        (entry.strip_suffix(".npy").unwrap_or(&entry).to_owned(), array)
    };
    let arrays = entries.into_iter().map(named).collect();
    Ok(Npz { name: name.to_owned(), arrays })
}

/// Writes a tensor as an NPY file of its element type; BF16, which numpy lacks, as `float32`. An existing file is replaced.
///
/// Fails if the file cannot be written, or as [`Npy::from_tensor`].
///
/// ```
/// use agon_data::formats::npy;
/// use tensor::Tensor;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("z.npy");
///
/// let latents = Tensor::from_vec(vec![0.5f32, -1.0, 2.0, 0.25], &[2, 2])?;
/// npy::write(&path, &latents)?; // in Python: z = numpy.load("z.npy")
/// assert_eq!(npy::read(&path)?.tensor()?.to_f64_vec(), latents.to_f64_vec());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write(path: &Path, tensor: &Tensor) -> Result<()> {
    replace(path, &Npy::from_tensor(tensor)?.file())
}

/// Writes indices, such as labels, as an NPY file of one axis of `uint32`. An existing file is replaced.
///
/// Fails if the file cannot be written, or as [`Npy::from_indices`].
pub fn write_indices(path: &Path, indices: &Indices) -> Result<()> {
    replace(path, &Npy::from_indices(indices)?.file())
}

/// Writes arrays and their names as an NPZ file, uncompressed. An existing file is replaced.
///
/// Fails if the file cannot be written, if two names are equal, or if there are more than 4,096 arrays or 4 GiB.
///
/// ```
/// use agon_data::formats::npy::{self, Npy};
/// use tensor::{DType, Indices, Tensor};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("set.npz");
///
/// let (latents, labels) = (Tensor::full(0.5, &[3, 8], DType::F32), Indices::new(vec![2, 0, 1]));
/// let arrays = [("latents", Npy::from_tensor(&latents)?), ("labels", Npy::from_indices(&labels)?)];
/// npy::write_npz(&path, arrays)?; // in Python: numpy.load("set.npz")["latents"]
/// assert_eq!(npy::read_npz(&path)?.take("latents")?.shape(), [3, 8]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_npz<'a>(path: &Path, arrays: impl IntoIterator<Item = (&'a str, Npy)>) -> Result<()> {
    let files: Vec<_> =
        arrays.into_iter().map(|(name, array)| (format!("{name}.npy"), array.file())).collect();
    replace(path, &zip::archive(&path.display().to_string(), &files)?)
}

fn bytes_of<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| bytes(value)).collect()
}

fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    files::replace(path, bytes).map_err(|cause| Error::Write { file: path.display().to_string(), cause })
}

/// The bytes before the values: padded as by numpy, so that the values begin at a multiple of 64.
fn header_of(descr: &str, shape: &[usize]) -> Vec<u8> {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let comma = if sizes.len() == 1 { "," } else { "" };
    let header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}{comma}), }}", sizes.join(", "));
    // The line break at the end is one more.
    let length = (FIXED + header.len() + 1).next_multiple_of(64) - FIXED;
    let header = format!("{header:<width$}\n", width = length - 1);
    let of_header = u16::try_from(header.len()).expect("at most 32 axes take less than 1,024 bytes");
    [&b"\x93NUMPY\x01\x00"[..], &of_header.to_le_bytes(), header.as_bytes()].concat()
}

/// Parses an NPY file in memory; `name` is its name in errors.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Npy> {
    parse_from(name, &mut &*bytes, bytes.len() as u64)
}

/// Parses an NPY file of `length` bytes. The values are allocated only if the header matches that length.
fn parse_from(name: &str, source: &mut dyn Read, length: u64) -> Result<Npy> {
    let mut left = length;
    let mut next = |field: &'static str, count: u64| -> Result<Vec<u8>> {
        let whole = left.checked_sub(count);
        left = whole.ok_or_else(|| wrong(name, field, "a complete NPY file", format!("{length} bytes")))?;
        let (mut bytes, no_memory) = (Vec::new(), |_| unreadable(name, field, ErrorKind::OutOfMemory.into()));
        bytes.try_reserve_exact(usize::try_from(count).unwrap_or(usize::MAX)).map_err(no_memory)?;
        let read = (&mut *source).take(count).read_to_end(&mut bytes);
        match read.map_err(|error| unreadable(name, field, error))? as u64 == count {
            true => Ok(bytes),
            false => Err(unreadable(name, field, ErrorKind::UnexpectedEof.into())),
        }
    };
    let first = next("first bytes", 8)?;
    let version = match first.strip_prefix(b"\x93NUMPY") {
        Some([version @ 1..=3, _]) => *version,
        Some(other) => return Err(wrong(name, "version", "1, 2 or 3", other[0].to_string())),
        None => return Err(wrong(name, "first bytes", "\\x93NUMPY", "other bytes")),
    };
    // From version 2 on, the length takes four bytes.
    let of_header = next("header", if version == 1 { 2 } else { 4 })?;
    let of_header = of_header.iter().rev().fold(0, |length, &byte| length << 8 | u64::from(byte));
    if of_header > MAX_HEADER {
        return Err(wrong(name, "header", format!("at most {MAX_HEADER} bytes"), of_header.to_string()));
    }
    let (descr, shape) = parse_header(name, &next("header", of_header)?)?;
    // The limit keeps the header of a file that is written from such an array short.
    let digits = descr.get(2..).filter(|digits| digits.len() <= MAX_DIGITS);
    let width = digits.and_then(|digits| digits.parse::<u64>().ok());
    let claimed = shape.iter().try_fold(width.unwrap_or(0), |bytes, &size| bytes.checked_mul(size as u64));
    let of_values = length - 8 - if version == 1 { 2 } else { 4 } - of_header;
    if width.is_none() || claimed != Some(of_values) {
        let expected = format!("the bytes of `{}` elements of shape {shape:?}", descr.escape_debug());
        return Err(wrong(name, "values", expected, format!("{of_values} bytes")));
    }
    let bytes = next("values", of_values)?;
    Ok(Npy { name: name.to_owned(), descr, shape, bytes })
}

/// Parses the element type and the shape from the header.
fn parse_header(name: &str, header: &[u8]) -> Result<(String, Vec<usize>)> {
    let header = std::str::from_utf8(header).map_err(|_| wrong(name, "header", "text", "other bytes"))?;
    let value = |key: &str| {
        let (_, after) = header.split_once(&format!("'{key}':"))?;
        Some(after.trim_start())
    };
    let missing = |key: &'static str| move || wrong(name, key, "an entry of the header", "none");
    let descr = value("descr").and_then(|text| text.strip_prefix('\'')?.split_once('\''));
    let descr = descr.ok_or_else(missing("descr"))?.0.to_owned();
    let order = value("fortran_order").ok_or_else(missing("fortran_order"))?;
    if !order.starts_with("False") {
        let expected = "False; save `numpy.ascontiguousarray` of the array";
        let got = if order.starts_with("True") { "True" } else { "another value" };
        return Err(wrong(name, "fortran_order", expected, got));
    }
    let shape = value("shape").and_then(|text| text.strip_prefix('(')?.split_once(')'));
    let (shape, _) = shape.ok_or_else(missing("shape"))?;
    let sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
    let sizes = sizes.map(str::parse::<usize>).collect::<std::result::Result<Vec<usize>, _>>();
    let sizes = sizes.ok().filter(|sizes| sizes.len() <= MAX_AXES);
    let shape =
        sizes.ok_or_else(|| wrong(name, "shape", format!("at most {MAX_AXES} sizes"), shape.to_owned()))?;
    Ok((descr, shape))
}

impl Npy {
    /// The array of a tensor in its element type; of BF16, which numpy lacks, as `float32`.
    ///
    /// Fails if it has more than 32 axes, or if it is on a GPU whose driver fails.
    pub fn from_tensor(tensor: &Tensor) -> Result<Self> {
        if tensor.rank() > MAX_AXES {
            let expected = format!("at most {MAX_AXES}, as in numpy; use `reshape`");
            return Err(Error::Mismatch {
                what: "axes of an array",
                expected,
                got: tensor.rank().to_string(),
            });
        }
        let tensor = tensor.to_device(&Device::Cpu)?;
        let (descr, bytes) = match tensor.dtype() {
            DType::F64 => ("<f8", bytes_of(tensor.as_slice::<f64>()?, |x| x.to_le_bytes())),
            DType::F32 => ("<f4", bytes_of(tensor.as_slice::<f32>()?, |x| x.to_le_bytes())),
            DType::F16 => ("<f2", bytes_of(tensor.as_slice::<f16>()?, |x| x.to_le_bytes())),
            DType::BF16 => ("<f4", bytes_of(tensor.as_slice::<bf16>()?, |x| x.to_f32().to_le_bytes())),
        };
        Ok(Self { name: "array".to_owned(), descr: descr.to_owned(), shape: tensor.shape().to_vec(), bytes })
    }

    /// The array of indices, such as labels: one axis of `uint32`.
    ///
    /// Fails if they are on a GPU, where kernels write them.
    pub fn from_indices(indices: &Indices) -> Result<Self> {
        let indices = indices.try_as_slice()?;
        let bytes = bytes_of(indices, |index| index.to_le_bytes());
        Ok(Self { name: "array".to_owned(), descr: "<u4".to_owned(), shape: vec![indices.len()], bytes })
    }

    /// The NPY file of the array.
    fn file(&self) -> Vec<u8> {
        let mut file = header_of(&self.descr, &self.shape);
        file.extend_from_slice(&self.bytes);
        file
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The array as a tensor of its element type: `float16`, `float32` or `float64`; `uint8` becomes `f32`.
    ///
    /// Fails for other types, or if there is not enough memory.
    pub fn tensor(&self) -> Result<Tensor> {
        match &*self.descr {
            "<f2" => self.values(f16::from_le_bytes),
            "<f4" => self.values(f32::from_le_bytes),
            "<f8" => self.values(f64::from_le_bytes),
            "|u1" => self.values(|[byte]: [u8; 1]| f32::from(byte)),
            _ => Err(self.other("float16, float32, float64 or uint8")),
        }
    }

    /// The array as indices, such as labels, in row-major order. The values must be integers from 0 to 2^32 - 1.
    ///
    /// Fails for other types and values.
    pub fn indices(&self) -> Result<Indices> {
        match &*self.descr {
            "|u1" => self.integers(|[byte]: [u8; 1]| i64::from(byte)),
            "|i1" => self.integers(|bytes| i64::from(i8::from_le_bytes(bytes))),
            "<u2" => self.integers(|bytes| i64::from(u16::from_le_bytes(bytes))),
            "<i2" => self.integers(|bytes| i64::from(i16::from_le_bytes(bytes))),
            "<u4" => self.integers(|bytes| i64::from(u32::from_le_bytes(bytes))),
            "<i4" => self.integers(|bytes| i64::from(i32::from_le_bytes(bytes))),
            // Values from 2^63 on become negative numbers, which are rejected too.
            "<u8" | "<i8" => self.integers(i64::from_le_bytes),
            _ => Err(self.other("an integer type")),
        }
    }

    fn values<const N: usize, T: Element>(&self, value: impl Fn([u8; N]) -> T) -> Result<Tensor> {
        let (chunks, _) = self.bytes.as_chunks();
        let mut values: Vec<T> = Vec::new();
        let reserved = values.try_reserve_exact(chunks.len());
        reserved.map_err(|_| unreadable(&self.name, "values", ErrorKind::OutOfMemory.into()))?;
        values.extend(chunks.iter().map(|bytes| value(*bytes)));
        Ok(Tensor::from_vec(values, &self.shape)?)
    }

    fn integers<const N: usize>(&self, value: impl Fn([u8; N]) -> i64) -> Result<Indices> {
        let (values, _) = self.bytes.as_chunks();
        let index = |bytes: &[u8; N]| {
            let value = value(*bytes);
            u32::try_from(value)
                .map_err(|_| wrong(&self.name, "values", "from 0 to 2^32 - 1", value.to_string()))
        };
        Ok(Indices::new(values.iter().map(index).collect::<Result<_>>()?))
    }

    fn other(&self, expected: &str) -> Error {
        wrong(&self.name, "element type", expected, format!("`{}`", self.descr.escape_debug()))
    }
}

#[cfg(test)]
mod tests;
