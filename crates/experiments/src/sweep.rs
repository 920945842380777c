//! A grid of runs: collecting it, reading it, drawing it, judging it.
//!
//! The experiments differ in data, learners and grid; what is measured and how it is drawn and expected stands here,
//! and each experiment picks what it shows.

mod along;
mod collect;
pub(crate) mod curves;
mod evidence;
mod facts;
pub mod figures;
mod kept;
pub mod measured;
mod pictures;
mod protocol;
pub mod trends;

#[cfg(test)]
mod tests;

pub use along::ALIGNMENT;
pub use collect::collect;
pub use curves::Curves;
pub use evidence::Evidence;
pub use facts::{MONOTONE, exact_facts, warnings};
pub use kept::{Along, Kept};
