//! Arrays of numpy in the format NPY, alone (`numpy.save`) or several in an archive NPZ (`numpy.savez`).
//!
//! An NPY file is `\x93NUMPY`, a version, the length of the header, the header (a Python dictionary with the element
//! type, the order and the shape), and the values (NEP 1). Only row-major little-endian arrays are supported. [`write`]
//! stores a tensor and [`write_indices`] labels, for numpy to load.

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
    let mut arrays = BTreeMap::new();
    zip::for_entries(name, source, |entry, size, content| {
        let array = parse_from(&format!("{name}/{entry}"), content, size);
        let is_read = array.is_ok();
        arrays.insert(entry.strip_suffix(".npy").unwrap_or(&entry).to_owned(), array);
        Ok(is_read)
    })?;
    Ok(Npz { name: name.to_owned(), arrays })
}

/// Writes a tensor as an NPY file of its element type; BF16, which numpy lacks, as `float32`. An existing file is replaced.
///
/// Fails if the file cannot be written, or if the tensor is on a GPU whose driver fails.
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
    let tensor = tensor.to_device(&Device::Cpu)?;
    let (descr, values) = match tensor.dtype() {
        DType::F64 => ("<f8", bytes_of(tensor.as_slice::<f64>()?, |x| x.to_le_bytes())),
        DType::F32 => ("<f4", bytes_of(tensor.as_slice::<f32>()?, |x| x.to_le_bytes())),
        DType::F16 => ("<f2", bytes_of(tensor.as_slice::<f16>()?, |x| x.to_le_bytes())),
        DType::BF16 => ("<f4", bytes_of(tensor.as_slice::<bf16>()?, |x| x.to_f32().to_le_bytes())),
    };
    write_array(path, descr, tensor.shape(), &values)
}

/// Writes indices, such as labels, as an NPY file of one axis of `uint32`. An existing file is replaced.
///
/// Fails if the file cannot be written.
pub fn write_indices(path: &Path, indices: &Indices) -> Result<()> {
    let indices = indices.as_slice();
    write_array(path, "<u4", &[indices.len()], &bytes_of(indices, |index| index.to_le_bytes()))
}

fn bytes_of<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| bytes(value)).collect()
}

fn write_array(path: &Path, descr: &str, shape: &[usize], values: &[u8]) -> Result<()> {
    let mut file = header_of(descr, shape);
    file.extend_from_slice(values);
    files::replace(path, &file).map_err(|cause| Error::Io { file: path.display().to_string(), cause })
}

/// The bytes before the values, as numpy writes them: padded, so that the values begin at a multiple of 64.
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

    use tensor::DType;

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
        let error = parse_npz_from("a.npz", counted(&archive)).unwrap().take("x").unwrap_err().to_string();
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
        let mut arrays = parse_npz("a.npz", &archive).unwrap();
        assert_eq!(arrays.names().collect::<Vec<_>>(), ["x", "y"]);
        let error = arrays.take("z").unwrap_err().to_string();
        assert_eq!(error, "`a.npz`: array: expected one of `x`, `y`, got `z`");
        assert_eq!(arrays.take("x").unwrap().tensor().unwrap().shape(), [2, 1]);
        assert_eq!(arrays.take("y").unwrap().indices().unwrap().as_slice(), [1, 0]);
    }

    #[test]
    fn an_array_that_cannot_be_read_leaves_the_others_readable() {
        let good = file("<f4", "(2, 1)", &[0; 8]);
        let large = vec![7; 100_000];
        for is_deflated in [false, true] {
            let entries = [("a.npy", &good), ("b.txt", &large), ("c.npy", &good)];
            let entries = entries.map(|(name, content)| (name, &content[..], is_deflated));
            let mut arrays = parse_npz("a.npz", &zip::tests::archive(&entries)).unwrap();
            let unreadable: Vec<String> =
                arrays.unreadable().map(|(name, why)| format!("{name}: {why}")).collect();
            assert_eq!(unreadable.len(), 1);
            assert!(unreadable[0].starts_with("b.txt: `a.npz/b.txt`: first bytes: "), "{unreadable:?}");
            assert_eq!(arrays.take("c").unwrap().shape(), [2, 1]);
            assert!(
                arrays.take("b.txt").unwrap_err().to_string().starts_with("`a.npz/b.txt`: first bytes: ")
            );
        }
    }

    #[test]
    fn written_tensors_have_the_bytes_of_numpy_and_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        let x = Tensor::from_vec(vec![1.5, -2.0, 0.25, 0.0, 3.0, 1e-3], &[2, 3]).unwrap();
        for (dtype, stored) in [DType::F64, DType::F32, DType::F16]
            .map(|dtype| (dtype, dtype))
            .into_iter()
            .chain([(DType::BF16, DType::F32)])
        {
            let x = x.to_dtype(dtype);
            write(&path, &x).unwrap();
            let again = read(&path).unwrap().tensor().unwrap();
            assert_eq!(
                (again.dtype(), again.shape(), again.to_f64_vec()),
                (stored, x.shape(), x.to_f64_vec())
            );
        }
        for (shape, text) in [(&[][..], "()"), (&[0], "(0,)"), (&[2, 3], "(2, 3)")] {
            // 128 bytes, as `numpy.save` writes them for such a short shape.
            let expected = file("<f4", text, &[]);
            assert_eq!((header_of("<f4", shape), expected.len()), (expected, 128));
        }
        write_indices(&path, &Indices::new(vec![7, 0, u32::MAX])).unwrap();
        assert_eq!(read(&path).unwrap().indices().unwrap().as_slice(), [7, 0, u32::MAX]);
        let error = write(folder.path(), &x).unwrap_err().to_string();
        assert!(error.contains(&folder.path().display().to_string()), "{error}");
    }
}
