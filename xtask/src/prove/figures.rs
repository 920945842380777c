//! Combines the results of a row's commands into one line of the reliability card.

use reliability::Figure;
use system::text;

use super::card::Ended;
use super::steps::Ran;

/// Counts of passed and failed tests, or of the bugs of `cargo xtask mutants`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) passed: u64,
    pub(super) failed: u64,
}

impl Counts {
    /// Adds the counts of a line: `test result: ok. 3 passed; 0 failed; …` or `mutants: 40 of 40 are caught, …`.
    pub(super) fn add(&mut self, line: &str) {
        if let Some((_, rest)) = line.split_once("test result: ") {
            let number = |after: &str| -> Option<u64> {
                rest.split([';', '.']).find_map(|part| part.trim().strip_suffix(after)?.trim().parse().ok())
            };
            self.passed += number(" passed").unwrap_or(0);
            self.failed += number(" failed").unwrap_or(0);
        }
        if let Some(rest) = line.strip_prefix("mutants: ")
            && let [caught, "of", all, "are", ..] = rest.split(' ').collect::<Vec<_>>()[..]
            && let (Ok(caught), Ok(all)) = (caught.parse::<u64>(), all.parse::<u64>())
        {
            self.passed += caught;
            self.failed += all.saturating_sub(caught);
        }
    }
}

/// The outcome of a row.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) ended: Ended,
    pub(super) figure: String,
}

/// The outcome of a row: failed if any step failed; not run if no step passed; passed in part, with the reasons, if some
/// steps could not run.
pub(super) fn together(ran: &[Ran], figures: &[Figure]) -> Outcome {
    let mut counts = Counts::default();
    let (mut failed, mut reasons) = (vec![], vec![]);
    for ran in ran {
        match ran {
            Ran::Passed(of) => counts.passed += of.passed.max(1),
            Ran::Failed { step, counts: of } => {
                counts.passed += of.passed;
                counts.failed += of.failed.max(1);
                failed.push(format!("`{step}` failed"));
            }
            Ran::NotRun(reason) => reasons.push(reason.clone()),
        }
    }
    let measured: Vec<&Figure> = figures.iter().filter(|figure| figure.not_run.is_none()).collect();
    reasons.extend(figures.iter().filter_map(|figure| figure.not_run.clone()));
    let n = match measured.iter().map(|figure| figure.n).sum() {
        0 => counts.passed + counts.failed,
        n => n,
    };
    let failures = measured.iter().map(|figure| figure.failures).sum::<u64>().max(counts.failed);
    let skipped = reasons.iter().map(|reason| format!("not run: {reason}"));
    let words = |own: Vec<String>| own.into_iter().chain(skipped).collect::<Vec<_>>().join("; ");
    if !failed.is_empty() || failures > 0 {
        return Outcome { ended: Ended::Failed { n, failures: failures.max(1) }, figure: words(failed) };
    }
    if counts.passed == 0 || (measured.is_empty() && figures.iter().any(|figure| figure.not_run.is_some())) {
        return Outcome { ended: Ended::NotRun, figure: reasons.join("; ") };
    }
    let own = match measured.is_empty() {
        true => vec![format!("{} of {} passed", counts.passed, text::count(n as usize, "test"))],
        false => measured.iter().map(|figure| figure.figure.clone()).collect(),
    };
    let ended = if reasons.is_empty() { Ended::Passed { n } } else { Ended::Partly { n } };
    Outcome { ended, figure: words(own) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(n: u64, not_run: Option<&str>) -> Figure {
        let not_run = not_run.map(str::to_owned);
        let (id, what, figure) = ("R1".into(), "it holds".into(), format!("{n} cases"));
        Figure { id, what, n, failures: 0, figure, seconds: 1.0, not_run }
    }

    fn passed(passed: u64) -> Ran {
        Ran::Passed(Counts { passed, failed: 0 })
    }

    #[test]
    fn results_of_tests_and_mutants_are_counted() {
        let mut counts = Counts::default();
        counts.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; finished in 0.1s");
        counts.add("test result: FAILED. 1 passed; 2 failed; 0 ignored");
        counts.add("mutants: 44 of 45 are caught, in 9 s");
        counts.add("mutants: 45 bugs are planted and built after 3 s");
        assert_eq!(counts, Counts { passed: 48, failed: 3 });
    }

    #[test]
    fn figures_of_several_tests_are_added_and_tests_without_one_are_counted() {
        let Outcome { ended, figure: words } =
            together(&[passed(1), passed(1)], &[figure(40, None), figure(60, None)]);
        assert_eq!((ended, &*words), (Ended::Passed { n: 100 }, "40 cases; 60 cases"));
        let Outcome { ended, figure } = together(&[passed(7)], &[]);
        assert_eq!((ended, &*figure), (Ended::Passed { n: 7 }, "7 of 7 tests passed"));
    }

    #[test]
    fn a_failed_step_fails_the_row() {
        let bad = Ran::Failed { step: "cargo test".into(), counts: Counts::default() };
        let Outcome { ended, .. } = together(&[passed(1), bad], &[figure(40, None)]);
        assert_eq!(ended, Ended::Failed { n: 40, failures: 1 });
    }

    #[test]
    fn a_row_that_did_not_run_has_not_passed() {
        let reason = || Ran::NotRun("no GPU".into());
        assert_eq!(together(&[reason()], &[]).ended, Ended::NotRun);
        // The test has completed and reports that it could not measure anything.
        let silent = together(&[passed(1)], &[figure(0, Some("no mount"))]);
        assert_eq!((silent.ended, &*silent.figure), (Ended::NotRun, "no mount"));
        let half = together(&[passed(1), reason()], &[figure(4, None)]);
        assert_eq!((half.ended, &*half.figure), (Ended::Partly { n: 4 }, "4 cases; not run: no GPU"));
    }
}
