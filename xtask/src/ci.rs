//! Everything that must pass, cheapest first, with the seconds that each step took.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;
use std::{env, fs};

use anyhow::{Context, ensure};
use system::tell;

use crate::args;
use crate::repo::{Repo, succeeds};
use crate::{kernels, setup, tidy};

/// One step: what it is called, what to type to see it alone, and what it does.
struct Step {
    name: &'static str,
    alone: &'static str,
    run: fn(&Repo) -> anyhow::Result<()>,
}

// Everything that compiles does so in the release profile: checks, tests and the program then share the
// C library, the build scripts and the macros, and tests and program share all dependencies too.
const STEPS: [Step; 9] = [
    Step { name: "format", alone: "cargo fmt --all --check", run: format },
    Step { name: "tidy", alone: "cargo xtask tidy", run: tidy::check },
    Step { name: "setup", alone: "cargo xtask setup", run: setup::ensure },
    // Before everything that is built, since programs carry the kernels.
    Step { name: "kernels", alone: "cargo xtask kernels --install", run: kernels::install_and_build },
    Step {
        name: "clippy",
        alone: "cargo clippy --release --workspace --all-targets -- -D warnings",
        run: clippy,
    },
    Step { name: "docs", alone: "cargo doc --release --workspace --no-deps", run: docs },
    Step { name: "test", alone: "cargo xtask test", run: test },
    Step { name: "mutants", alone: "cargo xtask mutants", run: mutants },
    Step { name: "smoke", alone: "cargo xtask reproduce --profile smoke", run: smoke },
];

/// `cargo xtask ci`: stops at the first step that fails and names it.
pub(crate) fn run(repo: &Repo, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    args::none("ci", arguments)?;
    run_steps(repo, &STEPS)?;
    Ok(ExitCode::SUCCESS)
}

fn run_steps(repo: &Repo, steps: &[Step]) -> anyhow::Result<()> {
    let start = Instant::now();
    for (number, Step { name, alone, run }) in steps.iter().enumerate() {
        tell!("ci: step {} of {}: {name}", number + 1, steps.len());
        let step_start = Instant::now();
        let outcome = run(repo);
        let seconds = step_start.elapsed().as_secs_f64();
        outcome.with_context(|| {
            format!("ci: step `{name}` failed after {seconds:.1} s; `{alone}` runs it alone")
        })?;
        tell!("ci: {name} passed in {seconds:.1} s");
    }
    tell!("ci: all {} steps passed in {:.1} s", steps.len(), start.elapsed().as_secs_f64());
    Ok(())
}

fn format(repo: &Repo) -> anyhow::Result<()> {
    let mut fmt = repo.cargo();
    ensure!(
        succeeds(fmt.args(["fmt", "--all", "--check"]))?,
        "run `cargo fmt --all` (or `rustup component add rustfmt` if it is not there)"
    );
    Ok(())
}

fn clippy(repo: &Repo) -> anyhow::Result<()> {
    let mut clippy = repo.cargo();
    clippy.args(["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    ensure!(
        succeeds(&mut clippy)?,
        "clippy found something (or is not there: `rustup component add clippy`)"
    );
    Ok(())
}

fn docs(repo: &Repo) -> anyhow::Result<()> {
    let mut doc = repo.cargo();
    doc.args(["doc", "--release", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    ensure!(succeeds(&mut doc)?, "the documentation does not build without warnings");
    Ok(())
}

fn test(repo: &Repo) -> anyhow::Result<()> {
    crate::test::run(repo, &[]).map(|_| ())
}

fn mutants(repo: &Repo) -> anyhow::Result<()> {
    crate::mutants::run(repo, &[]).map(|_| ())
}

/// The whole path from data to page, at its smallest, into a folder that is thrown away, by the program that the tests have
/// built: `cargo xtask reproduce` would build it again, since tests ask for more features of what it shares with them.
fn smoke(repo: &Repo) -> anyhow::Result<()> {
    let agon = repo.target().join("release/agon");
    ensure!(agon.is_file(), "there is no {}; `cargo xtask test` builds it", agon.display());
    let out = env::temp_dir().join(format!("agon-smoke-{}", std::process::id()));
    let good = succeeds(Command::new(&agon).args(["reproduce", "--profile", "smoke", "--out"]).arg(&out))?;
    remove(&out)?;
    ensure!(good, "`agon reproduce --profile smoke` failed");
    Ok(())
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failing_step_is_named_and_the_later_ones_are_not_run() {
        let steps = [
            Step { name: "good", alone: "good", run: |_| Ok(()) },
            Step { name: "bad", alone: "cargo bad", run: |_| anyhow::bail!("no luck") },
            Step { name: "later", alone: "later", run: |_| panic!("must not be run") },
        ];
        let error = run_steps(&Repo::of_this_program(), &steps).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("step `bad` failed after"), "{text}");
        assert!(text.ends_with("`cargo bad` runs it alone: no luck"), "{text}");
    }
}
