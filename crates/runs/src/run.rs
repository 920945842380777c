//! One run: a config and a seed, and the key under which the store keeps its result.

pub mod compute;
pub mod finals;
pub mod judged;
pub mod ranges;
mod room;
#[cfg(test)]
mod tests;

use crate::images::Images;
use crate::learners::RunConfig;
use crate::store::{DataId, RunSpec};
use crate::training::Hardware;

/// Raised when the same config would give other results than before, or more of them: runs of schema 3 have no readers but
/// ridge regression.
const SCHEMA: u32 = 4;

/// A run: its config and its seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Everything else.
    pub config: RunConfig,
    /// The seed of the initial parameters and of the order of the images. Runs of a sweep share seeds.
    pub seed: u64,
}

impl Run {
    /// What the store knows the run by.
    pub fn spec(&self, images: &Images) -> RunSpec {
        RunSpec {
            config: serde_json::to_value(&self.config).expect("a config is plain data"),
            seed: self.seed,
            data: DataId {
                name: images.config.name.clone(),
                sha256: images.sha256.clone(),
                classes: images.classes.clone(),
            },
            schema: SCHEMA,
        }
    }

    /// The run whose encoder this one reads, which must be finished before this one begins.
    pub fn needs(&self) -> Option<Self> {
        self.config.encoder_run().map(|config| Self { config: config.clone(), seed: self.seed })
    }

    /// Whether the same run with fewer epochs begins with the same bits: it reads no other run, and no schedule of
    /// its learning rate counts its steps.
    pub fn begins_alike(&self) -> bool {
        self.needs().is_none() && !self.config.learner.is_scheduled()
    }

    /// The same run on other hardware.
    #[must_use]
    pub fn on(self, hardware: Hardware) -> Self {
        Self { config: self.config.on(hardware), ..self }
    }

    /// Words for a line of progress.
    pub fn label(&self) -> String {
        format!("{}, {}, seed {}", self.config.data.label(), self.config.learner.label(), self.seed)
    }

    /// Images that go through a forward and a backward pass.
    pub fn images_trained(&self) -> f64 {
        let RunConfig { data, batch, epochs, .. } = &self.config;
        (data.train / batch * batch) as f64 * f64::from(*epochs)
    }
}
