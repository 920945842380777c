//! Builds the program `agon` and lets it reproduce the results.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Context;

use crate::repo::Repo;
use crate::setup;

/// `cargo xtask reproduce ARGUMENT...`: every argument is handed on, and so is the exit code of `agon`
/// (0 good, 1 a failure, 2 a call that makes no sense; 101 where cargo could not build it).
pub(crate) fn run(repo: &Repo, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    setup::ensure(repo)?;
    let status = repo
        .cargo()
        .args(["run", "--release", "--package", "cli", "--bin", "agon", "--", "reproduce"])
        .args(arguments)
        .status()
        .context("cannot start cargo to run `agon`")?;
    // A process that a signal ended has no code.
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}
