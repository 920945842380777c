//! Mutation testing: plants gradient bugs, one at a time, and checks that the tests detect them (row R16 of
//! `book/reliability.md`).

mod bugs;
mod copy;
mod programs;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::bail;
use clap::Args;

use crate::repo::Repo;
use bugs::Bug;
use programs::{Outcome, Programs};
use system::{status, text};

/// The options of `cargo xtask mutants`.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Only the bugs whose file, name or test contains this text
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

/// `cargo xtask mutants`: one build contains every bug behind a switch, so that each bug costs only a run of the tests
/// that should fail.
pub(crate) fn run(repo: &Repo, options: &Options) -> anyhow::Result<()> {
    let only = &options.only;
    let start = Instant::now();
    let bugs = bugs::read(repo)?;
    let copy = copy::with_planted(repo, &bugs)?;
    let programs = Programs::build(repo, &copy)?;
    status!("mutants: {} planted and built after {:.0} s", text::count(bugs.len(), "bug"), seconds(start));
    let numbers: Vec<usize> = (0..bugs.len()).filter(|&number| bugs[number].mentions(only)).collect();
    if numbers.is_empty() {
        bail!(
            "no planted bug has `{only}` in its file, name or test; `tests/planted.toml` lists all of them"
        );
    }

    let tests = numbers.iter().map(|&number| bugs[number].tests()).collect::<BTreeSet<_>>();
    let tests: Vec<(&str, &str)> = tests.into_iter().collect();
    let healthy = side_by_side(&tests, |tests| programs.run(*tests, None))?;
    for ((program, filter), outcome) in tests.iter().zip(healthy) {
        if let Outcome::Failed { last_words } = outcome {
            bail!("without a planted bug, `{filter}` of {program} does not pass:\n{last_words}");
        }
    }
    status!("mutants: without a bug all tests pass after {:.0} s", seconds(start));

    let outcomes = side_by_side(&numbers, |&number| programs.run(bugs[number].tests(), Some(number)))?;
    let mut survivors = 0;
    for (&number, outcome) in numbers.iter().zip(outcomes) {
        let Bug { file, name, caught_by, .. } = &bugs[number];
        let survives = matches!(outcome, Outcome::Passed);
        survivors += usize::from(survives);
        let verdict = if survives { "SURVIVES" } else { "caught" };
        status!("{number:4} {verdict:9} {file}: {name} ({caught_by})");
    }
    let caught = numbers.len() - survivors;
    status!("mutants: {caught} of {} are caught, in {:.0} s", numbers.len(), seconds(start));
    if survivors > 0 {
        bail!("{} not detected by the tests that should fail", text::count(survivors, "planted bug"));
    }
    Ok(())
}

fn seconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64()
}

/// Calls `f` for each item in parallel on all cores, and returns the results in order.
fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    f: impl Fn(&T) -> anyhow::Result<R> + Sync,
) -> anyhow::Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::new());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(number) else { break };
                    let answer = f(item);
                    answers.lock().expect("no thread panics while it holds the lock").push((number, answer));
                }
            });
        }
    });
    let mut answers = answers.into_inner().expect("no thread panics while it holds the lock");
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..50).collect();
        assert_eq!(side_by_side(&items, |&item| Ok(2 * item)).unwrap()[49], 98);
        assert!(side_by_side(&items, |&item| if item == 7 { bail!("seven") } else { Ok(()) }).is_err());
    }
}
