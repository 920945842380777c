//! The rows of the reliability card: each promise, and the commands that check it.

use super::figures::Outcome;
use super::steps::Step::{self, Database, Ours, Tests, Tool, Unavailable};
use crate::repo::Repo;

/// A row of the reliability card in `book/reliability.md`.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    /// The promise in one sentence.
    pub(crate) promise: &'static str,
    /// The commands, all of which must pass.
    pub(super) steps: &'static [Step],
}

impl Row {
    /// Runs the steps and combines their figures.
    pub(super) fn run(&self, repo: &Repo, long: bool, fresh: Option<u64>) -> anyhow::Result<Outcome> {
        super::steps::run(repo, self.id, self.steps, long, fresh)
    }

    /// The commands, one per line.
    pub(super) fn commands(&self) -> String {
        self.steps.iter().map(|step| format!("       {step}\n")).collect()
    }
}

const fn row(id: &'static str, promise: &'static str, steps: &'static [Step]) -> Row {
    Row { id, promise, steps }
}

/// To add a test to a row, add its command here and record a figure in it with `reliability::Measurement`; a test
/// without one counts as one case.
pub(crate) const ROWS: [Row; 22] = [
    row(
        "R1",
        "every operation's gradient agrees with finite differences: element by element for small inputs, along random \
         directions for inputs of every size, in f64 and f32",
        &[
            Tests(&["--test", "every_op", "gradients_agree_with_finite_differences"]),
            Tests(&["--test", "every_op", "gradients_of_large_calls"]),
            Tests(&["--test", "incorrect_backward"]),
            Tests(&["--lib", "gradcheck::"]),
            Tests(&["--lib", "testing::"]),
        ],
    ),
    row(
        "R2",
        "the error of every element type is within the bound from its epsilon and the number of terms",
        &[Tests(&["--test", "every_op", "agrees_with_f64"])],
    ),
    row(
        "R3",
        "backward passes of linear operations are their adjoints",
        &[Tests(&["--test", "every_op", "the_adjoint_identity"])],
    ),
    row("R4", "no gradient is dropped silently", &[Tests(&["--test", "every_op", "every_recorded_input"])]),
    row(
        "R5",
        "the gradients of whole models agree with finite differences",
        &[Tests(&["--test", "families", "whole_models"])],
    ),
    row(
        "R6",
        "the encoder's gradient is linear in lambda",
        &[Tests(&["--test", "families", "linear_in_lambda"])],
    ),
    row(
        "R7",
        "training converges to the closed forms and never falls below them",
        &[
            Tests(&["--test", "closed_forms"]),
            Tests(&["--lib", "linear_cre::"]),
            Tests(&["--lib", "joint::"]),
            Tests(&["--lib", "denoising::"]),
        ],
    ),
    row("R8", "outputs, gradients and 50 training steps agree with PyTorch", &[Tests(&["--test", "parity"])]),
    row(
        "R9",
        "results have the same bits for any number of threads, when repeated and when resumed (for one build on one machine)",
        &[Tests(&["--test", "reliability", "determinism::"]), Tests(&["--test", "families", "same_bits"])],
    ),
    row(
        "R10",
        "a run or a reproduction killed at any time can be resumed without loss and with the same bits",
        &[Tests(&["--test", "store", "kills::"]), Tests(&["--test", "reliability", "storm::"])],
    ),
    row(
        "R11",
        "after a failure of any file operation, the store is in the old or the new state",
        &[Tests(&["--test", "store", "faults::"])],
    ),
    row(
        "R12",
        "a full disk leads to exit code 4 and the run can be resumed with the same bits; a log that cannot be written ends no run",
        &[Tests(&["--test", "reliability", "disk_full::"]), Tests(&["--test", "reliability", "streams::"])],
    ),
    row(
        "R13",
        "no input makes a reader panic, hang or exceed its memory bound, no tensor size overflows, and measures after training take bounded memory",
        &[
            Tests(&["--test", "mutate"]),
            Tests(&["--test", "sizes"]),
            Tests(&["--test", "final_memory"]),
            Tests(&["--test", "image_folder"]),
        ],
    ),
    row(
        "R14",
        "no untrusted file hangs or crashes the program, no altered results give a verdict, and names in files cannot control the terminal",
        &[Tests(&["--test", "reliability", "hostile::"]), Tests(&["--test", "reliability", "names::"])],
    ),
    row(
        "R15",
        "a diverged run reports the first non-finite value and its step, and is never averaged",
        &[Tests(&["--test", "reliability", "divergence::"])],
    ),
    row("R16", "planted gradient bugs are detected by the tests", &[Ours(&["mutants"])]),
    row("R17", "AddressSanitizer finds no memory error in the unsafe code", &[Ours(&["address-sanitizer"])]),
    row(
        "R18",
        "the kernels pass the memory, race, initialisation and barrier checkers on a GPU",
        &[Unavailable("no GPU has run this; `cargo xtask gpu` does")],
    ),
    row(
        "R19",
        "missing requirements of a machine are reported on one screen, with a next step and a documented exit code",
        &[Tests(&["--test", "reliability", "missing::"]), Tests(&["--test", "cli"])],
    ),
    row(
        "R20",
        "measures have their invariances and agree with brute force",
        &[Tests(&["--test", "metamorphics"]), Tests(&["--test", "reliability", "trade_offs::"])],
    ),
    row(
        "R21",
        "dependencies have accepted licences, no known advisories, and are from the registry only",
        &[
            Tool {
                tool: "cargo-deny",
                reads: "deny.toml",
                arguments: &["deny", "--log-level", "error", "check", "licenses", "bans", "sources"],
            },
            Database {
                tool: "cargo-deny",
                fetch: &["deny", "fetch", "db"],
                arguments: &["deny", "--log-level", "error", "check", "advisories"],
            },
        ],
    ),
    row(
        "R22",
        "every command in the README and the book runs, and the examples compile",
        &[Tests(&["--test", "reliability", "documentation::"]), Tests(&["--doc"]), Ours(&["book"])],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_are_in_order() {
        for (number, row) in ROWS.iter().enumerate() {
            assert_eq!(row.id, format!("R{}", number + 1));
            assert!(!row.steps.is_empty() && !row.promise.contains('|'), "{}", row.id);
        }
    }

    #[test]
    fn every_test_file_of_a_row_exists_once() {
        let repo = Repo::of_this_program().unwrap();
        let crates = std::fs::read_dir(repo.join("crates")).unwrap();
        let folders: Vec<String> = crates
            .map(|entry| format!("crates/{}", entry.unwrap().file_name().to_string_lossy()))
            .chain(["tests".into(), "fuzz".into()])
            .collect();
        for row in &ROWS {
            for step in row.steps {
                let Tests(["--test", name, ..]) = step else { continue };
                let there = |folder: &&String| {
                    ["", "/main"]
                        .iter()
                        .any(|end| repo.join(format!("{folder}/tests/{name}{end}.rs")).is_file())
                };
                assert_eq!(folders.iter().filter(there).count(), 1, "{}: tests called `{name}`", row.id);
            }
        }
    }
}
