//! Tests of NPY and NPZ files.

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
        ("<f000000000000000000004", "(2, 1)"),
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
        assert!(arrays.take("b.txt").unwrap_err().to_string().starts_with("`a.npz/b.txt`: first bytes: "));
    }
}

#[test]
fn a_damaged_entry_of_the_archive_leaves_the_others_readable() {
    let good = file("<f4", "(2, 1)", &[5; 8]);
    let whole = zip::tests::archive(&[("a.npy", &good, false), ("c.npy", &good, false)]);
    let at = |bytes: &[u8]| whole.windows(bytes.len()).position(|window| window == bytes).unwrap();
    let directory = at(b"PK\x01\x02");
    for (place, byte, expected) in [
        (at(&[5; 8]), 6, "size and checksum: "),
        (directory + 10, 12, "compression: expected none or deflate, got method 12"),
        (directory + 24, 0, "first bytes: "),
        (directory + 45, 0xff, "header: "),
    ] {
        let mut damaged = whole.clone();
        damaged[place] = byte;
        let mut arrays = parse_npz("a.npz", &damaged).unwrap();
        assert_eq!(arrays.unreadable().map(|(name, _)| name).collect::<Vec<_>>(), ["a"]);
        assert_eq!(arrays.take("c").unwrap().shape(), [2, 1]);
        let error = arrays.take("a").unwrap_err().to_string();
        assert!(error.starts_with(&format!("`a.npz/a.npy`: {expected}")), "{error}");
    }
}

#[test]
fn written_archives_are_read_back_and_names_occur_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.npz");
    let x = Tensor::from_vec(vec![1.5f32, -2.0, 0.25, 0.0], &[2, 1, 2]).unwrap();
    let (x, y) = (Npy::from_tensor(&x).unwrap(), Npy::from_indices(&Indices::new(vec![7, 0])).unwrap());
    write_npz(&path, [("x", x.clone()), ("y", y)]).unwrap();
    let mut arrays = read_npz(&path).unwrap();
    let again = arrays.take("x").unwrap().tensor().unwrap();
    assert_eq!((again.shape(), again.to_f64_vec()), ([2, 1, 2].as_slice(), vec![1.5, -2.0, 0.25, 0.0]));
    assert_eq!(arrays.take("y").unwrap().indices().unwrap().as_slice(), [7, 0]);
    let error = write_npz(&path, [("x", x.clone()), ("x", x.clone())]).unwrap_err().to_string();
    assert!(error.contains("name of an entry: expected distinct names"), "{error}");
    assert_eq!(read_npz(&path).unwrap().names().count(), 2);
    let error = write_npz(folder.path(), [("x", x)]).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot write `{}`: ", folder.path().display())), "{error}");
}

#[test]
fn tensors_with_more_axes_than_numpy_allows_are_refused() {
    let of = |n_axes: usize| Npy::from_tensor(&Tensor::zeros(&vec![1; n_axes], DType::F32));
    let most = parse("a", &of(MAX_AXES).unwrap().file()).unwrap();
    assert_eq!(most.shape(), [1; MAX_AXES]);
    let error = of(MAX_AXES + 1).unwrap_err().to_string();
    assert_eq!(error, "axes of an array: expected at most 32, as in numpy; use `reshape`, got 33");
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
        assert_eq!((again.dtype(), again.shape(), again.to_f64_vec()), (stored, x.shape(), x.to_f64_vec()));
    }
    for (shape, text) in [(&[][..], "()"), (&[0], "(0,)"), (&[2, 3], "(2, 3)")] {
        // 128 bytes, as `numpy.save` writes them for such a short shape.
        let expected = file("<f4", text, &[]);
        assert_eq!((header_of("<f4", shape), expected.len()), (expected, 128));
    }
    write_indices(&path, &Indices::new(vec![7, 0, u32::MAX])).unwrap();
    assert_eq!(read(&path).unwrap().indices().unwrap().as_slice(), [7, 0, u32::MAX]);
    let error = write(folder.path(), &x).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot write `{}`: ", folder.path().display())), "{error}");
}
