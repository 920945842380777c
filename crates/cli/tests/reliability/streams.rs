//! Closed or full standard streams, file size limits, threads that cannot start:
//! no run is stopped needlessly, and every failure has its exit code and one clear message (row R12).

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use reliability::Measurement;

use crate::program::{Left, SWEEP, agon, reproduce, sweep};

const TRAIN: [&str; 9] =
    ["train", "--model", "fc-s", "train=100", "validation=20", "data.test=40", "batch=20", "--epochs", "2"];

/// A pipe without a reader.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The output of the program in a shell that first runs `limits`.
fn limited(limits: &str, arguments: &[&str]) -> Output {
    let program = agon(arguments);
    let script = format!("{limits}; exec \"$0\" \"$@\"");
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).arg(program.get_program()).args(program.get_args());
    shell.env("HOME", "/dev/null/nonexistent").env_remove("AGON_DATA").output().unwrap()
}

fn trained(out: &Path) -> Vec<String> {
    let arguments = TRAIN.iter().map(|&text| text.to_owned());
    arguments.chain(["--out".to_owned(), out.to_str().unwrap().to_owned()]).collect()
}

#[test]
fn an_unwritable_log_is_ignored_and_unwritable_results_are_exit_code_4() {
    let measured = Measurement::of("R12", "a log that cannot be written ends nothing");
    let base = tempfile::tempdir().unwrap();
    let whole = base.path().join("reference");
    assert!(reproduce(&whole).status.success());
    let reference = Left::read(&whole);
    let mut n = 0;
    for (name, log) in [("closed", closed_pipe as fn() -> Stdio), ("full", full)] {
        let out = base.path().join(name);
        let output = agon(&sweep(&out)).stderr(log()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stdout));
        assert!(Left::read(&out) == reference, "{name}: other results or figures");
        let arguments = trained(&out.join("train"));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = agon(&arguments).stderr(log()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{name}");
        assert!(text(&output.stdout).contains("finished: 2 of 2 epochs"), "{}", text(&output.stdout));
        // An error that cannot be printed keeps its exit code.
        let refused =
            agon(&["export", "0", "w", "--out", "/dev/null/nonexistent"]).stderr(log()).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{name}");
        n += 3;
    }

    // Standard output carries the results of a command.
    let results = whole.join("smoke").join(SWEEP).join(format!("{SWEEP}.h5"));
    let (whole, results) = (whole.to_str().unwrap(), results.to_str().unwrap());
    for arguments in [
        &["list"][..],
        &["--help"],
        &["completions", "bash"],
        &["runs", "--out", whole],
        &["runs", "--json", "--out", whole],
        &["inspect", results],
        &["report", "--profile", "smoke", "--out", whole],
        &["data", "list"],
    ] {
        let output = agon(arguments).stdout(closed_pipe()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        let output = agon(arguments).stdout(full()).output().unwrap();
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{arguments:?}: {printed}");
        assert!(
            printed.contains("standard output") && !printed.contains("damaged"),
            "{arguments:?}: {printed}"
        );
        assert_eq!(printed.lines().count(), 1, "{arguments:?}: {printed}");
        n += 2;
    }
    measured.part("streams").passed(n, format!("{n} commands whose output or log is closed or full"));
}

#[test]
fn a_file_size_limit_counts_as_a_full_disk() {
    let base = tempfile::tempdir().unwrap();
    let out = base.path().join("out");
    let output = limited("ulimit -f 24", &sweep(&out));
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{:?}: {printed}", output.status);
    assert!(printed.contains("the disk is full"), "{printed}");
    assert!(reproduce(&out).status.success());

    let key = std::fs::read_dir(out.join("runs")).unwrap().next().unwrap().unwrap().file_name();
    let (key, out) = (key.to_str().unwrap(), out.to_str().unwrap());
    let file = base.path().join("model.safetensors");
    std::fs::write(&file, "old").unwrap();
    let export = ["export", key, file.to_str().unwrap(), "--out", out];
    let output = limited("ulimit -f 8", &export);
    assert_eq!(output.status.code(), Some(4), "{:?}: {}", output.status, text(&output.stderr));
    assert_eq!(std::fs::read(&file).unwrap(), b"old");
    // A device is written to and not replaced.
    let output = agon(&["export", key, "/dev/full", "--out", out]).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    let output = agon(&["export", key, "/dev/stdout", "--out", out]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    std::fs::write(&file, &output.stdout).unwrap();
    assert!(models::weights::read(&file).unwrap().contains_key("encoder.0.weight"));
}

#[test]
fn threads_that_cannot_start_are_one_clear_error_reported_by_the_doctor_too() {
    // Stacks of 64 TiB cannot be allocated.
    let stack = "export RUST_MIN_STACK=70368744177664";
    let base = tempfile::tempdir().unwrap();
    let out = base.path().join("out");
    let train = trained(&out);
    let train: Vec<&str> = train.iter().map(String::as_str).collect();
    for arguments in
        [&sweep(&out)[..], &train, &["advise", "--data", "."], &["data", "verify", "fashion-mnist-embedded"]]
    {
        let output = limited(stack, arguments);
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {printed}");
        assert!(
            printed.starts_with("error: cannot start ") && printed.contains("ulimit -u"),
            "{arguments:?}: {printed}"
        );
        assert_eq!(printed.lines().count(), 1, "{arguments:?}: {printed}");
        assert!(!printed.contains("--jobs"), "these threads are started whatever --jobs says: {printed}");
    }
    assert!(!out.exists());
    let output = limited(stack, &["doctor"]);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{table} {}", text(&output.stderr));
    assert!(
        table.contains("problem  threads") && table.contains("ok       matrix multiplication"),
        "{table}"
    );
    assert_eq!(text(&output.stderr), "");
    // Enough memory for the stacks of the global thread pool, one per core, and not for the two threads of each job.
    let cores = std::thread::available_parallelism().unwrap();
    let few = format!("ulimit -v {}; export RUST_MIN_STACK={}", (2 * cores.get()) << 20, 1 << 30);
    let whole = sweep(&out).into_iter().filter(|&argument| !["--jobs", "2"].contains(&argument));
    let output = limited(&few, &whole.collect::<Vec<_>>());
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("error: cannot start ") && !printed.contains("start 1 threads"), "{printed}");
    assert_eq!(printed.contains("--jobs"), cores.get() > 1, "{printed}");
    let output = limited(&few, &["doctor"]);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{table} {}", text(&output.stderr));
    assert!(table.contains("problem  threads") && table.contains("cannot run here"), "{table}");
    // Listing commands need no threads.
    assert!(limited(stack, &["list"]).status.success());
}
