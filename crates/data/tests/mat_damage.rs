//! Tests that the MAT-file reader neither panics nor exceeds its memory bound for any input.
//!
//! This file contains a single test, because the memory of the whole process is measured.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::io::Write;

use agon_data::formats::mat::{Values, parse};
use flate2::{Compression, write::ZlibEncoder};
use peak_alloc::PeakAlloc;
use proptest::test_runner::{FailurePersistence, FileFailurePersistence};
use proptest::{collection::vec, prelude::*, sample::Index};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The memory bound for a file of at most 400 bytes: buffers, the state of the decompressor, and the longest
/// decompressed run of one byte, 400 kB, in a vector that doubles its capacity.
const BOUND: usize = 1 << 20;

/// An array whose tags declare these dimensions and sizes, followed by these bytes.
fn array(rows: u32, kind: u32, size: u32, values: &[u8]) -> Vec<u8> {
    let parts = [6, 8, 9, 0, 5, 8, rows, 1, 1 | 1 << 16, u32::from(b'y'), kind, size].map(u32::to_le_bytes);
    let head = [14, 48 + size.next_multiple_of(8)].map(u32::to_le_bytes);
    [head.as_flattened(), parts.as_flattened(), values].concat()
}

fn file(array: &[u8], packed: bool) -> Vec<u8> {
    let header = [&[b' '; 124][..], &[0, 1, b'I', b'M']].concat();
    if !packed {
        return [&*header, array].concat();
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(array).unwrap();
    let stream = encoder.finish().unwrap();
    [&*header, &[15, 0, 0, 0], &(stream.len() as u32).to_le_bytes(), &stream].concat()
}

/// A small valid file, or one that declares large dimensions followed by no data or by zeros; the flag says which.
fn any_file() -> impl Strategy<Value = (Vec<u8>, bool)> {
    let valid = (1..9_u32, prop_oneof![Just((2, 1)), Just((9, 8))]).prop_map(|(rows, (kind, width))| {
        let size = rows * width;
        array(rows, kind, size, &vec![1; size.next_multiple_of(8) as usize])
    });
    let claim =
        (0..31_u32, 0..200_usize).prop_map(|(bits, zeros)| array(1 << bits, 2, 1 << bits, &vec![0; zeros]));
    let valid = valid.prop_map(|array| (array, true));
    let claim = claim.prop_map(|array| (array, false));
    (prop_oneof![3 => valid, 1 => claim], any::<bool>())
        .prop_map(|((array, valid), packed)| (file(&array, packed), valid))
}

/// Failing seeds are stored beside this file and run first by later runs.
fn kept_seeds() -> Option<Box<dyn FailurePersistence>> {
    Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_048, failure_persistence: kept_seeds(), ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_gives_arrays_or_an_error_within_bounded_memory(
        (mut bytes, valid) in any_file(),
        changes in vec((any::<Index>(), any::<u8>()), 0..4),
        cut in any::<Index>(),
        cuts in any::<bool>(),
    ) {
        let whole = valid && !cuts && changes.is_empty();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let mat = parse("file", &bytes);
        let taken = MEMORY.peak_usage() - before;
        prop_assert!(taken <= BOUND, "{taken} bytes for a file of {}", bytes.len());
        prop_assert!(mat.is_ok() || !whole, "{mat:?}");
        for array in mat.map(|mat| mat.arrays).unwrap_or_default() {
            let n = match array.values {
                Values::Bytes(bytes) => bytes.len(),
                Values::Doubles(doubles) => doubles.len(),
            };
            prop_assert_eq!(n, array.dims.iter().product::<usize>());
        }
    }
}
