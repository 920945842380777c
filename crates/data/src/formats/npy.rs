//! Arrays of numpy in the format NPY, alone (`numpy.save`) or several in an archive NPZ (`numpy.savez`), read and written.
//!
//! ```
//! use agon_data::formats::npy::{self, Npy};
//! use tensor::{DType, Indices, Tensor};
//!
//! # let folder = tempfile::tempdir().expect("a temporary folder");
//! let path = folder.path().join("results.npz");
//! let latents = Tensor::full(0.5, &[3, 8], DType::F32);
//! let labels = Indices::new(vec![2, 0, 1]);
//! npy::write_npz(&path, [("latents", Npy::from_tensor(&latents)?), ("labels", Npy::from_indices(&labels))])?;
//! assert_eq!(npy::read_npz_array(&path, "latents")?.tensor()?.shape(), [3, 8]);
//! # Ok::<(), agon_data::Error>(())
//! ```
//!
//! An NPY file is `\x93NUMPY`, a version, the length of the header, the header (a Python dictionary with the element
//! type, the order and the shape), and the values (NEP 1). Only row-major little-endian arrays are supported.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, ErrorKind, Read, Seek};
use std::path::Path;

use half::f16;
use system::files;
use tensor::{DType, Element, Indices, Tensor};

use super::stored::{unreadable, wrong};
use super::zip;
use crate::{Error, Result};

/// The largest file in bytes.
const MAX_BYTES: u64 = 1 << 36;

/// The largest header in bytes; that of a plain array has about a hundred.
const MAX_HEADER: u64 = 1 << 20;

/// The largest number of axes.
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

/// Reads an NPZ file: its arrays by name, without the suffix `.npy`.
///
/// Fails as [`read`], and if it is not an archive of arrays. If only some arrays can be read, [`list_npz`] says which, and
/// [`read_npz_array`] reads one of them.
pub fn read_npz(path: &Path) -> Result<BTreeMap<String, Npy>> {
    all(list_npz(path)?)
}

/// Reads every array of an NPZ file by name, each with its own result: an array that cannot be read, such as one of
/// strings, has the reason, and the others are read.
///
/// Fails if the file cannot be read or is not a ZIP archive.
pub fn list_npz(path: &Path) -> Result<BTreeMap<String, Result<Npy>>> {
    let (name, file) = opened(path)?;
    parse_npz_from(&name, file, |_| true)
}

/// Reads one array of an NPZ file; its name is without the suffix `.npy`. The other arrays are not read.
///
/// Fails as [`read`], and if there is no array of this name.
pub fn read_npz_array(path: &Path, array: &str) -> Result<Npy> {
    let (name, file) = opened(path)?;
    let mut names = vec![];
    let mut arrays = parse_npz_from(&name, file, |found| {
        names.push(format!("`{}`", found.escape_debug()));
        found == array
    })?;
    let missing = || {
        let expected = format!("an array named `{}`", array.escape_debug());
        Err(wrong(&name, "arrays", expected, format!("{} arrays: {}", names.len(), names.join(", "))))
    };
    arrays.remove(array).unwrap_or_else(missing)
}

/// Writes an array as an NPY file, atomically.
///
/// Fails if the file cannot be written.
pub fn write(path: &Path, array: &Npy) -> Result<()> {
    replace(path, &array.file())
}

/// Writes arrays with names as an NPZ file, uncompressed and atomically.
///
/// Fails if the file cannot be written, if two names are equal, or if there are more than 4,096 arrays or 4 GiB.
pub fn write_npz<N: AsRef<str>>(path: &Path, arrays: impl IntoIterator<Item = (N, Npy)>) -> Result<()> {
    let files = arrays.into_iter().map(|(name, array)| (format!("{}.npy", name.as_ref()), array.file()));
    replace(path, &zip::archive(&path.display().to_string(), &files.collect::<Vec<_>>())?)
}

fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    files::replace(path, bytes).map_err(|cause| Error::Write { file: path.display().to_string(), cause })
}

fn opened(path: &Path) -> Result<(String, File)> {
    let name = path.display().to_string();
    match files::open(path, MAX_BYTES) {
        Ok(file) => Ok((name, file)),
        Err(cause) => Err(Error::Io { file: name, cause }),
    }
}

/// Parses an NPZ file in memory; `name` is its name in errors.
pub fn parse_npz(name: &str, bytes: &[u8]) -> Result<BTreeMap<String, Npy>> {
    all(parse_npz_from(name, Cursor::new(bytes), |_| true)?)
}

/// Parses the arrays whose names, without the suffix `.npy`, are `wanted`.
fn parse_npz_from(
    name: &str,
    source: impl Read + Seek,
    mut wanted: impl FnMut(&str) -> bool,
) -> Result<BTreeMap<String, Result<Npy>>> {
    let array = |entry: &str| entry.strip_suffix(".npy").unwrap_or(entry).to_owned();
    let read = |entry: &str, size: u64, content: &mut dyn Read| {
        parse_from(&format!("{name}/{entry}"), content, size)
    };
    let entries = zip::entries(name, source, |entry| wanted(&array(entry)), read)?;
    Ok(entries.into_iter().map(|(entry, content)| (array(&entry), content)).collect())
}

/// All arrays, or the error of the first that cannot be read.
fn all(arrays: BTreeMap<String, Result<Npy>>) -> Result<BTreeMap<String, Npy>> {
    arrays.into_iter().map(|(name, array)| Ok((name, array?))).collect()
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
    let width = descr.get(2..).and_then(|digits| digits.parse::<u64>().ok());
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
    /// The array of a tensor, in its element type.
    ///
    /// Fails for `bf16`, which numpy does not have.
    pub fn from_tensor(tensor: &Tensor) -> Result<Self> {
        let values = tensor.to_f64_vec();
        let (descr, bytes) = match tensor.dtype() {
            DType::F16 => ("<f2", values.iter().flat_map(|&x| f16::from_f64(x).to_le_bytes()).collect()),
            DType::F32 => ("<f4", values.iter().flat_map(|&x| (x as f32).to_le_bytes()).collect()),
            DType::F64 => ("<f8", values.iter().flat_map(|x| x.to_le_bytes()).collect()),
            other => {
                let expected = "float16, float32 or float64; convert it with `to_dtype`".to_owned();
                return Err(Error::Mismatch { what: "element type", expected, got: other.to_string() });
            }
        };
        Ok(Self { name: "array".into(), descr: descr.into(), shape: tensor.shape().to_vec(), bytes })
    }

    /// The array of indices, such as labels: `uint32`, with one axis.
    pub fn from_indices(indices: &Indices) -> Self {
        let bytes = indices.as_slice().iter().flat_map(|index| index.to_le_bytes()).collect();
        Self { name: "array".into(), descr: "<u4".into(), shape: vec![indices.as_slice().len()], bytes }
    }

    /// The NPY file of the array.
    fn file(&self) -> Vec<u8> {
        let sizes = self.shape.iter().map(|size| format!("{size},")).collect::<String>();
        let header = format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({sizes}), }}", self.descr);
        // Values begin at a multiple of 64 bytes; the first 10 bytes are the magic, the version and the length.
        let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
        let header = format!("{header:<0$}\n", length - 1);
        [&b"\x93NUMPY\x01\x00"[..], &(length as u16).to_le_bytes(), header.as_bytes(), &self.bytes].concat()
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
mod tests {
    use std::cell::Cell;
    use std::io::{self, SeekFrom};

    use super::*;

    /// The file of an array with this entry of the header and these values.
    fn file(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        let header = format!("{header:<117}\n");
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), values].concat()
    }

    #[test]
    fn floats_of_every_type_are_tensors_of_that_type() {
        let values = [1.5, -2.0, 0.25];
        let bytes = [
            ("<f2", values.map(|x| f16::from_f64(x).to_le_bytes()).concat(), DType::F16),
            ("<f4", values.map(|x| (x as f32).to_le_bytes()).concat(), DType::F32),
            ("<f8", values.map(f64::to_le_bytes).concat(), DType::F64),
        ];
        for (descr, bytes, dtype) in bytes {
            let tensor = parse("a", &file(descr, "(3, 1)", &bytes)).unwrap().tensor().unwrap();
            assert_eq!((tensor.dtype(), tensor.shape()), (dtype, [3, 1].as_slice()));
            assert_eq!(tensor.to_f64_vec(), values);
        }
        let bytes = parse("a", &file("|u1", "(2,)", &[7, 255])).unwrap();
        assert_eq!(bytes.tensor().unwrap().to_f64_vec(), [7.0, 255.0]);
        let scalar = parse("a", &file("<f4", "()", &1f32.to_le_bytes())).unwrap();
        assert_eq!(scalar.shape(), [0; 0]);
    }

    #[test]
    fn integers_are_indices_and_negative_ones_are_refused() {
        let bytes = [
            ("|u1", vec![3, 1]),
            ("|i1", vec![3, 1]),
            ("<u2", [3u16, 1].map(u16::to_le_bytes).concat()),
            ("<i4", [3i32, 1].map(i32::to_le_bytes).concat()),
            ("<u8", [3u64, 1].map(u64::to_le_bytes).concat()),
        ];
        for (descr, bytes) in bytes {
            let labels = parse("y", &file(descr, "(2,)", &bytes)).unwrap().indices().unwrap();
            assert_eq!(labels.as_slice(), [3, 1], "{descr}");
        }
        for (descr, bytes) in [("<i8", (-1i64).to_le_bytes()), ("<u8", (1u64 << 40).to_le_bytes())] {
            let error = parse("y", &file(descr, "(1,)", &bytes)).unwrap().indices().unwrap_err();
            assert!(error.to_string().contains("expected from 0 to 2^32 - 1"), "{error}");
        }
        let error = parse("y", &file("<f4", "(1,)", &[0; 4])).unwrap().indices().unwrap_err();
        assert_eq!(error.to_string(), "`y`: element type: expected an integer type, got `<f4`");
    }

    #[test]
    fn damaged_and_unsupported_files_are_errors() {
        let whole = file("<f4", "(2, 1)", &[0; 8]);
        assert!(parse("a", &whole).is_ok());
        for length in 0..whole.len() {
            assert!(parse("a", &whole[..length]).is_err(), "the first {length} bytes");
        }
        for (descr, shape) in [
            ("<f4", "(3, 1)"),
            ("<f4", "(18446744073709551615, 2)"),
            ("<f4", "(-2, 1)"),
            ("<f4", "(2, 1"),
            ("<f", "(2, 1)"),
            ("", "(2, 1)"),
            ("[('a', '<f4')]", "(2,)"),
        ] {
            assert!(parse("a", &file(descr, shape, &[0; 8])).is_err(), "{descr} {shape}");
        }
        let text = String::from_utf8_lossy(&whole[10..]).replace("False", "True ");
        let fortran = [&whole[..10], text.as_bytes()].concat();
        assert!(parse("a", &fortran).unwrap_err().to_string().contains("ascontiguousarray"));
        let big_endian = parse("a", &file(">f4", "(2, 1)", &[0; 8])).unwrap();
        assert!(big_endian.tensor().unwrap_err().to_string().contains("got `>f4`"));
    }

    /// A file that counts the bytes that are read from it.
    struct Counted<'a>(Cursor<&'a [u8]>, &'a Cell<usize>);

    impl Read for Counted<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.0.read(buffer)?;
            self.1.set(self.1.get() + n);
            Ok(n)
        }
    }

    impl Seek for Counted<'_> {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn values_that_do_not_fit_the_header_are_neither_read_nor_allocated() {
        let values = vec![0; 1 << 20];
        let file = file("<f4", "(1099511627776, 8)", &values);
        let read = Cell::new(0);
        let counted = |bytes| Counted(Cursor::new(bytes), &read);
        assert!(parse_from("a", &mut counted(&file), file.len() as u64).is_err());
        assert!(read.get() < 1 << 10, "{} bytes were read", read.get());
        let archive = zip::tests::archive(&[("x.npy", &file, false)]);
        let error =
            all(parse_npz_from("a.npz", counted(&archive), |_| true).unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("`a.npz/x.npy`: values: expected the bytes of `<f4` elements"), "{error}");
        // The directory is searched in the last 64 KiB.
        assert!(read.get() < 1 << 17, "{} bytes were read", read.get());
        let header = [&b"\x93NUMPY\x02\x00"[..], &u32::MAX.to_le_bytes(), &values].concat();
        let error = parse("a", &header).unwrap_err().to_string();
        assert_eq!(error, "`a`: header: expected at most 1048576 bytes, got 4294967295");
    }

    #[test]
    fn the_arrays_of_an_archive_have_their_names() {
        let x = file("<f4", "(2, 1)", &[0; 8]);
        let y = file("|u1", "(2,)", &[1, 0]);
        let archive = zip::tests::archive(&[("x.npy", &x, true), ("y.npy", &y, false)]);
        let arrays = parse_npz("a.npz", &archive).unwrap();
        assert_eq!(arrays.keys().collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(arrays["x"].tensor().unwrap().shape(), [2, 1]);
        assert_eq!(arrays["y"].indices().unwrap().as_slice(), [1, 0]);
        let other = zip::tests::archive(&[("x.txt", b"hello", false)]);
        let error = parse_npz("a.npz", &other).unwrap_err().to_string();
        assert!(error.starts_with("`a.npz/x.txt`: first bytes: "), "{error}");
    }

    #[test]
    fn an_array_that_cannot_be_read_does_not_affect_the_others() {
        let good = file("<f4", "(2, 1)", &[0; 8]);
        let files = [("bad.npy", &b"hello"[..], false), ("x.npy", &good, true), ("y.npy", &good, false)];
        let mut archive = zip::tests::archive(&files);
        // Changes the last value of the stored `y.npy`.
        let at = archive.windows(6).rposition(|window| window == b"\x93NUMPY").unwrap();
        archive[at + good.len() - 1] ^= 1;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        std::fs::write(&path, archive).unwrap();
        let listed = list_npz(&path).unwrap();
        let readable: Vec<_> = listed.iter().map(|(name, array)| (&**name, array.is_ok())).collect();
        assert_eq!(readable, [("bad", false), ("x", true), ("y", false)]);
        assert!(listed["y"].as_ref().unwrap_err().to_string().contains("y.npy`: size and checksum: "));
        assert!(listed["bad"].as_ref().unwrap_err().to_string().contains("a.npz/bad.npy`: "));
        assert_eq!(read_npz_array(&path, "x").unwrap().tensor().unwrap().shape(), [2, 1]);
        assert!(read_npz(&path).is_err() && read_npz_array(&path, "y").is_err());
        let missing = read_npz_array(&path, "z").unwrap_err().to_string();
        assert!(missing.ends_with("expected an array named `z`, got 3 arrays: `bad`, `x`, `y`"), "{missing}");
    }

    #[test]
    fn written_arrays_are_read_back_with_their_bits() {
        let folder = tempfile::tempdir().unwrap();
        let (one, several) = (folder.path().join("a.npy"), folder.path().join("a.npz"));
        let values = vec![1.5, -0.0, f64::NAN, f64::INFINITY, 0.1, 7.0];
        for dtype in [DType::F16, DType::F32, DType::F64] {
            for shape in [&[2, 3][..], &[6], &[1, 6, 1]] {
                let tensor = Tensor::from_vec(values.clone(), shape).unwrap().to_dtype(dtype);
                let array = Npy::from_tensor(&tensor).unwrap();
                write(&one, &array).unwrap();
                let back = read(&one).unwrap().tensor().unwrap();
                assert_eq!((back.dtype(), back.shape()), (dtype, shape));
                let bits =
                    |tensor: &Tensor| tensor.to_f64_vec().into_iter().map(f64::to_bits).collect::<Vec<_>>();
                assert_eq!(bits(&back), bits(&tensor), "{dtype}");
                assert_eq!((array.file().len() - array.bytes.len()) % 64, 0);
            }
        }
        let labels = Indices::new(vec![3, u32::MAX]);
        let scalar = Tensor::full(2.0, &[], DType::F32);
        let arrays = [("y", Npy::from_indices(&labels)), ("z", Npy::from_tensor(&scalar).unwrap())];
        write_npz(&several, arrays.clone()).unwrap();
        let back = read_npz(&several).unwrap();
        assert_eq!(back["y"].indices().unwrap().as_slice(), labels.as_slice());
        assert_eq!(back["z"].tensor().unwrap().item(), Ok(2.0));
        let [y, _] = arrays;
        assert!(write_npz(&several, [y.clone(), y]).unwrap_err().to_string().contains("distinct names"));
        let narrow = Npy::from_tensor(&scalar.to_dtype(DType::BF16)).unwrap_err().to_string();
        assert!(narrow.contains("got bf16"), "{narrow}");
        let nowhere = write(&folder.path().join("no/a.npy"), &back["z"]).unwrap_err().to_string();
        assert!(nowhere.starts_with("cannot write `"), "{nowhere}");
    }
}
