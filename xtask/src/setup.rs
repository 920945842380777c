//! Makes a machine ready to build: checks the compilers and puts cmake where `.cargo/config.toml` looks for it.

mod cmake;

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::bail;
use system::tell;

use crate::args;
use crate::repo::{Repo, capture};

/// The oldest compiler that the workspace accepts, such as `1.95`.
const OLDEST_RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// `cargo xtask setup`: may be called again at any time, also after a kill; does only what is not done.
pub(crate) fn run(repo: &Repo, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    args::none("setup", arguments)?;
    make_ready(repo)?;
    Ok(ExitCode::SUCCESS)
}

/// What the building commands call first; costs one start of cmake where there is nothing to do.
pub(crate) fn ensure(repo: &Repo) -> anyhow::Result<()> {
    if cmake::is_ready(repo) { Ok(()) } else { make_ready(repo) }
}

fn make_ready(repo: &Repo) -> anyhow::Result<()> {
    let checks = [rust(), c_compiler(), cpp_compiler()];
    for found in checks.iter().flatten() {
        tell!("setup: {found}");
    }
    let missing: Vec<&str> = checks.iter().filter_map(|check| check.as_ref().err()).map(|m| &**m).collect();
    if !missing.is_empty() {
        bail!("this machine is not ready to build\n  {}", missing.join("\n  "));
    }
    tell!("setup: {}", cmake::install(repo)?);
    Ok(())
}

/// What was found, or one line that says what is missing and how to install it.
type Check = Result<String, String>;

fn rust() -> Check {
    let install = format!("run `rustup toolchain install {OLDEST_RUST}` (rustup is at https://rustup.rs)");
    let said = capture(Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version"))
        .map_err(|_| format!("rustc is not installed; {install}"))?;
    match (version_in(&said), version_in(OLDEST_RUST)) {
        (Some(found), Some(oldest)) if found >= oldest => Ok(said.trim().to_owned()),
        _ => Err(format!("rustc {OLDEST_RUST} or later is needed, found {}; {install}", said.trim())),
    }
}

/// HDF5 is written in C.
fn c_compiler() -> Check {
    compiler("C", "CC", ["cc", "gcc"], "gcc libc6-dev")
}

/// The kernels run on the host as C++.
fn cpp_compiler() -> Check {
    compiler("C++", "CXX", ["c++", "g++"], "g++")
}

fn compiler(language: &str, variable: &str, names: [&str; 2], packages: &str) -> Check {
    let named = env::var_os(variable);
    named
        .into_iter()
        .chain(names.map(OsString::from))
        .find_map(|compiler| capture(Command::new(compiler).arg("--version")).ok())
        .map(|said| format!("{language} compiler: {}", said.lines().next().unwrap_or_default()))
        .ok_or_else(|| {
            let [one, other] = names;
            format!(
                "no {language} compiler ({one} or {other}) is installed; run `apt-get install {packages}`"
            )
        })
}

/// The first `MAJOR.MINOR` in a text, as numbers: `rustc 1.95.0 (...)` gives `(1, 95)`.
fn version_in(text: &str) -> Option<(u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut parts = word.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version_in("rustc 1.95.0 (f2d3ce0bd 2026-03-21)"), Some((1, 95)));
        assert_eq!(version_in("cmake version 3.31.10\n\nCMake suite"), Some((3, 31)));
        assert_eq!(version_in("command not found"), None);
        assert!(version_in("1.100.0") > version_in(OLDEST_RUST));
    }

    #[test]
    fn the_machine_that_builds_this_has_what_is_asked_for() {
        assert!(rust().is_ok() && c_compiler().is_ok() && cpp_compiler().is_ok());
        let missing = compiler("X", "AGON_NO_SUCH_VARIABLE", ["no-x", "no-y"], "x").unwrap_err();
        assert_eq!(missing, "no X compiler (no-x or no-y) is installed; run `apt-get install x`");
    }
}
