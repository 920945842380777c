//! Functions shared by all experiments: collecting the runs of a grid into results, reading these, drawing figures and
//! judging claims.
//!
//! Experiments differ in data sets, learners and grid. The measures, figures and trends are defined here, and each experiment
//! selects some.

pub mod along;
pub mod collect;
mod collected;
mod convergence;
mod correct;
pub mod curves;
mod errors;
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
