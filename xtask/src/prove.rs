//! `cargo xtask prove`: runs the tests of each reliability row R1 to R22, collects their figures, and writes the card.

mod card;
mod figures;
mod rows;
mod sanitizer;
mod steps;

use std::time::Instant;

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;
use xshell::cmd;

use crate::repo::Repo;
use crate::setup;
use card::{Card, Ended, Entry};
use rows::ROWS;
use system::{cpu, status, text};

pub(crate) use card::{PAGE, RELIABILITY, is_current};
pub(crate) use sanitizer::run as address_sanitizer;

/// The options of `cargo xtask prove`. The command fails if a row fails; a row that cannot run on this machine is
/// recorded with the reason.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Use the long sizes (hours), including steps that CI skips (AddressSanitizer)
    #[arg(long)]
    long: bool,
    /// Run only these rows, such as R10,R13; the others keep their figures in RELIABILITY.json
    #[arg(long, value_name = "ROW,...", value_delimiter = ',', hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(ROWS.iter().map(|row| row.id)))]
    only: Vec<String>,
    /// Run new random cases from a printed seed; failing seeds are stored and run first by later runs. Writes nothing
    /// else, for nightly runs
    #[arg(long)]
    fresh: bool,
    /// Only print the commands of each row
    #[arg(long)]
    list: bool,
}

/// `cargo xtask prove`.
pub(crate) fn run(repo: &Repo, options: &Options) -> anyhow::Result<()> {
    if options.list {
        ROWS.iter().for_each(|row| status!("{:4} {}\n{}", row.id, row.promise, row.commands()));
        return Ok(());
    }
    setup::ensure(repo)?;
    prove(repo, options)
}

fn prove(repo: &Repo, options: &Options) -> anyhow::Result<()> {
    let sh = &repo.sh;
    let mut card = match sh.read_file(RELIABILITY) {
        Ok(text) => Card::parse(&text)
            .with_context(|| format!("cannot parse {RELIABILITY}; remove it to write a new one"))?,
        Err(_) => Card::default(),
    };
    let (commit, machine) = (commit(repo), machine());
    let size = if options.long { "long" } else { "ci" };
    let mut failed = vec![];
    let fresh = options.fresh.then(reliability::random_seed);
    if let Some(seed) = fresh {
        status!("prove: new random cases from `{}={seed}`", reliability::SEED);
    }
    let chosen = |id: &str| options.only.is_empty() || options.only.iter().any(|only| only == id);
    for row in ROWS.iter().filter(|row| chosen(row.id)) {
        status!("prove: {}: {}", row.id, row.promise);
        let begin = Instant::now();
        let outcome = row.run(repo, options.long, fresh)?;
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
        status!("prove: {} in {seconds:.0} s: {}", row.id, entry.in_words());
        if fresh.is_some() {
            continue;
        }
        card.put(entry);
        // Written after each row, so that an interruption loses at most one.
        card.complete();
        sh.write_file(RELIABILITY, card.to_json())?;
        sh.write_file(PAGE, card::placed(&sh.read_file(PAGE)?, &card)?)?;
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// The commit of the checkout, marked if files have changed.
fn commit(repo: &Repo) -> String {
    let sh = &repo.sh;
    let Ok(head) = cmd!(sh, "git rev-parse --short=12 HEAD").quiet().read() else { return "unknown".into() };
    let status = cmd!(sh, "git status --porcelain --untracked-files=no").quiet().read();
    let written = [RELIABILITY, PAGE];
    let changed =
        status.is_ok_and(|text| text.lines().any(|line| !written.iter().any(|file| line.ends_with(file))));
    format!("{head}{}", if changed { " with changes" } else { "" })
}

/// The CPU and the number of its cores.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {}", cpu::name(), text::count(cores, "core"))
}
