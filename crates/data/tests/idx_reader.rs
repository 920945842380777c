//! Tests of the IDX reader on valid, invalid and damaged files.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::{fs, io::Write};

use agon_data::formats::idx::{Idx, encode, parse, read};
use flate2::{Compression, write::GzEncoder};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn images() -> Vec<u8> {
    encode([2, 3, 4], &(0..24).collect::<Vec<u8>>()).unwrap()
}

fn header(dims: [u32; 3]) -> Vec<u8> {
    [&[0, 0, 8, 3], dims.map(u32::to_be_bytes).as_flattened()].concat()
}

/// The error for an invalid file of three dimensions.
fn complaint(bytes: &[u8]) -> String {
    parse::<3>("images", bytes).unwrap_err().to_string()
}

#[test]
fn encoded_values_are_read_back_plain_and_compressed() {
    for bytes in [images(), gzip(&images())] {
        let Idx { dims, values, .. } = parse::<3>("images", &bytes).unwrap();
        assert_eq!((dims, values), ([2, 3, 4], (0..24).collect()));
    }
}

#[test]
fn compression_is_detected_without_the_extension() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels");
    fs::write(&path, gzip(&encode([3], &[1, 2, 3]).unwrap())).unwrap();
    assert_eq!(read::<1>(&path).unwrap().values, [1, 2, 3]);
}

#[test]
fn the_hash_is_that_of_the_stored_bytes() {
    let labels = encode([3], b"abc").unwrap();
    let [plain, packed] =
        [labels.clone(), gzip(&labels)].map(|bytes| parse::<1>("labels", &bytes).unwrap().sha256);
    assert_eq!(plain, "379a7afbfd9f0de0a36184463dd209c260f4582821ea2e5e4c40c7eb713dbda2");
    assert_ne!(packed, plain);
}

#[test]
fn a_missing_file_is_named() {
    let message = read::<1>("/absent/labels".as_ref()).unwrap_err().to_string();
    assert!(message.starts_with("cannot read `/absent/labels`: "), "{message}");
}

#[test]
fn another_format_is_refused() {
    assert_eq!(
        complaint(b"\x89PNG\r\n\x1a\n"),
        "`images`: magic: expected 00 00, or 1f 8b for gzip, got 89 50"
    );
}

#[test]
fn other_element_types_and_ranks_are_refused() {
    let [mut floats, labels] = [images(), encode([3], &[0; 3]).unwrap()];
    floats[2] = 0x0d;
    assert_eq!(complaint(&floats), "`images`: element type: expected 08 (unsigned bytes), got 0d");
    assert_eq!(complaint(&labels), "`images`: rank: expected 3, got 1");
}

#[test]
fn dimensions_of_zero_are_refused() {
    assert_eq!(
        complaint(&header([0, 28, 28])),
        "`images`: dimensions: expected none of them zero, got [0, 28, 28]"
    );
}

#[test]
fn dimensions_whose_product_overflows_are_refused() {
    let message = complaint(&header([u32::MAX; 3]));
    assert!(
        message.starts_with("`images`: dimensions: expected a product of at most 4294967296, got"),
        "{message}"
    );
}

#[test]
fn a_header_that_claims_more_than_the_file_holds_is_refused_before_reading() {
    let claim = header([1 << 16, 1 << 8, 1 << 8]);
    assert_eq!(
        complaint(&claim),
        "`images`: size: expected 4294967312 bytes for the dimensions [65536, 256, 256], got 16 bytes"
    );
    let message = complaint(&gzip(&claim));
    assert!(message.starts_with("`images`: compressed size: expected 4294967312 bytes for"), "{message}");
}

#[test]
fn missing_and_surplus_bytes_are_refused() {
    let [short, long] = [images()[..39].to_vec(), [images(), vec![0]].concat()];
    for (bytes, size) in [(&short, 39), (&long, 41)] {
        let expected =
            format!("`images`: size: expected 40 bytes for the dimensions [2, 3, 4], got {size} bytes");
        assert_eq!(complaint(bytes), expected);
    }
    assert_eq!(complaint(&gzip(&short)), "`images`: values: expected 24, got 23 before the end");
    assert_eq!(
        complaint(&gzip(&long)),
        "`images`: end of the file: expected no byte after 24 values, got more"
    );
}

#[test]
fn every_truncation_is_detected() {
    for whole in [images(), gzip(&images())] {
        for end in 0..whole.len() {
            assert!(parse::<3>("images", &whole[..end]).is_err(), "cut at {end}");
        }
    }
}

#[test]
fn a_change_of_compressed_values_is_detected() {
    // Changes start after the ten bytes of the gzip header, which do not affect the values. A change of the padding
    // bits in the last byte of the compressed data has no effect.
    let whole = gzip(&images());
    let values = parse::<3>("images", &whole).unwrap().values;
    for (place, bit) in (10..whole.len()).flat_map(|place| (0..8).map(move |bit| (place, bit))) {
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << bit;
        if let Ok(idx) = parse::<3>("images", &damaged) {
            assert_eq!(idx.values, values, "bit {bit} of byte {place}");
        }
    }
}

#[test]
fn bytes_after_a_compressed_file_are_refused() {
    let bytes = [gzip(&images()), b"something else".to_vec()].concat();
    assert!(complaint(&bytes).contains("expected an undamaged gzip stream"), "{}", complaint(&bytes));
}

#[test]
fn values_are_encoded_only_with_dimensions_that_fit() {
    assert!(encode([2, 3, 4], &[0; 23]).is_err());
    assert!(encode([usize::MAX, 2], &[0; 2]).is_err());
    assert!(encode([1 << 32, 0], &[]).is_err());
}
