//! Standard output and standard error that are closed or full, a file that may not grow, threads that cannot start:
//! none ends a run that could go on, and what ends has its exit code and one clear message (row R12).

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use reliability::Measurement;

use crate::program::{Left, SWEEP, agon, reproduce, sweep};

const TRAIN: [&str; 9] =
    ["train", "--model", "fc-s", "train=100", "validation=20", "data.test=40", "batch=20", "--epochs", "2"];

/// The pipe of a reader that has gone.
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

/// The output of the program through a shell that first says `limits`.
fn limited(limits: &str, arguments: &[&str]) -> Output {
    let program = agon(arguments);
    let script = format!("{limits}; exec \"$0\" \"$@\"");
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).arg(program.get_program()).args(program.get_args());
    shell.env("HOME", "/nonexistent").env_remove("AGON_DATA").output().unwrap()
}

fn trained(out: &Path) -> Vec<String> {
    let arguments = TRAIN.iter().map(|&text| text.to_owned());
    arguments.chain(["--out".to_owned(), out.to_str().unwrap().to_owned()]).collect()
}

#[test]
fn a_log_that_cannot_be_written_ends_nothing_and_results_that_cannot_are_exit_code_4() {
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
        // An error that nobody can be told keeps its code.
        let refused = agon(&["export", "0", "w", "--out", "/nonexistent"]).stderr(log()).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{name}");
        n += 3;
    }

    // What is on standard output are the results of a command.
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
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{arguments:?}: {said}");
        assert!(said.contains("standard output") && !said.contains("damaged"), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        n += 2;
    }
    measured.part("streams").passed(n, format!("{n} commands whose output or log is closed or full"));
}

#[test]
fn a_file_that_may_not_grow_is_a_full_disk_and_kills_nothing() {
    let base = tempfile::tempdir().unwrap();
    let out = base.path().join("out");
    let output = limited("ulimit -f 24", &sweep(&out));
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{:?}: {said}", output.status);
    assert!(said.contains("the disk is full"), "{said}");
    assert!(reproduce(&out).status.success());

    let key = std::fs::read_dir(out.join("runs")).unwrap().next().unwrap().unwrap().file_name();
    let (key, out) = (key.to_str().unwrap(), out.to_str().unwrap());
    let file = base.path().join("model.safetensors");
    std::fs::write(&file, "old").unwrap();
    let export = ["export", key, file.to_str().unwrap(), "--out", out];
    let output = limited("ulimit -f 8", &export);
    assert_eq!(output.status.code(), Some(4), "{:?}: {}", output.status, text(&output.stderr));
    assert_eq!(std::fs::read(&file).unwrap(), b"old");
    // A device is written into, and stays.
    let output = agon(&["export", key, "/dev/full", "--out", out]).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    let output = agon(&["export", key, "/dev/stdout", "--out", out]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    std::fs::write(&file, &output.stdout).unwrap();
    assert!(models::weights::read(&file).unwrap().contains_key("encoder.0.weight"));
}

#[test]
fn threads_that_cannot_start_are_one_clear_error_and_the_doctor_reports_them() {
    // No machine has room for stacks of 64 TiB.
    let stack = "export RUST_MIN_STACK=70368744177664";
    let base = tempfile::tempdir().unwrap();
    let out = base.path().join("out");
    let train = trained(&out);
    let train: Vec<&str> = train.iter().map(String::as_str).collect();
    for arguments in
        [&sweep(&out)[..], &train, &["advise", "--data", "."], &["data", "verify", "fashion-mnist-embedded"]]
    {
        let output = limited(stack, arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(
            said.starts_with("error: cannot start ") && said.contains("ulimit -u"),
            "{arguments:?}: {said}"
        );
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        assert!(!said.contains("--jobs"), "these threads are started whatever --jobs says: {said}");
    }
    assert!(!out.exists());
    let output = limited(stack, &["doctor"]);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{table} {}", text(&output.stderr));
    assert!(table.contains("problem  threads") && table.contains("ok       matrix product"), "{table}");
    assert_eq!(text(&output.stderr), "");
    // Room for stacks of the threads that all commands start, one for each core, and not for the two that each job needs.
    let cores = std::thread::available_parallelism().unwrap();
    let few = format!("ulimit -v {}; export RUST_MIN_STACK={}", (2 * cores.get()) << 20, 1 << 30);
    let whole = sweep(&out).into_iter().filter(|&argument| !["--jobs", "2"].contains(&argument));
    let output = limited(&few, &whole.collect::<Vec<_>>());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("error: cannot start ") && !said.contains("start 1 threads"), "{said}");
    assert_eq!(said.contains("--jobs"), cores.get() > 1, "{said}");
    let output = limited(&few, &["doctor"]);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{table} {}", text(&output.stderr));
    assert!(table.contains("problem  threads") && table.contains("main job cannot run here"), "{table}");
    // Commands that only look need none.
    assert!(limited(stack, &["list"]).status.success());
}
