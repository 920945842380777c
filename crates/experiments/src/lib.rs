//! One file for each claim; runs, the run store, and the program `agon`.
//!
//! Reading order: an [`Experiment`] is a claim with the runs that decide it; [`claims`] is the list; a
//! [`CreRun`](cre_run::CreRun) is one training run; [`engine`] computes runs and [`store`] keeps them;
//! [`reproduce`] does all of it and writes what people look at.
#![forbid(unsafe_code)]

pub mod claims;
pub mod cli;
pub mod cre_run;
pub mod engine;
mod error;
mod experiment;
pub mod measures;
mod nearest;
mod profile;
pub mod progress;
pub mod provenance;
pub mod reproduce;
pub mod settings;
pub mod statistics;
pub mod store;
pub mod sweep;

pub use error::{Error, Result};
pub use experiment::{Experiment, Finished, Planned};
pub use profile::Profile;
