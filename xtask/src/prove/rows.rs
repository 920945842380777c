//! The table of the programme: each row's promise and the commands that prove it.

use super::figures::Outcome;
use super::steps::Step::{self, Absent, Database, Ours, Tests, Tool};
use crate::repo::Repo;

/// A row of section 4.3 of the reliability specification.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    /// What is promised, in one plain sentence.
    pub(crate) promise: &'static str,
    /// All of these must pass.
    pub(super) steps: &'static [Step],
}

impl Row {
    /// Runs its steps and puts their figures together.
    pub(super) fn run(&self, repo: &Repo, long: bool, fresh: Option<u64>) -> anyhow::Result<Outcome> {
        super::steps::run(repo, self.id, self.steps, long, fresh)
    }

    /// The commands, one a line.
    pub(super) fn commands(&self) -> String {
        self.steps.iter().map(|step| format!("       {step}\n")).collect()
    }
}

const fn row(id: &'static str, promise: &'static str, steps: &'static [Step]) -> Row {
    Row { id, promise, steps }
}

/// To add a test to a row, add its command here and let it leave a figure with `reliability::Measurement`; a test that
/// leaves none counts as one case.
pub(crate) const ROWS: [Row; 22] = [
    row(
        "R1",
        "every operation's gradient is what finite differences say: element by element in small calls, along directions \
         in calls of every size, in 64 and 32 bits",
        &[
            Tests(&["--test", "every_op", "gradients_agree_with_finite_differences"]),
            Tests(&["--test", "every_op", "gradients_of_large_calls"]),
            Tests(&["--lib", "gradcheck::"]),
        ],
    ),
    row(
        "R2",
        "every element type stays within the bound that its epsilon and the number of terms give",
        &[Tests(&["--test", "every_op", "agrees_with_f64"])],
    ),
    row(
        "R3",
        "operations that are linear are adjoint to their derivatives",
        &[Tests(&["--test", "every_op", "the_adjoint_identity"])],
    ),
    row("R4", "no gradient is dropped in silence", &[Tests(&["--test", "every_op", "every_recorded_input"])]),
    row(
        "R5",
        "the gradients of whole models are what finite differences say",
        &[Tests(&["--test", "families", "whole_models"])],
    ),
    row(
        "R6",
        "the encoder's gradient is linear in lambda",
        &[Tests(&["--test", "families", "linear_in_lambda"])],
    ),
    row(
        "R7",
        "training reaches the closed forms and never goes below them",
        &[
            Tests(&["--test", "closed_forms"]),
            Tests(&["--lib", "linear_cre::"]),
            Tests(&["--lib", "joint::"]),
            Tests(&["--lib", "denoising::"]),
        ],
    ),
    row(
        "R8",
        "outputs, gradients and 50 steps of training are those of PyTorch",
        &[Tests(&["--test", "parity"])],
    ),
    row(
        "R9",
        "threads, repetitions and stops change no bit (on one build of one machine)",
        &[Tests(&["--test", "reliability", "determinism::"]), Tests(&["--test", "families", "same_bits"])],
    ),
    row(
        "R10",
        "a run or a whole reproduction that is killed at any instant loses nothing and ends with the same bits",
        &[Tests(&["--test", "store", "kills::"]), Tests(&["--test", "reliability", "storm::"])],
    ),
    row(
        "R11",
        "after any file operation fails in any way, what is found is the old state or the new",
        &[Tests(&["--test", "store", "faults::"])],
    ),
    row(
        "R12",
        "a full disk ends with exit code 4 and costs no bit once there is room; a log that cannot be written ends nothing",
        &[Tests(&["--test", "reliability", "disk_full::"]), Tests(&["--test", "reliability", "streams::"])],
    ),
    row(
        "R13",
        "no input panics, hangs or bloats a reader, no size of a tensor overflows, and measures after training take bounded memory",
        &[
            Tests(&["--test", "mutate"]),
            Tests(&["--test", "sizes"]),
            Tests(&["--test", "final_memory"]),
            Tests(&["--test", "image_folder"]),
        ],
    ),
    row(
        "R14",
        "no file from elsewhere hangs or crashes the program, no altered one gives a verdict, and no name in one writes to the terminal as it likes",
        &[Tests(&["--test", "reliability", "hostile::"]), Tests(&["--test", "reliability", "names::"])],
    ),
    row(
        "R15",
        "a run that stops giving numbers says what, where and when, and is never averaged in",
        &[Tests(&["--test", "reliability", "divergence::"])],
    ),
    row("R16", "planted gradient bugs are caught by the tests", &[Ours(&["mutants"])]),
    row(
        "R17",
        "the unsafe code makes no memory error that AddressSanitizer sees",
        &[Ours(&["address-sanitizer"])],
    ),
    row(
        "R18",
        "the kernels pass the memory, race, initialisation and barrier checkers on a GPU",
        &[Absent("no GPU has run this; `cargo xtask gpu` does")],
    ),
    row(
        "R19",
        "what a machine lacks is named on one screen, with a next step and a documented exit code",
        &[Tests(&["--test", "reliability", "missing::"]), Tests(&["--test", "cli"])],
    ),
    row(
        "R20",
        "measures keep their invariances and agree with brute force",
        &[Tests(&["--test", "metamorphics"]), Tests(&["--test", "reliability", "trade_offs::"])],
    ),
    row(
        "R21",
        "dependencies are licensed, known to be sound, and from the registry alone",
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
    fn all_rows_are_there_once_and_in_order() {
        for (number, row) in ROWS.iter().enumerate() {
            assert_eq!(row.id, format!("R{}", number + 1));
            assert!(!row.steps.is_empty() && !row.promise.contains('|'), "{}", row.id);
        }
    }

    #[test]
    fn every_test_file_that_a_row_names_is_there_once() {
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
