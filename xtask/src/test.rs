//! Runs every test of the workspace, in the profile that `reproduce` uses, so that nothing is built twice.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::ensure;

use crate::repo::{Repo, succeeds};
use crate::setup;

/// `cargo xtask test ARGUMENT...`: arguments go to `cargo test`, and its result lines are shown as they are.
pub(crate) fn run(repo: &Repo, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    setup::ensure(repo)?;
    let mut tests = repo.cargo();
    tests.args(["test", "--release", "--workspace"]).args(arguments);
    ensure!(succeeds(&mut tests)?, "the tests did not all pass");
    Ok(ExitCode::SUCCESS)
}
