//! Tests of the CIFAR-10 reader on valid, invalid and damaged files.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::{fs, io::Write};

use agon_data::formats::cifar::{Version::Cifar10, parse, read};
use agon_data::{Batches, Split, gather, reference, transform::NORMALISED};
use flate2::{Compression, write::GzEncoder};
use ndarray::Array4;
use proptest::test_runner::{FailurePersistence, FileFailurePersistence};
use proptest::{collection::vec, prelude::*, sample::Index};
use tensor::random::Stream;

const PIXELS: usize = 3_072;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A record for each label; the values of its pixels increase from the label.
fn records(labels: &[u8]) -> Vec<u8> {
    let record =
        |&label: &u8| (0..=PIXELS).map(move |at| if at == 0 { label } else { label.wrapping_add(at as u8) });
    labels.iter().flat_map(record).collect()
}

fn complaint(bytes: &[u8]) -> String {
    parse(Cifar10, "batch", bytes).unwrap_err().to_string()
}

#[test]
fn labels_and_pixels_are_separated_in_plain_and_compressed_files() {
    let bytes = records(&[3, 9]);
    for stored in [bytes.clone(), gzip(&bytes)] {
        let got = parse(Cifar10, "batch", &stored).unwrap();
        assert_eq!(got.labels, [3, 9]);
        assert_eq!(got.pixels, [&bytes[1..][..PIXELS], &bytes[PIXELS + 2..]].concat());
    }
}

#[test]
fn several_files_are_read_in_order_plain_or_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let [plain, packed] = ["plain", "packed"].map(|name| folder.path().join(name));
    fs::write(&plain, records(&[1, 2])).unwrap();
    fs::write(&packed, gzip(&records(&[0]))).unwrap();
    let got = read(Cifar10, &[&plain, &packed, &plain]).unwrap();
    assert_eq!((got.labels, got.pixels.len()), (vec![1, 2, 0, 1, 2], 5 * PIXELS));
    assert_eq!(got.sha256[0], got.sha256[2]);
    assert_ne!(got.sha256[0], got.sha256[1]);
}

#[test]
fn a_missing_file_is_named() {
    let message = read(Cifar10, &["/absent/test_batch.bin"]).unwrap_err().to_string();
    assert!(message.starts_with("cannot read `/absent/test_batch.bin`: "), "{message}");
}

#[test]
fn a_size_that_is_not_a_multiple_of_a_record_is_refused_before_reading() {
    for bytes in [vec![], vec![0; PIXELS], vec![0; 2 * PIXELS]] {
        let expected = format!(
            "`batch`: size: expected between 1 and 10000 records of 3073 bytes, got {} bytes",
            bytes.len()
        );
        assert_eq!(complaint(&bytes), expected);
    }
}

#[test]
fn compressed_files_with_incomplete_records_are_refused() {
    let whole = records(&[1, 2]);
    for (end, got) in [(0, "0 records and 0"), (1, "0 records and 1"), (3_100, "1 records and 27")] {
        let expected = format!(
            "`batch`: records: expected between 1 and 10000 records of 3073 bytes, got {got} more bytes"
        );
        assert_eq!(complaint(&gzip(&whole[..end])), expected);
    }
}

#[test]
fn a_compressed_file_with_too_many_images_is_refused() {
    let message = complaint(&gzip(&vec![0; (10_000 + 2) * (PIXELS + 1)]));
    assert!(message.contains("got a stream that decompresses to more than 6"), "{message}");
}

#[test]
fn a_label_of_another_set_is_named_with_its_record() {
    assert_eq!(complaint(&records(&[1, 9, 10])), "`batch`: label: expected below 10, got 10 in record 2");
}

/// Failing seeds are stored beside this file and run first by later runs.
fn kept_seeds() -> Option<Box<dyn FailurePersistence>> {
    Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: kept_seeds(), ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_gives_whole_records_or_an_error(
        labels in vec(0..12_u8, 0..3),
        packed in any::<bool>(),
        changes in vec((any::<Index>(), any::<u8>()), 0..4),
        more in vec(any::<u8>(), 0..3),
    ) {
        let mut bytes = if packed { gzip(&records(&labels)) } else { records(&labels) };
        bytes.extend(more);
        for (place, byte) in changes {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        if let Ok(got) = parse(Cifar10, "batch", &bytes) {
            prop_assert_eq!(got.pixels.len(), got.labels.len() * PIXELS);
            prop_assert!(!got.labels.is_empty() && got.labels.iter().all(|&label| label < 10));
        }
    }
}

/// A split of four images of three channels, each channel constant.
fn coloured() -> Split {
    let images = Array4::from_shape_fn((4, 3, 32, 32), |(n, c, ..)| (100 * c + n) as u8);
    Split::new(images, vec![0, 1, 0, 1], 10).unwrap()
}

#[test]
fn a_batch_of_coloured_images_holds_its_channels_one_after_the_other() {
    let split = coloured();
    let batch = gather(&split, vec![2]).unwrap();
    let values = batch.images.as_slice::<f32>().unwrap();
    assert_eq!(batch.images.shape(), [1, PIXELS]);
    for (plane, channel) in values.chunks(1_024).zip([2, 102, 202]) {
        assert!(plane.iter().all(|&value| value == NORMALISED[channel]));
    }
    let batches = Batches::new(&split, 2, Stream::new(1, "shuffle")).unwrap();
    assert_eq!(
        batches.epoch(1).map(|batch| batch.unwrap().images.shape()[1]).collect::<Vec<_>>(),
        [PIXELS; 2]
    );
}

#[test]
fn reference_errors_of_coloured_images_are_means_over_channels_too() {
    let split = coloured();
    // Every image differs by one level from the mean of its class, and by 1.5 or 0.5 levels from the mean of all.
    let byte = 1.0 / (127.5 * 127.5);
    let [class, mean] = [reference::class_mean_error, reference::mean_image_error]
        .map(|error| error(&split, &split).unwrap());
    // Differences of values up to 1 have an error of at most 4 epsilons, so their squares, of at most 0.012^2, have one
    // of 8 * 0.012 epsilons; a sum of 12,288 squares with a mean below 1e-4 adds at most 12,288 * 1e-4 epsilons.
    let tolerance = 2.0 * f64::EPSILON;
    assert!((class - byte).abs() < tolerance && (mean - 1.25 * byte).abs() < tolerance, "{class} {mean}");
}
