//! One file for each claim of the two papers: its grid of runs, its figures and its verdicts.
//!
//! Reading order: an [`Experiment`](experiment::Experiment) is a claim with the grid of runs that decides it; [`claims`] is
//! the list; [`sweep`] turns finished runs into labelled arrays, figures and verdicts; [`reproduce`] does all of it and
//! writes the page. [`advice`] says which masks should help with other images, and
//! [`preset_sweep`] compares presets over values that a user chooses.
#![forbid(unsafe_code)]

mod error;
pub mod advice;
mod profile;
pub mod experiment;
pub mod claims;
pub mod order;
pub mod sweep;
pub mod grid;
mod families;
mod lbr;
pub mod options;
pub mod job;
mod names;
mod stored;
pub mod claim_id;
pub mod metric;
pub mod measures;
pub mod statistics;
mod page;
pub mod reproduce;
pub mod presets;
pub mod preset_sweep;

pub use error::{Error, Result};
pub use profile::Profile;
