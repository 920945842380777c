//! A sweep over λ, latent sizes and seeds: collecting it, reading it, drawing it, judging it.
//!
//! The experiments that sweep λ differ in model, data and grid only; what is measured, drawn and expected
//! is the same and stands here.

mod collect;
mod curves;
mod facts;
mod figures;
mod trends;

pub use collect::collect;
pub use curves::Curves;
pub use facts::warnings;
pub use figures::plates;
pub use trends::rows;

use serde::{Deserialize, Serialize};

use crate::cre_run::DataConfig;

/// The grid of a sweep over fully connected CREs, with every value written out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// The data sets.
    pub data: Vec<DataConfig>,
    /// The activations of the latent.
    pub latent_activations: Vec<models::Activation>,
    /// The depth and width of the model.
    pub size: models::fc::Size,
    /// The latent sizes k, ascending.
    pub latents: Vec<usize>,
    /// The weights of reconstruction, ascending from 0 to 1.
    pub lambdas: Vec<f64>,
    /// The seeds, which all points of the sweep share.
    pub seeds: Vec<u64>,
    /// Images a step.
    pub batch: usize,
    /// How often the training images are gone through.
    pub epochs: u32,
    /// The optimiser of each part.
    pub optimiser: models::AdamConfig,
}
