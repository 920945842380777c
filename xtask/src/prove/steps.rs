//! The commands of a row: tests, `xtask` commands, and optional tools.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use xshell::cmd;

use super::figures::{Counts, Outcome, together};
use crate::repo::Repo;
use system::status;

/// A command of a row.
#[derive(Debug)]
pub(super) enum Step {
    /// `cargo test --release --workspace ARGUMENTS`: the whole workspace, since `-p` would select other features of
    /// shared dependencies and recompile them.
    Tests(&'static [&'static str]),
    /// `cargo xtask ARGUMENTS`
    Ours(&'static [&'static str]),
    /// `cargo ARGUMENTS`, for an optional tool that reads a file of the repository.
    Tool { tool: &'static str, reads: &'static str, arguments: &'static [&'static str] },
    /// As `Tool`, for a tool that must first fetch a database over the network.
    Database { tool: &'static str, fetch: &'static [&'static str], arguments: &'static [&'static str] },
    /// No command can be run here, with the reason.
    Unavailable(&'static str),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tests(arguments) => write!(f, "cargo test --release --workspace {}", arguments.join(" ")),
            Self::Ours(arguments) => write!(f, "cargo xtask {}", arguments.join(" ")),
            Self::Tool { arguments, .. } | Self::Database { arguments, .. } => {
                write!(f, "cargo {}", arguments.join(" "))
            }
            Self::Unavailable(reason) => write!(f, "not run: {reason}"),
        }
    }
}

/// The outcome of a command.
#[derive(Debug)]
pub(super) enum Ran {
    Passed(Counts),
    Failed { step: String, counts: Counts },
    NotRun(String),
}

/// Commands that run only with `--long`.
const LONG_ONLY: [&str; 1] = ["address-sanitizer"];

/// Runs the steps of a row and collects their figures.
pub(super) fn run(
    repo: &Repo,
    id: &str,
    steps: &[Step],
    long: bool,
    fresh: Option<u64>,
) -> anyhow::Result<Outcome> {
    let sh = &repo.sh;
    let folder = repo.join(format!("target/prove/{id}"));
    sh.remove_path(&folder)?;
    sh.create_dir(&folder)?;
    let mut ran = vec![];
    for step in steps {
        let mut command = match *step {
            Step::Unavailable(reason) => {
                ran.push(Ran::NotRun(reason.to_owned()));
                continue;
            }
            Step::Ours([name, ..]) if LONG_ONLY.contains(name) && !long => {
                ran.push(Ran::NotRun(format!("`cargo xtask prove --long --only {id}` runs it")));
                continue;
            }
            Step::Tool { reads, .. } if !repo.join(reads).is_file() => {
                ran.push(Ran::NotRun(format!("{reads} does not exist yet")));
                continue;
            }
            Step::Tool { tool, .. } | Step::Database { tool, .. } if !repo.has(tool) => {
                ran.push(Ran::NotRun(format!(
                    "`{tool}` is not installed; run `cargo install {tool} --locked`"
                )));
                continue;
            }
            Step::Database { fetch, .. } if cmd!(sh, "cargo {fetch...}").run().is_err() => {
                ran.push(Ran::NotRun(format!("`cargo {}` could not fetch the database", fetch.join(" "))));
                continue;
            }
            Step::Tool { arguments, .. } | Step::Database { arguments, .. } => {
                cmd!(sh, "cargo {arguments...}")
            }
            Step::Tests(arguments) => {
                let shown: &[&str] = if arguments.contains(&"--doc") { &[] } else { &["--", "--nocapture"] };
                cmd!(sh, "cargo test --release --workspace {arguments...} {shown...}")
            }
            Step::Ours(arguments) => {
                let this = std::env::current_exe().context("this program has no path")?;
                cmd!(sh, "{this} {arguments...}")
            }
        };
        command = command.env(reliability::FOLDER, &folder);
        // Measurements in documentation examples are not figures.
        if matches!(step, Step::Tests(arguments) if arguments.contains(&"--doc")) {
            command = command.env_remove(reliability::FOLDER);
        }
        // The size of the reliability tests and the number of cases of the gradient checks.
        command = match long {
            true => command.env(reliability::SIZE, "long").env("AGON_CASES", "256"),
            false => command.env_remove(reliability::SIZE),
        };
        if let Some(seed) = fresh {
            // The seed of our tests, and of tests with proptest.
            command =
                command.env(reliability::SEED, seed.to_string()).env("PROPTEST_RNG_SEED", seed.to_string());
        }
        status!("prove: {id}: {step}");
        let (good, counts) = counted(command.into())?;
        // A filter without a matching test is an error.
        let ran_something = !matches!(step, Step::Tests(_)) || counts.passed > 0;
        ran.push(match good && counts.failed == 0 && ran_something {
            true => Ran::Passed(counts),
            false => Ran::Failed { step: step.to_string(), counts },
        });
    }
    let figures = reliability::Figure::read_all(&folder).context("a test wrote an unreadable result")?;
    if let Some(figure) = figures.iter().find(|figure| figure.id != id) {
        bail!("a test of {id} wrote the result of {}", figure.id);
    }
    Ok(together(&ran, &figures))
}

/// Runs a command, prints its output, and counts the test results in it.
fn counted(mut command: Command) -> anyhow::Result<(bool, Counts)> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start a step")?;
    let mut counts = Counts::default();
    for line in BufReader::new(child.stdout.take().context("a step has no output")?).split(b'\n') {
        let line = String::from_utf8_lossy(&line.context("cannot read what a step prints")?).into_owned();
        counts.add(&line);
        status!("    {line}");
    }
    let status = child.wait().context("a step did not end")?;
    Ok((status.success(), counts))
}
