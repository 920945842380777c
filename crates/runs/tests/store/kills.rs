//! Tests that a process killed at any time loses no recorded epoch, and that resuming gives identical bits.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reliability::{Measurement, size};

use crate::toy::{assert_same, assert_same_epochs, compute, open, spec};

const EPOCHS: u32 = 40;
const ROOT: &str = "AGON_TEST_KILL_ROOT";

#[test]
#[ignore = "the child of a_killed_run_resumes_with_identical_bits, which kills it"]
fn child() {
    let root = std::env::var_os(ROOT).expect("only the parent starts this");
    compute(&open(Path::new(&root)), &spec(5), EPOCHS, |epoch| println!("\nrecorded {epoch}")).unwrap();
}

/// Runs the child until it ends or is killed; returns the last epoch it reported as recorded.
fn run_child(root: &Path, kill_after: Option<Duration>) -> Option<u32> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "kills::child", "--nocapture"])
        .env(ROOT, root)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        lines.filter_map(|line| line.strip_prefix("recorded ")?.parse().ok()).last()
    });
    if let Some(delay) = kill_after {
        std::thread::sleep(delay);
        child.kill().unwrap();
    }
    child.wait().unwrap();
    reader.join().unwrap()
}

#[test]
fn a_killed_run_resumes_with_identical_bits() {
    let measured = Measurement::of("R10", "a run that is killed at any instant goes on with the same bits");
    let base = tempfile::tempdir().unwrap();
    let reference = compute(&open(&base.path().join("reference")), &spec(5), EPOCHS, |_| {}).unwrap();

    let begin = Instant::now();
    assert_eq!(run_child(&base.path().join("whole"), None), Some(EPOCHS));
    let life = begin.elapsed();

    let (mut kills, mut interrupted) = (0, 0);
    for round in 0..size(30, 300) as u32 {
        let root = base.path().join(format!("round-{round}"));
        // Kill times are spread evenly over the child's run time by the golden ratio; every third run is
        // killed a second time.
        for kill in 0..=u32::from(round % 3 == 0) {
            let fraction = (f64::from(round + 17 * kill) * 0.618_033_988_75).fract();
            kills += 1;
            let acknowledged = run_child(&root, Some(life.mul_f64(fraction)));
            let store = open(&root);
            let listed = store.list().unwrap();
            let epochs = match listed.first() {
                Some((_, summary)) => summary.as_ref().unwrap().epochs.clone(),
                None => vec![],
            };
            let last = epochs.last().map(|epoch| epoch.epoch);
            assert!(
                acknowledged <= last,
                "round {round}: epoch {acknowledged:?} was lost, the last is {last:?}"
            );
            assert_same_epochs(&epochs, &reference.epochs);
            interrupted += u32::from(last.is_some_and(|last| last < EPOCHS));
        }
        let run = compute(&open(&root), &spec(5), EPOCHS, |_| {}).unwrap();
        assert_same(&run, &reference);
    }
    let figure = format!("{kills} of a journal written without pause ({interrupted} between two epochs)");
    measured.part("journal").passed(kills, figure);
}
