//! One file for each claim; runs, the run store, and the program `agon`.
//!
//! Reading order: an [`Experiment`] is a claim with the grid of runs that decides it; [`claims`] is the list; a
//! [`Run`](run::Run) is one training run; [`engine`] computes runs and [`store`] keeps them; [`sweep`] reads what they
//! gave; [`reproduce`] does all of it and writes what people look at.
#![forbid(unsafe_code)]

mod error;
mod profile;
mod experiment;
pub mod claims;
pub mod sweep;
pub mod grid;
mod families;
mod lbr;
pub mod images;
pub mod subspaces;
pub mod run;
pub mod engine;
pub mod cluster;
pub mod asked;
pub mod store;
pub mod measures;
pub mod statistics;
mod explore;
pub mod reproduce;
pub mod cli;
pub mod settings;
mod shell;
pub mod starts;
mod tensorboard;
pub mod advise;
mod nearest;
pub mod progress;
pub mod provenance;

pub use error::{Error, Result};
pub use experiment::{Experiment, Finished, Planned, Reading};
pub use profile::Profile;
