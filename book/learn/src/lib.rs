//! The exercises of the book. `cargo xtask learn` copies a stub, compiles the learner's file, and judges it here.
//!
//! Each module is one exercise: its check draws inputs from a seed, computes what is expected, and compares. A result that equals
//! that of a typical mistake is reported with the mistake.

#![forbid(unsafe_code)]
// In tests, stubs and solutions are private modules.
#![cfg_attr(test, allow(unreachable_pub))]

// Stubs and solutions name this crate as the learner's file does.
extern crate self as learn;

pub mod check;
pub mod matrix;

pub mod adam;
pub mod alignment;
pub mod attention;
pub mod block;
pub mod block_sum;
pub mod broadcast;
pub mod conv;
pub mod cross_entropy;
pub mod dropout;
pub mod holm;
pub mod hunts;
pub mod interval;
pub mod layer_norm;
pub mod matmul;
pub mod split;
pub mod tanh;
pub mod tile;
pub mod walk;

use std::io::{self, Write};
use std::process::ExitCode;

/// An exercise.
#[derive(Debug, Clone, Copy)]
pub struct Exercise {
    /// The name of the learner's file.
    pub name: &'static str,
    /// The module with its check.
    pub module: &'static str,
    /// The task in one line.
    pub task: &'static str,
    /// The page of the book that explains it.
    pub page: &'static str,
    /// The file that the learner starts from.
    pub stub: &'static str,
    /// The function in that file.
    pub function: &'static str,
    /// Hints, from vague to concrete.
    pub hints: &'static [&'static str],
}

/// All exercises: those of the chapters in their order, then those in which a line is wrong.
pub const ALL: [Exercise; 26] = [
    tanh::EXERCISE,
    walk::EXERCISE,
    matmul::EXERCISE,
    broadcast::EXERCISE,
    tile::EXERCISE,
    conv::EXERCISE,
    layer_norm::EXERCISE,
    attention::EXERCISE,
    cross_entropy::EXERCISE,
    adam::EXERCISE,
    dropout::EXERCISE,
    block_sum::EXERCISE,
    split::EXERCISE,
    alignment::EXERCISE,
    interval::EXERCISE,
    holm::EXERCISE,
    hunts::EXERCISES[0],
    hunts::EXERCISES[1],
    hunts::EXERCISES[2],
    hunts::EXERCISES[3],
    hunts::EXERCISES[4],
    hunts::EXERCISES[5],
    hunts::EXERCISES[6],
    hunts::EXERCISES[7],
    hunts::EXERCISES[8],
    hunts::EXERCISES[9],
];

/// The number of calls that a check draws.
pub const CALLS: u64 = 50;

/// Reports the outcome of a check: the exit code is 0 if the exercise is solved. The likely mistake, which the message has after
/// a semicolon, is left out if it would give away which line of an unchanged function is wrong.
pub fn judge(outcome: check::Outcome, is_unchanged: bool) -> ExitCode {
    let (text, code) = match outcome {
        Ok(()) => (format!("solved: {CALLS} calls are right"), ExitCode::SUCCESS),
        Err(message) if is_unchanged => {
            (format!("not yet: {}", message.split("; ").next().unwrap_or(&message)), ExitCode::FAILURE)
        }
        Err(message) => (format!("not yet: {message}"), ExitCode::FAILURE),
    };
    let _ = writeln!(io::stdout(), "{text}");
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exercises_have_distinct_names_a_page_and_hints() {
        for (place, exercise) in ALL.iter().enumerate() {
            assert!(ALL[..place].iter().all(|other| other.name != exercise.name), "{}", exercise.name);
            assert!(exercise.stub.contains(&format!("fn {}", exercise.function)), "{}", exercise.name);
            let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(exercise.page);
            assert!(page.is_file() && exercise.hints.len() >= 2, "{}", exercise.name);
        }
    }
}
