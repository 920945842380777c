//! Runs a comparison: warm programs run alternating windows.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::machine::busy_s;
use crate::options::Options;
use crate::program::{Launch, Program, Ready, Window};
use crate::workloads::Work;

/// The pause between windows: idle OpenMP threads spin for up to 0.2 s after a window.
const PAUSE: Duration = Duration::from_millis(250);

/// One workload in one mode at one number of threads.
pub(crate) struct Cell {
    pub(crate) work: Work,
    /// Ours first.
    pub(crate) entries: Vec<Entry>,
}

/// The results of one program in a cell.
pub(crate) struct Entry {
    pub(crate) peer: String,
    pub(crate) variant: &'static str,
    /// `None` if it did not become ready.
    pub(crate) ready: Option<Ready>,
    /// One per round, fewer if it failed.
    pub(crate) readings: Vec<Reading>,
    /// The peak resident memory in MiB; `None` if it is not reported.
    pub(crate) peak_rss_mib: Option<f64>,
    /// Why it was excluded.
    pub(crate) failed: Option<String>,
}

/// A window, and the load of the machine meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) window: Window,
    /// Cores in use by other programs; `None` if the system does not report it.
    pub(crate) others: Option<f64>,
}

/// Starts all programs, then runs one window of each per round, in an order that rotates by one each round.
///
/// A program that fails is excluded from then on with its reason. Fails if programs differ in the number
/// of parameters or in the batch, since they would not do the same work.
pub(crate) fn run(work: Work, launches: &[Launch], options: &Options) -> anyhow::Result<Cell> {
    let mut entries = Vec::new();
    let mut programs = Vec::new();
    for launch in launches {
        println!("side-by-side: {work}: warming up {} {}", launch.peer, launch.variant);
        let started = Program::start(launch, &work);
        entries.push(Entry {
            peer: launch.peer.clone(),
            variant: launch.variant,
            ready: started.as_ref().ok().map(|program| program.ready.clone()),
            readings: Vec::new(),
            peak_rss_mib: None,
            failed: started.as_ref().err().map(|error| format!("{error:#}")),
        });
        programs.push(started.ok());
    }
    same_work(&entries)?;
    for round in 0..options.rounds.get() {
        for turn in 0..programs.len() {
            let next = (round + turn) % programs.len();
            let Some(program) = &mut programs[next] else { continue };
            sleep(PAUSE);
            match read(program, options.window_s) {
                Ok(reading) => entries[next].readings.push(reading),
                Err(error) => {
                    entries[next].failed = Some(format!("{error:#}"));
                    programs[next] = None;
                }
            }
        }
    }
    for (entry, program) in entries.iter_mut().zip(programs) {
        entry.peak_rss_mib = program.and_then(Program::quit);
    }
    Ok(Cell { work, entries })
}

fn same_work(entries: &[Entry]) -> anyhow::Result<()> {
    let mut known = entries.iter().filter_map(|entry| Some((entry, entry.ready.as_ref()?)));
    let Some((first, expected)) = known.next() else { return Ok(()) };
    for (entry, got) in known {
        ensure!(
            (got.params, got.batch) == (expected.params, expected.batch),
            "{} {} trains {} parameters on {} images a step, {} {} trains {} on {}: not the same work",
            first.peer,
            first.variant,
            expected.params,
            expected.batch,
            entry.peer,
            entry.variant,
            got.params,
            got.batch
        );
    }
    Ok(())
}

fn read(program: &mut Program, seconds: f64) -> anyhow::Result<Reading> {
    let (before, start) = (busy_s(), Instant::now());
    let window = program.window(seconds)?;
    let (after, elapsed) = (busy_s(), start.elapsed().as_secs_f64());
    let others =
        before.zip(after).map(|(before, after)| ((after - before - window.cpu_s) / elapsed).max(0.0));
    Ok(Reading { window, others })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::tests::{FAST, fake, options};
    use crate::workloads::tests::work;

    #[test]
    fn every_program_runs_one_window_per_round() {
        let cell = run(work(), &[fake("a", 7, FAST), fake("b", 7, FAST)], &options()).unwrap();
        assert_eq!(cell.entries.iter().map(|entry| entry.readings.len()).collect::<Vec<_>>(), [3, 3]);
        assert!(cell.entries.iter().all(|entry| entry.failed.is_none()));
        assert!(cell.entries.iter().all(|entry| entry.peak_rss_mib == Some(12.5)));
    }

    #[test]
    fn a_program_that_fails_is_excluded_with_its_reason_and_the_others_continue() {
        let cell = run(work(), &[fake("a", 7, "exit"), fake("b", 7, FAST)], &options()).unwrap();
        assert_eq!(cell.entries[0].failed.as_deref(), Some("the program ended; its output is above"));
        assert_eq!(cell.entries[1].readings.len(), 3);
    }

    #[test]
    fn programs_that_do_different_work_are_not_compared() {
        let error = run(work(), &[fake("a", 7, FAST), fake("b", 8, FAST)], &options()).err().unwrap();
        assert!(error.to_string().ends_with("not the same work"), "{error}");
    }
}
