//! Training runs: config, computation, storage, scheduling.
//!
//! Reading order: a [`Run`](run::Run) is a config and a seed, and its result is a pure function of both and of the data;
//! [`learners`] lists what can be trained; [`images`] opens the data; [`local`] computes runs in parallel on this machine and [`slurm`] on a cluster;
//! [`store`] keeps each result under its key and survives interruption at any time.
#![forbid(unsafe_code)]

mod error;
pub mod provenance;
pub mod settings;
pub mod memory;
pub mod pixels;
pub mod subspaces;
pub mod images;
pub mod names;
pub mod store;
pub mod correct;
mod measure;
pub mod training;
pub mod learner;
pub mod learners;
pub mod run;
pub mod local;
pub mod shell;
pub mod slurm;

pub use error::{Error, Result};
