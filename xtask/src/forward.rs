//! Commands that build a program of this repository and forward their arguments to it.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::Context;
use xshell::{Cmd, Shell, cmd};

use crate::repo::Repo;
use crate::setup;

/// A command of the program `agon`. The exit code is 101 if cargo cannot build it, else that of the program.
pub(crate) fn agon(repo: &Repo, command: &str, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    setup::ensure(repo)?;
    // In the current folder of the caller, so that relative paths keep their meaning.
    let sh = Shell::new()?;
    exit_code(cmd!(sh, "cargo run --release --package agon-cli --bin agon -- {command} {arguments...}"))
}

/// `cargo xtask test`, with the profile of `reproduce`, so that nothing is built twice.
pub(crate) fn test(repo: &Repo, arguments: &[OsString]) -> anyhow::Result<()> {
    setup::ensure(repo)?;
    let sh = Shell::new()?;
    cmd!(sh, "cargo test --release --workspace {arguments...}").run().context("a test failed")
}

/// `cargo xtask peers`: builds `side-by-side` and `peer_side`, which must be in the same folder.
pub(crate) fn peers(repo: &Repo, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    cmd!(repo.sh, "cargo build --release --package benches --bins").quiet().run()?;
    let (sh, program) = (Shell::new()?, repo.target().join("release/side-by-side"));
    exit_code(cmd!(sh, "{program} {arguments...}").env("CARGO_MANIFEST_DIR", repo.join("benches")))
}

/// Runs a command; the exit code of a process ended by a signal is 1.
fn exit_code(command: Cmd<'_>) -> anyhow::Result<ExitCode> {
    let name = command.to_string();
    let status = Command::from(command).status().with_context(|| format!("cannot start `{name}`"))?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}
