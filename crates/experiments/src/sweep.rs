//! A grid of runs: collecting it, reading it, drawing it, judging it.
//!
//! The experiments differ in data, learners and grid; what is measured and how it is drawn and expected stands here,
//! and each experiment picks what it shows.

pub mod along;
pub mod collect;
mod collected;
mod convergence;
mod correct;
pub mod curves;
pub mod evidence;
pub mod facts;
pub mod figures;
pub mod finished;
pub mod measured;
mod pictures;
mod protocol;
pub mod readers;
pub(crate) mod refits;
pub mod recorded;
pub mod trends;
pub mod words;

#[cfg(test)]
mod tests;
