//! The commands behind a row: tests, our own commands, and tools that may not be there.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use xshell::cmd;

use super::figures::{Counts, Outcome, together};
use crate::repo::Repo;
use system::tell;

/// One command of a row.
#[derive(Debug)]
pub(super) enum Step {
    /// `cargo test --release --workspace ARGUMENTS`: the whole workspace, since `-p` would choose other features of the
    /// crates it shares with the rest and compile them anew.
    Tests(&'static [&'static str]),
    /// `cargo xtask ARGUMENTS`
    Ours(&'static [&'static str]),
    /// `cargo ARGUMENTS`, of a tool that is installed or not and reads a file of ours.
    Tool { tool: &'static str, reads: &'static str, arguments: &'static [&'static str] },
    /// The same of a tool that must first fetch a database, which a machine without a network cannot.
    Database { tool: &'static str, fetch: &'static [&'static str], arguments: &'static [&'static str] },
    /// Nothing that could be run here, and why.
    Absent(&'static str),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tests(arguments) => write!(f, "cargo test --release --workspace {}", arguments.join(" ")),
            Self::Ours(arguments) => write!(f, "cargo xtask {}", arguments.join(" ")),
            Self::Tool { arguments, .. } | Self::Database { arguments, .. } => {
                write!(f, "cargo {}", arguments.join(" "))
            }
            Self::Absent(reason) => write!(f, "not run: {reason}"),
        }
    }
}

/// How a command ended.
#[derive(Debug)]
pub(super) enum Ran {
    Passed(Counts),
    Failed { step: String, counts: Counts },
    NotRun(String),
}

/// Our commands that are no commands of `cargo xtask` in CI: only the long size asks for them.
const LONG_ONLY: [&str; 1] = ["address-sanitizer"];

/// Runs the steps of a row and collects what they left.
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
            Step::Absent(reason) => {
                ran.push(Ran::NotRun(reason.to_owned()));
                continue;
            }
            Step::Ours([name, ..]) if LONG_ONLY.contains(name) && !long => {
                ran.push(Ran::NotRun(format!("`cargo xtask prove --long --only {id}` runs it")));
                continue;
            }
            Step::Tool { reads, .. } if !repo.join(reads).is_file() => {
                ran.push(Ran::NotRun(format!("there is no {reads} yet")));
                continue;
            }
            Step::Tool { tool, .. } | Step::Database { tool, .. } if !repo.has(tool) => {
                ran.push(Ran::NotRun(format!(
                    "`{tool}` is not installed; `cargo install {tool} --locked` does"
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
        // A measurement in an example of the documentation is no figure.
        if matches!(step, Step::Tests(arguments) if arguments.contains(&"--doc")) {
            command = command.env_remove(reliability::FOLDER);
        }
        // The same word sizes both the reliability tests and the cases of the gradient checks.
        command = match long {
            true => command.env(reliability::SIZE, "long").env("AGON_CASES", "256"),
            false => command.env_remove(reliability::SIZE),
        };
        if let Some(seed) = fresh {
            // Ours, and that of tests which leave their cases to proptest.
            command =
                command.env(reliability::SEED, seed.to_string()).env("PROPTEST_RNG_SEED", seed.to_string());
        }
        tell!("prove: {id}: {step}");
        let (good, counts) = counted(command.into())?;
        // A filter that names no test proves nothing.
        let ran_something = !matches!(step, Step::Tests(_)) || counts.passed > 0;
        ran.push(match good && counts.failed == 0 && ran_something {
            true => Ran::Passed(counts),
            false => Ran::Failed { step: step.to_string(), counts },
        });
    }
    let figures = reliability::Figure::read_all(&folder).context("a test left an unreadable figure")?;
    if let Some(figure) = figures.iter().find(|figure| figure.id != id) {
        bail!("a test of {id} left a figure of {}", figure.id);
    }
    Ok(together(&ran, &figures))
}

/// Runs a command, shows what it prints, and counts the tests that it speaks of.
fn counted(mut command: Command) -> anyhow::Result<(bool, Counts)> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start a step")?;
    let mut counts = Counts::default();
    for line in BufReader::new(child.stdout.take().context("a step has no output")?).split(b'\n') {
        let line = String::from_utf8_lossy(&line.context("cannot read what a step prints")?).into_owned();
        counts.add(&line);
        tell!("    {line}");
    }
    let status = child.wait().context("a step did not end")?;
    Ok((status.success(), counts))
}
