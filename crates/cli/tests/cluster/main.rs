//! Tests of the Slurm engine with scripts in place of Slurm's commands, and optionally with a real Slurm.
#![allow(clippy::unwrap_used)]

mod fake;
mod real;

use std::path::Path;
use std::process::Command;

/// A command on a sweep of six short runs.
fn agon(out: &Path, command: &str, more: &[&str]) -> Command {
    let small =
        r#"families.*.data=[{name = "fashion-mnist-embedded", train = 300, validation = 50, test = 100}]"#;
    let mut agon = Command::new(env!("CARGO_BIN_EXE_agon"));
    agon.args([command, "--profile", "smoke", "--only", "fc-lambda-sweep", "-s", small, "--out"]);
    // Data sets of this machine must not be found.
    agon.arg(out)
        .args(more)
        .env_remove("AGON_DATA")
        .env("HOME", "/dev/null/nonexistent")
        .env_remove("XDG_CACHE_HOME");
    agon
}
