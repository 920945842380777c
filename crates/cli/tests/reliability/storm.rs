//! Tests of kills at any instant of training, checkpointing, finishing, merging and drawing (row R10).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reliability::{Measurement, size};
use runs::store::{Epoch, Store, read_results};

use crate::program::{Left, SWEEP, agon, files_below, strays, sweep};
use crate::real::{Bits, EPOCHS, compute, fc_s, images, open, run_of};

const ROOT: &str = "AGON_TEST_STORM_ROOT";

/// The number of kills before a run may finish.
const KILLS_A_ROUND: usize = 4;

/// When to kill a child.
enum Moment {
    /// After this time.
    After(Duration),
    /// As soon as this file has this many lines, or at the child's end.
    AtLine(PathBuf, usize),
}

/// A fraction of 1 for each number, spread evenly by the golden ratio.
fn part(number: usize) -> f64 {
    (number as f64 * 0.618_033_988_75).fract()
}

/// Starts a child, waits for the moment, calls `before`, and kills it.
fn killed(child: &mut Command, instant: Moment, before: impl FnOnce()) {
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    match instant {
        Moment::After(time) => std::thread::sleep(time),
        Moment::AtLine(file, n) => {
            let lines =
                || std::fs::read(&file).map_or(0, |text| text.iter().filter(|&&byte| byte == b'\n').count());
            while lines() < n && child.try_wait().unwrap().is_none() {}
        }
    }
    before();
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The recorded epochs of each run.
fn acknowledged(runs: &Path) -> BTreeMap<PathBuf, Vec<Epoch>> {
    let listed = if runs.is_dir() { Store::reading(runs).list().unwrap() } else { vec![] };
    listed.into_iter().map(|(folder, summary)| (folder, summary.unwrap().epochs)).collect()
}

fn assert_none_lost(before: &BTreeMap<PathBuf, Vec<Epoch>>, after: &BTreeMap<PathBuf, Vec<Epoch>>) {
    for (run, epochs) in before {
        let kept = &after[run];
        assert!(kept.len() >= epochs.len(), "{}: {} of {} epochs", run.display(), kept.len(), epochs.len());
        assert!(epochs.iter().zip(kept).all(|(was, is)| was.difference(is).is_none()), "{}", run.display());
    }
}

#[test]
#[ignore = "the child of a_killed_training_run_resumes_with_identical_bits, which kills it"]
fn child() {
    let root = std::env::var_os(ROOT).expect("only the parent starts this");
    compute(&open(Path::new(&root)), &run_of(fc_s(), 0.5), |_| ());
}

#[test]
fn a_killed_training_run_resumes_with_identical_bits() {
    let measured = Measurement::of("R10", "a run that is killed at any instant goes on with the same bits");
    let base = tempfile::tempdir().unwrap();
    let run = run_of(fc_s(), 0.5);
    let reference = Bits::of(&compute(&open(&base.path().join("reference")), &run, |_| ()));
    let child = |root: &Path| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--ignored", "--exact", "storm::child", "--nocapture"]).env(ROOT, root);
        child
    };
    let begin = Instant::now();
    assert!(child(&base.path().join("whole")).output().unwrap().status.success());
    let life = begin.elapsed();
    let (kills, mut between) = (size(48, 480), 0);
    for kill in 0..kills {
        let root = base.path().join(format!("round-{}", kill / KILLS_A_ROUND));
        let mut before = BTreeMap::new();
        // Alternately at any time, and as soon as the journal has a header and some epochs.
        let lines = 1 + kill / 2 % (EPOCHS as usize + 1);
        let moment = match kill % 2 {
            0 => Moment::After(life.mul_f64(part(kill))),
            _ => Moment::AtLine(root.join(run.spec(images()).folder_name()).join("journal.jsonl"), lines),
        };
        killed(&mut child(&root), moment, || before = acknowledged(&root));
        let after = acknowledged(&root);
        assert_none_lost(&before, &after);
        let reached = after.values().next().map_or(0, Vec::len);
        between += usize::from((1..=EPOCHS as usize).contains(&reached));
        if kill % KILLS_A_ROUND == KILLS_A_ROUND - 1 || kill == kills - 1 {
            assert_eq!(Bits::of(&compute(&open(&root), &run, |_| ())), reference);
            assert_eq!(strays(&root), Vec::<PathBuf>::new());
            std::fs::remove_dir_all(&root).unwrap();
        }
    }
    let figure = format!("{kills} of training with a checkpoint an epoch ({between} between two epochs)");
    measured.part("training").passed(kills, figure);
}

#[test]
fn a_killed_reproduction_resumes_to_the_same_results_and_figures() {
    let measured = Measurement::of("R10", "a run that is killed at any instant goes on with the same bits");
    let base = tempfile::tempdir().unwrap();
    // The program's temporary folders are inside, too, and can be checked.
    let command = |out: &Path| {
        let mut command = agon(&sweep(out));
        command.env("TMPDIR", base.path());
        command
    };
    let reference = base.path().join("reference");
    let begin = Instant::now();
    assert!(command(&reference).output().unwrap().status.success());
    let life = begin.elapsed();
    let reference = Left::read(&reference);
    let (kills, mut merging) = (size(12, 120), 0);
    for kill in 0..kills {
        let out = base.path().join(format!("round-{}", kill / KILLS_A_ROUND));
        let runs = out.join("runs");
        let mut before = BTreeMap::new();
        killed(&mut command(&out), Moment::After(life.mul_f64(part(kill))), || before = acknowledged(&runs));
        assert_none_lost(&before, &acknowledged(&runs));
        // Files with their final name are complete; partial ones have another name.
        for file in files_below(&out).iter().filter(|file| file.extension().is_some_and(|kind| kind == "h5"))
        {
            read_results(file).unwrap();
            merging += usize::from(file.ends_with(format!("{SWEEP}.h5")));
        }
        if kill % KILLS_A_ROUND == KILLS_A_ROUND - 1 || kill == kills - 1 {
            let output = command(&out).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert!(Left::read(&out) == reference, "other results or figures in {}", out.display());
            assert_eq!(strays(&out), Vec::<PathBuf>::new());
            std::fs::remove_dir_all(&out).unwrap();
        }
    }
    let figure = format!("{kills} of whole reproductions ({merging} after merging)");
    measured.part("whole").passed(kills, figure);
}
