//! Results files from elsewhere: whatever is in them, `agon inspect` answers in time (row R14).

use std::time::{Duration, Instant};

use reliability::{Measurement, size};
use tensor::random::Stream;

use crate::program::agon;
use crate::real::{compute, fc_s, open, run_of};

/// What the program is given, in seconds, and what it may take at most, on a machine that does other things too.
const TIME_LIMIT: &str = "1";
const MOST: Duration = Duration::from_secs(20);

/// A copy with some bytes changed, cut off, or blanked, more often near its beginning, where the structure lies.
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

#[test]
fn a_hostile_results_file_never_hangs_or_fails_the_program_that_reads_it() {
    let measured = Measurement::of("R14", "no results file from elsewhere hangs or crashes the program");
    let folder = tempfile::tempdir().unwrap();
    let run = compute(&open(&folder.path().join("runs")), &run_of(fc_s(), 0.5), |_| ());
    let bytes = std::fs::read(run.hdf5_file()).unwrap();
    let file = folder.path().join("hostile.h5");
    let n = size(500, 10_000);
    let (mut read, mut refused, mut stopped) = (0, 0, 0);
    for number in 0..n as u64 {
        std::fs::write(&file, mutated(&bytes, number)).unwrap();
        let begin = Instant::now();
        let output = agon(&["inspect", file.to_str().unwrap(), "--time-limit", TIME_LIMIT]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(begin.elapsed() < MOST, "file {number}: {:?}", begin.elapsed());
        match output.status.code() {
            Some(0) => read += 1,
            Some(1) if said.contains("the reader") => stopped += 1,
            Some(1) => refused += 1,
            other => panic!("file {number}: {other:?}: {said}"),
        }
        assert!(output.status.success() || said.contains("hostile.h5"), "file {number}: {said}");
    }
    let figure = format!(
        "{n} mutated files: {read} read, {refused} refused, {stopped} hung or crashed the child alone"
    );
    measured.passed(n, figure);
}
