//! One run: a config and a seed, and the key of its result in the store.

pub mod compute;
pub mod finals;
pub mod keep;
pub mod per_class;
pub mod ranges;
pub mod together;
mod memory;
#[cfg(test)]
mod tests;

use crate::images::Images;
use crate::learners::RunConfig;
use crate::store::{DataId, RunSpec};
use crate::training::Hardware;

/// Incremented when the same config gives other or additional results: runs of schema 3 have no readers except ridge
/// regression.
pub const SCHEMA: u32 = 4;

/// A run: its config and its seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The config.
    pub config: RunConfig,
    /// The seed of the initial parameters and of the order of the images. The runs of a sweep share seeds.
    pub seed: u64,
}

impl Run {
    /// The spec under which the store keeps the run.
    pub fn spec(&self, images: &Images) -> RunSpec {
        RunSpec {
            config: serde_json::to_value(&self.config).expect("a config is serialisable"),
            seed: self.seed,
            data: DataId {
                name: images.config.name.clone(),
                sha256: images.sha256.clone(),
                classes: images.classes.clone(),
            },
            schema: SCHEMA,
        }
    }

    /// The run whose encoder this one uses, which must finish first.
    pub fn needs(&self) -> Option<Self> {
        self.config.encoder_run().map(|config| Self { config: config.clone(), seed: self.seed })
    }

    /// Whether a run with fewer epochs is a bit-identical prefix of this one: it depends on no other run, and its learning-rate
    /// schedule does not depend on the number of steps.
    pub fn begins_alike(&self) -> bool {
        self.needs().is_none() && !self.config.learner.is_scheduled()
    }

    /// What runs have in common that can be trained as one program: the config without λ. `None` if the run depends on
    /// another one, or its learner is trained alone.
    pub fn trained_with(&self) -> Option<String> {
        if self.needs().is_some() || !self.config.learner.trains_together() {
            return None;
        }
        let learner = self.config.learner.with_lambda(0.0);
        let config = RunConfig { learner, ..self.config.clone() };
        Some(serde_json::to_string(&config).expect("a config is serialisable"))
    }

    /// The same run on other hardware.
    #[must_use]
    pub fn on(self, hardware: Hardware) -> Self {
        Self { config: self.config.on(hardware), ..self }
    }

    /// The run, for a progress line.
    pub fn label(&self) -> String {
        format!("{}, {}, seed {}", self.config.data.label(), self.config.learner.label(), self.seed)
    }

    /// The number of images that pass forward and backward during training.
    pub fn images_trained(&self) -> f64 {
        let RunConfig { data, batch, epochs, .. } = &self.config;
        (data.train / batch * batch) as f64 * f64::from(*epochs)
    }
}
