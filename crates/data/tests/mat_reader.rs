//! Tests of the MAT-file reader on valid, invalid and damaged files, and of the SVHN reader.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::{fs, io::Write};

use agon_data::{
    Result,
    formats::mat::{Array, Values, parse},
    open,
};
use flate2::{Compression, write::ZlibEncoder};

const BYTES: u32 = 2;
const DOUBLES: u32 = 9;

/// The output of `scipy.io.savemat` 1.17.1 after the header, for
/// `X = np.arange(24, dtype=np.uint8).reshape(2, 2, 3, 2)` and `y = [[10.0], [3.0]]` with `do_compression=True`.
const OF_SCIPY: &str = "\
    0f00000040000000789ce36360600800623620e600624e060860056201206682626628cd08841150b60448210f9b10131f87\
    088b009718232fbb30333fa728ab20b7380048a0021c0f0000002d000000789ce36360607000623620e680d220c00ae53301\
    31231833325402694e2016608001150708cde10000303601b3";

fn element(kind: u32, data: &[u8]) -> Vec<u8> {
    let tag = [kind, data.len() as u32].map(u32::to_le_bytes);
    let padding = vec![0; data.len().next_multiple_of(8) - data.len()];
    [tag.as_flattened(), data, &padding].concat()
}

/// An array with this class and this type of values.
fn array(name: &str, class: u32, dims: &[u32], kind: u32, values: &[u8]) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let parts = [
        element(6, &words(&[class, 0])),
        element(5, &words(dims)),
        element(1, name.as_bytes()),
        element(kind, values),
    ];
    element(14, &parts.concat())
}

fn compressed(element: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(element).unwrap();
    let stream = encoder.finish().unwrap();
    [&[15, 0, 0, 0], &(stream.len() as u32).to_le_bytes()[..], &stream].concat()
}

fn file(elements: &[Vec<u8>]) -> Vec<u8> {
    [&[b' '; 124][..], &[0, 1, b'I', b'M'], &elements.concat()].concat()
}

/// A matrix of bytes and a column of doubles, compressed or not.
fn two_arrays(packed: bool) -> Vec<u8> {
    let doubles = [0.5_f64, -2.0].map(f64::to_le_bytes);
    let arrays = [
        array("X", 9, &[2, 3], BYTES, &[0, 1, 2, 3, 4, 5]),
        array("labels", 6, &[2, 1], DOUBLES, doubles.as_flattened()),
    ];
    file(&arrays.map(|array| if packed { compressed(&array) } else { array }))
}

fn arrays(bytes: &[u8]) -> Result<Vec<Array>> {
    parse("file", bytes).map(|mat| mat.arrays)
}

fn complaint(bytes: &[u8]) -> String {
    arrays(bytes).unwrap_err().to_string()
}

#[test]
fn arrays_are_read_plain_and_compressed() {
    let bytes = Array { name: "X".into(), dims: vec![2, 3], values: Values::Bytes((0..6).collect()) };
    let doubles = Array { name: "labels".into(), dims: vec![2, 1], values: Values::Doubles(vec![0.5, -2.0]) };
    for packed in [false, true] {
        assert_eq!(arrays(&two_arrays(packed)).unwrap(), [bytes.clone(), doubles.clone()]);
    }
}

#[test]
fn a_file_of_another_writer_is_read() {
    let digits = OF_SCIPY.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    let read = arrays(&file(&[digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()])).unwrap();
    let column_major = [0, 12, 6, 18, 2, 14, 8, 20, 4, 16, 10, 22, 1, 13, 7, 19, 3, 15, 9, 21, 5, 17, 11, 23];
    let [x, y] = [
        Array { name: "X".into(), dims: vec![2, 2, 3, 2], values: Values::Bytes(column_major.to_vec()) },
        Array { name: "y".into(), dims: vec![2, 1], values: Values::Doubles(vec![10.0, 3.0]) },
    ];
    assert_eq!(read, [x, y]);
}

#[test]
fn data_of_at_most_four_bytes_may_be_stored_in_their_tag() {
    let whole = array("y", 9, &[3, 1], BYTES, &[1, 2, 10]);
    // The offset is after the tags of the array (8 bytes), of the flags (16) and of the dimensions (16).
    let parts = [&whole[8..40], &[1, 0, 1, 0, b'y', 0, 0, 0], &[2, 0, 3, 0, 1, 2, 10, 0]].concat();
    assert_eq!(arrays(&file(&[element(14, &parts)])).unwrap(), arrays(&file(&[whole])).unwrap());
}

#[test]
fn doubles_stored_as_bytes_are_returned_as_bytes() {
    let read = arrays(&file(&[array("y", 6, &[2, 1], BYTES, &[1, 10])])).unwrap();
    assert_eq!(read[0].values, Values::Bytes(vec![1, 10]));
}

#[test]
fn other_contents_are_refused_with_their_place() {
    let with = |place: usize, bytes: &[u8]| {
        let mut changed = two_arrays(false);
        changed[place..place + bytes.len()].copy_from_slice(bytes);
        changed
    };
    for (bytes, expected) in [
        (with(126, b"MI"), "byte order: expected 49 4d (little-endian), got 4d 49 at byte 128"),
        (with(124, &[0, 2]), "version: expected 01 00 (level 5), got 02 00 at byte 128"),
        (with(128, &[13]), "element: expected type 14 (array) or 15 (compressed), got 13 at byte 136"),
        (
            with(132, &[255, 255]),
            "size of an element: expected at most 144 bytes, got 65535 bytes of type 14 at byte 136",
        ),
        (with(130, &[5]), "size of a short element: expected at most 4 bytes, got 5 at byte 132"),
        (with(136, &[7]), "flags: expected 8 bytes of type 6, got 8 bytes of type 7 at byte 144"),
        (with(144, &[4]), "class of the array: expected 6 (double) or 9 (bytes), got 4 at byte 152"),
        (with(145, &[8]), "array: expected real numbers, got complex ones at byte 152"),
        (with(160, &[0]), "dimensions: expected a product between 1 and 4294967296, got [0, 3] at byte 168"),
        (
            with(163, &[127]),
            "dimensions: expected a product between 1 and 4294967296, got [2130706434, 3] at byte 168",
        ),
        (
            with(160, &[3]),
            "values: expected 9 bytes for the dimensions [3, 3], got 6 bytes of type 2 at byte 192",
        ),
        (with(184, &[3]), "values: expected type 2 (bytes) or 9 (doubles), got 3 at byte 192"),
        (
            with(176, &[255]),
            "name: expected text, got invalid utf-8 sequence of 1 bytes from index 0 at byte 184",
        ),
        (file(&[]), "arrays: expected at least one, got the end at byte 128"),
        (vec![0; 127], "header: expected more bytes, got the end at byte 0"),
    ] {
        assert_eq!(complaint(&bytes), format!("`file`: {expected}"));
    }
}

#[test]
fn the_place_in_a_compressed_element_names_the_element() {
    let bytes = file(&[compressed(&array("X", 4, &[1, 1], BYTES, &[0]))]);
    let within = "at byte 24 of the decompressed element at byte 136";
    assert_eq!(
        complaint(&bytes),
        format!("`file`: class of the array: expected 6 (double) or 9 (bytes), got 4 {within}")
    );
    let two =
        compressed(&[array("X", 9, &[1, 1], BYTES, &[0]), array("y", 9, &[1, 1], BYTES, &[0])].concat());
    assert!(complaint(&file(&[two])).contains("compressed element: expected one array, got more at byte"));
}

#[test]
fn every_truncation_except_between_arrays_is_detected() {
    for packed in [false, true] {
        let whole = two_arrays(packed);
        let first = (128..whole.len()).find(|&end| arrays(&whole[..end]).is_ok()).unwrap();
        for end in (0..whole.len()).filter(|&end| end != first) {
            assert!(arrays(&whole[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(arrays(&whole[..first]).unwrap().len(), 1);
    }
}

#[test]
fn a_change_of_compressed_values_is_detected() {
    let whole = two_arrays(true);
    let expected = arrays(&whole).unwrap();
    for (place, bit) in (128..whole.len()).flat_map(|place| (0..8).map(move |bit| (place, bit))) {
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << bit;
        if let Ok(got) = arrays(&damaged) {
            assert_eq!(got, expected, "bit {bit} of byte {place}");
        }
    }
}

#[test]
fn a_change_of_plain_bytes_gives_arrays_or_an_error() {
    let whole = two_arrays(false);
    for (place, bit) in (0..whole.len()).flat_map(|place| (0..8).map(move |bit| (place, bit))) {
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << bit;
        for Array { dims, values, .. } in arrays(&damaged).unwrap_or_default() {
            let n = match values {
                Values::Bytes(bytes) => bytes.len(),
                Values::Doubles(doubles) => doubles.len(),
            };
            assert_eq!(n, dims.into_iter().product::<usize>());
        }
    }
}

/// `n` images in which the pixel at (row, column) of channel c of image i is `64 c + row` left of the diagonal, and `i`
/// elsewhere.
fn images(n: u32) -> Vec<u8> {
    let mut pixels = Vec::new();
    for image in 0..n {
        for (channel, column, row) in
            (0..3).flat_map(|c| (0..32).flat_map(move |column| (0..32).map(move |row| (c, column, row))))
        {
            pixels.push(if column < row { 64 * channel + row } else { image as u8 });
        }
    }
    array("X", 9, &[32, 32, 3, n][..if n == 1 { 3 } else { 4 }], BYTES, &pixels)
}

#[test]
fn svhn_images_are_row_major_and_label_ten_is_zero() {
    let dir = tempfile::tempdir().unwrap();
    let doubles = [10.0_f64, 3.0].map(f64::to_le_bytes);
    let train =
        [images(2), array("y", 6, &[2, 1], DOUBLES, doubles.as_flattened())].map(|array| compressed(&array));
    let test = [images(1), array("y", 6, &[1, 1], BYTES, &[9])];
    fs::write(dir.path().join("train_32x32.mat"), file(&train)).unwrap();
    let path = dir.path().join("test_32x32.mat");
    fs::write(&path, file(&test)).unwrap();
    let set = open("svhn", Some(dir.path())).unwrap();
    assert_eq!((set.train.labels(), set.test.labels()), (&[0, 3][..], &[9][..]));
    assert_eq!(set.train.image_shape(), [3, 32, 32]);
    assert_eq!([set.train.images()[[1, 2, 30, 4]], set.train.images()[[1, 2, 4, 30]]], [158, 1]);

    let complaint = |elements: &[Vec<u8>]| {
        fs::write(&path, file(elements)).unwrap();
        open("svhn", Some(dir.path())).unwrap_err().to_string().replace(&path.display().to_string(), "FILE")
    };
    let labels = |labels: &[u8]| array("y", 6, &[labels.len() as u32, 1], BYTES, labels);
    assert_eq!(
        complaint(&[images(1), labels(&[11])]),
        "`FILE`: label: expected a whole number from 1 to 10, got 11 at row 0"
    );
    let half = array("y", 6, &[1, 1], DOUBLES, &2.5_f64.to_le_bytes());
    assert!(complaint(&[images(1), half]).ends_with("got 2.5 at row 0"));
    assert_eq!(complaint(&[images(1)]), "`FILE`: arrays: expected `X` and `y`, got at most one of them");
    assert!(
        complaint(&[images(1), labels(&[1, 2])]).ends_with("labels: expected 1, one for each image, got 2")
    );
    assert_eq!(
        complaint(&[array("X", 9, &[1, 2], BYTES, &[1, 2]), labels(&[1])]),
        "`FILE`: array `X`: expected [32, 32, 3, n] bytes, got [1, 2]"
    );
}
