//! Work on a cluster: with Slurm's commands played by small scripts, and on a real Slurm where one is asked for.
#![allow(clippy::unwrap_used)]

mod played;
mod real;

use std::path::Path;
use std::process::Command;

/// A sweep of six short runs, in a folder.
fn agon(out: &Path, command: &str, more: &[&str]) -> Command {
    let small =
        r#"families.*.data=[{name = "fashion-mnist-embedded", train = 300, validation = 50, test = 100}]"#;
    let mut agon = Command::new(env!("CARGO_BIN_EXE_agon"));
    agon.args([command, "--profile", "smoke", "--only", "fc-lambda-sweep", "-s", small, "--out"]);
    // The search for data sets must not depend on the machine.
    agon.arg(out).args(more).env_remove("AGON_DATA").env("HOME", "/nonexistent").env_remove("XDG_CACHE_HOME");
    agon
}
