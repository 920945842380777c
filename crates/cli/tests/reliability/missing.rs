//! Missing resources give a documented exit code, at most one screen, a next step and no backtrace (row R19).

use std::path::Path;
use std::process::{Command, Stdio};

use reliability::Measurement;

use crate::program::{Left, agon, reproduce, sweep};

/// A terminal of 24 lines.
const SCREEN: usize = 24;

/// Checks that the program fails with this code and these words, on one screen.
fn refused(mut command: Command, code: i32, words: &[&str]) {
    let output = command.env("RUST_BACKTRACE", "1").stdin(Stdio::null()).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{command:?}: {message}");
    assert!(words.iter().all(|word| message.contains(word)), "{command:?}: {message}");
    assert!(!message.contains("panicked") && !message.contains("backtrace"), "{message}");
    assert!(message.lines().count() <= SCREEN, "{message}");
}

/// Starts a process that holds the lock of a run until its input ends.
fn hold_a_run(out: &Path) -> std::process::Child {
    let lock = walk(&out.join("runs"));
    let script = "exec 9>\"$1\"; flock 9; echo held; read -r _";
    let mut holder = Command::new("bash");
    holder.args(["-c", script, "bash"]).arg(lock).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = holder.spawn().unwrap();
    let mut line = [0; 5];
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut line).unwrap();
    holder
}

/// The lock of a run whose journal has been cut, so that it has to be continued.
fn walk(runs: &Path) -> std::path::PathBuf {
    let run = std::fs::read_dir(runs).unwrap().next().unwrap().unwrap().path();
    let journal = run.join("journal.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    let cut: String = text.lines().take(2).map(|line| format!("{line}\n")).collect();
    std::fs::write(&journal, cut).unwrap();
    run.join("lock")
}

#[test]
fn missing_resources_are_named_with_a_next_step_on_one_screen() {
    let measured =
        Measurement::of("R19", "what a machine lacks is named, with a next step and a documented exit code");
    let base = tempfile::tempdir().unwrap();
    let out = base.path().join("out");
    // No system font is available: the program embeds one.
    assert!(reproduce(&out).status.success());
    let reference = Left::read(&out);

    let at = |path: &'static str| agon(&sweep(Path::new(path)));
    refused(at("/dev/null/here"), 1, &["/dev/null/here"]);
    refused(at("/proc/agon"), 1, &["/proc/agon"]);
    let device = [&sweep(&out)[..], &["--device", "cuda:0"]].concat();
    refused(agon(&device), 2, &["cuda:0", "`cpu`"]);
    refused(
        agon(&["export", "0123", "w.safetensors", "--out", "/dev/null/nonexistent"]),
        2,
        &["/dev/null/nonexistent", "--out"],
    );
    refused(agon(&["inspect", "/dev/null/nonexistent/a.h5"]), 2, &["/dev/null/nonexistent/a.h5"]);
    refused(agon(&["advise", "--data", "/dev/null/nonexistent"]), 2, &["/dev/null/nonexistent"]);

    let mut holder = hold_a_run(&out);
    refused(agon(&sweep(&out)), 1, &["in use by another process", "run the same command again"]);
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert!(reproduce(&out).status.success());
    assert!(Left::read(&out) == reference, "other results or figures after the lock");

    let absent = ["reproduce", "--profile", "smoke", "--only", "cnn-l-lambda-sweep", "--out"];
    let absent =
        agon(&[&absent[..], &[base.path().join("absent").to_str().unwrap()]].concat()).output().unwrap();
    assert!(absent.status.success() && String::from_utf8_lossy(&absent.stdout).contains("not run"));

    // The clock jumps, as in a container that is moved. Requires root.
    let jumped = base.path().join("jumped");
    let program = agon(&sweep(&jumped));
    let mut later = Command::new("unshare");
    later.args(["--time", "--monotonic", "100000000"]).arg(program.get_program()).args(program.get_args());
    let jump =
        later.env("HOME", "/dev/null/nonexistent").output().is_ok_and(|output| output.status.success());
    if jump {
        walk(&jumped.join("runs"));
        assert!(reproduce(&jumped).status.success());
        assert!(Left::read(&jumped) == reference, "other results or figures after the jump");
    }
    let clock = if jump { "a clock that jumped, " } else { "" };
    let figure =
        format!("unwritable folders, two writers, {clock}absent data, no font, no GPU: all as documented");
    measured.passed(9 + usize::from(jump), figure);
}
