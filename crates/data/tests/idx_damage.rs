//! Tests that the IDX reader neither panics nor exceeds its memory bound for any input.
//!
//! This file contains a single test, because the memory of the whole process is measured.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::io::Write;

use agon_data::formats::idx::{encode, parse};
use flate2::{Compression, write::GzEncoder};
use peak_alloc::PeakAlloc;
use proptest::test_runner::{FailurePersistence, FileFailurePersistence};
use proptest::{collection::vec, prelude::*, sample::Index};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The memory bound for a file of a few hundred bytes: the state of the decompressor and two buffers.
const BOUND: usize = 1 << 18;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A small valid file, plain or compressed; or a compressed header that declares large dimensions without values.
fn file() -> impl Strategy<Value = Vec<u8>> {
    let valid = (1..4_usize, 1..8_usize, 1..8_usize)
        .prop_flat_map(|(n, h, w)| (Just([n, h, w]), vec(any::<u8>(), n * h * w)))
        .prop_map(|(dims, values)| encode(dims, &values).expect("the values fit the dimensions"));
    // powers of two, so that some products of dimensions fit and others overflow
    let claim = proptest::array::uniform3(0..32_u32).prop_map(|bits| {
        [&[0, 0, 8, 3], bits.map(|bits| (1_u32 << bits).to_be_bytes()).as_flattened()].concat()
    });
    (prop_oneof![4 => valid, 1 => claim], any::<bool>())
        .prop_map(|(content, packed)| if packed { gzip(&content) } else { content })
}

/// Some bytes replaced, the end cut off, something appended.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<Index>(), any::<u8>()), 0..6);
    (file(), changes, any::<Index>(), vec(any::<u8>(), 0..20), any::<bool>()).prop_map(
        |(mut bytes, changes, cut, more, cuts)| {
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            if cuts {
                bytes.truncate(cut.index(bytes.len()));
            }
            bytes.extend(more);
            bytes
        },
    )
}

/// Failing seeds are stored beside this file and run first by later runs.
fn kept_seeds() -> Option<Box<dyn FailurePersistence>> {
    Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_096, failure_persistence: kept_seeds(), ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_gives_its_values_or_an_error_within_bounded_memory(bytes in damaged()) {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let images = parse::<3>("images", &bytes);
        let labels = parse::<1>("labels", &bytes);
        let taken = MEMORY.peak_usage() - before;
        prop_assert!(taken <= BOUND, "{taken} bytes for a file of {}", bytes.len());
        if let Ok(images) = images {
            prop_assert_eq!(images.values.len(), images.dims.iter().product::<usize>());
        }
        if let Ok(labels) = labels {
            prop_assert_eq!(labels.values.len(), labels.dims[0]);
        }
    }
}
