//! The reliability programme: runs the tests of each row R1 to R22, collects their figures, writes the card.

mod card;
mod figures;
mod rows;
mod sanitizer;
mod steps;

use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::time::Instant;
use std::{env, fs};

use anyhow::{Context, bail};
use system::tell;
use system::terminal::tell;

use crate::args::{Reader, Usage, nearest};
use crate::repo::{Repo, capture};
use crate::setup;
use card::{Card, Ended, Entry};
use rows::{ROWS, Row};

pub(crate) use card::{README, RELIABILITY, is_current};
pub(crate) use sanitizer::run as address_sanitizer;

const HELP: &str = "\
usage: cargo xtask prove [OPTION...]

  --long             the long sizes: hours, and what CI leaves out (AddressSanitizer)
  --fresh            random cases that nobody has seen, from a seed that is printed; failing seeds are kept and asked
                     again by every later run. Writes nothing else: for a run each night
  --only R10,R13     these rows alone; the others keep what RELIABILITY.json says of them
  --list             only say which tests stand behind each row

Otherwise writes RELIABILITY.json and the card in README.md. Fails if a row fails; a row that cannot run here says why.
";

/// What was asked for.
struct Options {
    long: bool,
    /// The seed of fresh cases.
    fresh: Option<u64>,
    only: Vec<&'static Row>,
}

/// `cargo xtask prove`.
pub(crate) fn run(repo: &Repo, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let mut options = Options { long: false, fresh: None, only: ROWS.iter().collect() };
    let mut reader = Reader::new(arguments);
    while let Some(option) = reader.option()? {
        match option {
            "--help" | "-h" => {
                tell(HELP);
                return Ok(ExitCode::SUCCESS);
            }
            "--list" => {
                ROWS.iter().for_each(|row| tell!("{:4} {}\n{}", row.id, row.promise, row.commands()));
                return Ok(ExitCode::SUCCESS);
            }
            "--long" => options.long = true,
            "--fresh" => options.fresh = Some(reliability::random_seed()),
            "--only" => {
                let ids: Vec<String> = reader.values(option, "rows such as R10,R13")?;
                options.only = ids.iter().map(|id| row(id)).collect::<Result<_, Usage>>()?;
            }
            other => return Err(Usage(format!("no option `{other}`\n\n{HELP}")).into()),
        }
    }
    setup::ensure(repo)?;
    prove(repo, &options)
}

fn row(id: &str) -> Result<&'static Row, Usage> {
    let known = || ROWS.iter().map(|row| row.id);
    ROWS.iter().find(|row| row.id == id).ok_or_else(|| match nearest(id, known()) {
        Some(near) => Usage(format!("no row `{id}`; did you mean `{near}`?")),
        None => Usage(format!("no row `{id}`; there are R1 to R22")),
    })
}

fn prove(repo: &Repo, options: &Options) -> anyhow::Result<ExitCode> {
    let file = repo.join(RELIABILITY);
    let mut card = match fs::read_to_string(&file) {
        Ok(text) => Card::parse(&text).with_context(|| format!("{RELIABILITY} is not what this writes"))?,
        Err(_) => Card::default(),
    };
    if let Some(seed) = options.fresh {
        tell!("prove: fresh cases from `{}={seed}`", reliability::SEED);
    }
    let (commit, machine) = (commit(repo), machine());
    let size = if options.long { "long" } else { "ci" };
    let mut failed = vec![];
    for row in &options.only {
        tell!("prove: {}: {}", row.id, row.promise);
        let begin = Instant::now();
        let outcome = row.run(repo, options.long, options.fresh)?;
        let seconds = begin.elapsed().as_secs_f64();
        if let Ended::Failed { .. } = outcome.ended {
            failed.push(row.id);
        }
        let entry = Entry {
            id: row.id.into(),
            promise: row.promise.into(),
            ended: outcome.ended,
            figure: outcome.figure,
            seconds,
            size: size.into(),
            commit: commit.clone(),
            machine: machine.clone(),
        };
        tell!("prove: {} in {seconds:.0} s: {}", row.id, entry.in_words());
        if options.fresh.is_some() {
            continue;
        }
        card.put(entry);
        // After each row, so that a stop loses one.
        card.complete();
        fs::write(&file, card.to_json()).with_context(|| format!("cannot write {RELIABILITY}"))?;
        let readme =
            fs::read_to_string(repo.join(README)).with_context(|| format!("cannot read {README}"))?;
        let readme = card::placed(&readme, &card)?;
        fs::write(repo.join(README), readme).with_context(|| format!("cannot write {README}"))?;
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

/// The commit of the checkout, marked where files differ from it.
fn commit(repo: &Repo) -> String {
    let git = |arguments: &[&str]| capture(Command::new("git").args(arguments).current_dir(repo.root()));
    let Ok(head) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".into() };
    let written = [RELIABILITY, README];
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])
        .is_ok_and(|text| text.lines().any(|line| !written.iter().any(|file| line.ends_with(file))));
    format!("{}{}", head.trim(), if changed { " with changes" } else { "" })
}

/// The processor and the number of its cores.
fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cores} cores", model.map_or(env::consts::ARCH, str::trim))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_a_row_is_answered_with_the_nearest() {
        assert_eq!(row("R10").unwrap().id, "R10");
        assert!(row("R100").unwrap_err().to_string().contains("did you mean `R10`"));
        let error = run(&Repo::of_this_program(), &["--fast".into()]).unwrap_err();
        assert!(error.is::<Usage>() && error.to_string().contains("no option `--fast`"));
    }
}
