//! Tests that `agon inspect` ends in time for any content of an untrusted results file (row R14).

use std::time::{Duration, Instant};

use reliability::{Measurement, size};
use sha2::Digest;
use tensor::random::Stream;

use crate::program::{SWEEP, agon, reproduce};
use crate::real::{compute, fc_s, open, run_of};

/// The time limit passed to the program, in seconds, and the generous limit of the test on a loaded machine.
const TIME_LIMIT: &str = "1";
const MOST: Duration = Duration::from_secs(20);

const WHAT: &str =
    "no results file from elsewhere hangs or crashes the program, and none that was altered gives a verdict";

/// A copy with bytes changed, truncated or zeroed, more often near its start, which holds the structure.
fn mutated(bytes: &[u8], number: u64) -> Vec<u8> {
    let mut words = Stream::new(14, "mutate").sequence(number);
    let mut below = |n: usize| ((words.uniform() * n as f64) as usize).min(n - 1);
    let mut copy = bytes.to_vec();
    let reach = [bytes.len(), 4_096.min(bytes.len()), 512][below(3)];
    match below(8) {
        0 => copy.truncate(below(bytes.len())),
        1 => {
            let (from, length) = (below(reach), 1 + below(64));
            copy.iter_mut()
                .skip(from)
                .take(length)
                .for_each(|byte| *byte = if length % 2 == 0 { 0 } else { 255 });
        }
        2 => {
            let (from, to) = (below(bytes.len() - 64), below(bytes.len() - 64));
            copy.copy_within(from..from + 64, to);
        }
        _ => (0..=below(8)).for_each(|_| {
            let place = below(reach);
            copy[place] ^= 1 << below(8);
        }),
    }
    copy
}

/// The bytes before the checksum line of a results file.
fn unsealed(bytes: &[u8]) -> &[u8] {
    let start = bytes.windows(13).rposition(|window| window == b"\nagon sha256 ").unwrap();
    &bytes[..start]
}

/// The bytes with a valid checksum line, as an attacker would write it.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    [bytes, format!("\nagon sha256 {:x}\n", sha2::Sha256::digest(bytes)).as_bytes()].concat()
}

#[test]
fn a_hostile_results_file_never_hangs_or_crashes_the_program() {
    let measured = Measurement::of("R14", WHAT).part("hostile");
    let folder = tempfile::tempdir().unwrap();
    let run = compute(&open(&folder.path().join("runs")), &run_of(fc_s(), 0.5), |_| ());
    let bytes = unsealed(&std::fs::read(run.hdf5_file()).unwrap()).to_vec();
    let file = folder.path().join("hostile.h5");
    let n = size(500, 10_000);
    let (mut read, mut refused, mut stopped) = (0, 0, 0);
    for number in 0..n as u64 {
        std::fs::write(&file, sealed(&mutated(&bytes, number))).unwrap();
        let begin = Instant::now();
        let output = agon(&["inspect", file.to_str().unwrap(), "--time-limit", TIME_LIMIT]).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(begin.elapsed() < MOST, "file {number}: {:?}", begin.elapsed());
        match output.status.code() {
            Some(0) => read += 1,
            Some(1) if printed.contains("the reader") => stopped += 1,
            Some(1) => refused += 1,
            other => panic!("file {number}: {other:?}: {printed}"),
        }
        assert!(output.status.success() || printed.contains("hostile.h5"), "file {number}: {printed}");
    }
    let figure = format!(
        "{n} mutated files: {read} read, {refused} refused, {stopped} hung or crashed the child alone"
    );
    measured.passed(n, figure);
}

#[test]
fn results_with_a_flipped_bit_give_no_verdict_and_older_ones_are_reported_without_checksum() {
    let measured = Measurement::of("R14", WHAT).part("altered");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    assert!(reproduce(out).status.success());
    let file = out.join("smoke").join(SWEEP).join(format!("{SWEEP}.h5"));
    let (whole, verdicts) = (std::fs::read(&file).unwrap(), out.join("smoke/verdicts.csv"));
    let report = || agon(&["report", "--profile", "smoke", "--out", out.to_str().unwrap()]).output().unwrap();
    assert!(report().status.success());
    let judged = std::fs::read(&verdicts).unwrap();
    let inspect = || agon(&["inspect", file.to_str().unwrap()]).output().unwrap();
    let n = size(40, 1_000);
    let mut words = Stream::new(14, "alter").sequence(0);
    for number in 0..n {
        let mut bytes = whole.clone();
        // The first bit is one that once reversed verdicts.
        let place = match number {
            0 => 8_321 + 6,
            _ => ((words.uniform() * bytes.len() as f64) as usize).min(bytes.len() - 1),
        };
        bytes[place] ^= 1 << (number % 8);
        std::fs::write(&file, bytes).unwrap();
        for output in [report(), inspect()] {
            let printed = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "byte {place}: {printed}");
            assert!(
                printed.contains("was modified or damaged") && printed.contains(SWEEP),
                "byte {place}: {printed}"
            );
        }
    }
    assert!(judged == std::fs::read(&verdicts).unwrap(), "altered results changed the verdicts");

    std::fs::write(&file, unsealed(&whole)).unwrap();
    let older = hdf5::File::open_rw(&file).unwrap();
    older.attr("agon_format").unwrap().write_scalar(&1i64).unwrap();
    older.close().unwrap();
    for (output, words) in [(report(), "without a checksum"), (inspect(), "has no checksum")] {
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && printed.contains(words), "{printed}");
    }
    assert!(judged == std::fs::read(&verdicts).unwrap(), "the same results gave other verdicts");
    measured
        .passed(n, format!("{n} files with another bit: all refused by `agon report` and `agon inspect`"));
}
