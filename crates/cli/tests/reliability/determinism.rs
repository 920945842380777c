//! Runs are bit-identical for any number of threads, in every repetition, and when resumed at any epoch (row R9).

use rayon::ThreadPoolBuilder;
use reliability::{Measurement, size};

use crate::real::{Bits, EPOCHS, compute, compute_until, fc_s, open, run_of};

const THREADS: [usize; 5] = [1, 2, 3, 7, 16];
const REPEATS: usize = 2;

fn on<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn threads_repetitions_and_stops_change_no_bit() {
    let measured = Measurement::of(
        "R9",
        "a run gives the same bits on any number of threads, in every repetition, and continued from any epoch",
    );
    let base = tempfile::tempdir().unwrap();
    let run = run_of(fc_s(), 0.5);
    let fresh = |name: &str, threads| {
        on(threads, || Bits::of(&compute(&open(&base.path().join(name)), &run, |_| ())))
    };
    let reference = fresh("reference", 1);
    for threads in THREADS {
        for repeat in 0..REPEATS {
            assert_eq!(fresh(&format!("{threads}-{repeat}"), threads), reference, "{threads} threads");
        }
    }
    let points = size(25, 1_000);
    for point in 0..points {
        // The epochs of the stops are spread by the golden ratio; all pairs of numbers of threads before and after a
        // stop occur.
        let stop = ((point as f64 * 0.618_033_988_75).fract() * f64::from(EPOCHS)) as u32;
        let (before, after) = (THREADS[point % 5], THREADS[point / 5 % 5]);
        let folder = base.path().join("resumed");
        on(before, || compute_until(&open(&folder), &run, stop));
        let resumed = on(after, || Bits::of(&compute(&open(&folder), &run, |_| ())));
        assert_eq!(resumed, reference, "{before} threads until epoch {stop}, then {after}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
    let whole = THREADS.len() * REPEATS;
    measured.passed(
        whole + points,
        format!("{whole} whole runs, {points} resumed; 0 differing bits (one build)"),
    );
}
