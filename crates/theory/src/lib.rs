//! Closed-form optima of linear models, and exact measures of data and representations, in f64 and without training.
//!
//! Samples are the rows of a matrix. Reading order: [`Moments`] is computed in one pass over the data; from it follow
//! [`Pca`] and [`LinearFront`], the exact trade-off of classification and reconstruction for linear models.
//! [`JointOptimum`] is that trade-off for any targets, as sums over samples, and [`GramPca`] is for few samples of many
//! dimensions. [`Denoising`] computes optimal linear codes of samples under a [`Corruption`], with their task
//! [`Alignment`], which [`Codes`] evaluate on other samples; [`GramDenoising`] is the same for fewer samples than
//! pixels. [`half_energy_step`] is the step at which gradient descent learns a component. [`Ridge`] and
//! [`NearestNeighbours`] are probes of a representation that need no training; [`effective_rank`] and
//! [`participation_ratio`] estimate its dimension, [`debiased_cka`] compares two representations, and
//! [`RandomProjection`] is a code that does not depend on the data.
//!
//! With the facade `agon` and its feature `theory` as the only dependency, the names of the examples `agon_theory::…` are
//! `agon::theory::…`.
//!
//! This crate draws no random numbers, and work on large matrices is split into a fixed number of parts for the threads
//! of rayon, so equal inputs give equal bits on any number of threads.
//!
//! ```
//! use agon_theory::ndarray::array;
//! use agon_theory::{Moments, Pca, Ridge};
//!
//! let x = array![[0.0, 0.1], [1.0, 0.0], [4.0, 0.2], [5.0, 0.1]];
//! let moments = Moments::of(x.view(), &[0, 0, 1, 1], 2)?;
//! let pca = Pca::fit(&moments)?;
//! assert!(pca.explained(1)? > 0.99);
//! let codes = pca.project(x.view(), 1)?;
//! assert_eq!(Ridge::fit_classes(codes.view(), &[0, 0, 1, 1], 2, 1e-6)?.accuracy(codes.view(), &[0, 0, 1, 1])?, 1.0);
//! # Ok::<(), agon_theory::Error>(())
//! ```
#![forbid(unsafe_code)]

mod moments;
mod part;
mod pca;
mod linear_cre;
mod joint;
mod gram_pca;
mod corruption;
mod denoising;
mod alignment;
mod joint_embedding;
mod gram_denoising;
mod held_out;
mod jackknife;
mod subspace_angles;
mod knn;
mod learning_order;
mod ridge;
mod spectrum;
mod cka;
mod random_projection;
mod evaluation;
mod centred;
mod linalg;
mod check;
mod error;
#[cfg(test)]
mod noise;
#[cfg(test)]
mod gap;
#[cfg(test)]
mod adam;

/// The crate whose arrays the functions take and return.
pub use ndarray;

pub use alignment::Alignment;
pub use cka::debiased_cka;
pub use corruption::Corruption;
pub use denoising::{Denoiser, Denoising, Weights};
pub use error::{Error, Result};
pub use evaluation::Evaluation;
pub use gram_denoising::GramDenoising;
pub use gram_pca::GramPca;
pub use held_out::{Codes, HeldOut};
pub use jackknife::jackknife_error;
pub use joint::{JointCode, JointOptimum};
pub use knn::NearestNeighbours;
pub use learning_order::half_energy_step;
pub use linear_cre::{LinearCre, LinearFront};
pub use moments::Moments;
pub use pca::Pca;
pub use random_projection::RandomProjection;
pub use ridge::{Ridge, RidgeInputs};
pub use spectrum::{effective_rank, participation_ratio};
pub use subspace_angles::principal_angles;
