//! One run: what its numbers depend on, and what the store knows it by.

mod autoencoding;
mod closed_form;
mod compute;
mod judged;
mod finals;
mod fit;
mod learner;
mod learning;
mod linear_optimum;
mod observed;
mod ranges;
mod recognition;
mod spectrum;
#[cfg(test)]
mod tests;

use data::Augmentation;
use models::{AdamConfig, Architecture, Mixing};
use serde::{Deserialize, Serialize};
use tensor::Device;

pub use autoencoding::{Autoencoding, Masked, Network, Objective};
pub use closed_form::{Noise, Question};
pub use compute::Keep;
pub use compute::{MASKED_TEST, PARAMETERS};
pub use finals::{LARGEST_PROBED, LATENT, PENALTY, PROBED, PROBES, why_absent};
pub use judged::Judged;
pub use learner::{Features, Learner};
pub use linear_optimum::{LinearOptimum, Problem};
pub use ranges::check_finite;
pub use recognition::{Recogniser, Recognition, RecognitionLoss};

use crate::images::{DataConfig, Images};
use crate::store::{DataId, RunSpec};

/// Raised when the same config would give other results than before.
const SCHEMA: u32 = 3;

/// Images that are evaluated at once.
const EVALUATED_AT_ONCE: usize = 500;

/// Everything that a run's numbers depend on but its seed and the pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Which images.
    pub data: DataConfig,
    /// How training images are turned, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// What learns.
    pub learner: Learner,
    /// The optimiser of each of the parts; a learner that has one of its own does not use it ([`Learner::optimiser_key`]).
    pub optimiser: AdamConfig,
    /// Images a step; the incomplete last batch of an epoch is dropped.
    #[serde(serialize_with = "models::range::positive_count")]
    pub batch: usize,
    /// How often the training images are gone through.
    #[serde(serialize_with = "models::range::epochs")]
    pub epochs: u32,
    /// What it is computed on, for sums are added in another order on a GPU; the key of a run on the processor does
    /// not name it.
    #[serde(default, skip_serializing_if = "Hardware::is_cpu")]
    pub hardware: Hardware,
}

impl RunConfig {
    /// A question about these images that a closed form answers.
    pub fn closed_form(data: DataConfig, question: Question) -> Self {
        let (optimiser, hardware) = (AdamConfig::PAPER, Hardware::Cpu);
        let learner = Learner::ClosedForm { question };
        Self { data, rotation: None, learner, optimiser, batch: 1, epochs: 0, hardware }
    }
}

/// How training images are turned at random (section 4.1 of the CRE specification).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// The largest angle in degrees.
    #[serde(serialize_with = "models::range::degrees")]
    pub degrees: f32,
    /// Whether all images of a batch turn by one angle, as in the paper's code.
    pub shared: bool,
    /// Whether the image to be reconstructed is turned too; in the paper's code it is not.
    pub turned_target: bool,
}

impl Rotation {
    /// The paper's: 15 degrees, one angle for each batch, an unturned image to reconstruct.
    pub const PAPER: Self = Self { degrees: 15.0, shared: true, turned_target: false };

    fn augmentation(self) -> Augmentation {
        Augmentation::Rotation { degrees: self.degrees, shared: self.shared }
    }
}

/// What a run is computed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hardware {
    /// The processor.
    #[default]
    Cpu,
    /// A GPU.
    Cuda,
}

impl Hardware {
    /// That of a device.
    pub fn of(device: &Device) -> Self {
        match device {
            Device::Cpu => Self::Cpu,
            Device::Cuda(_) => Self::Cuda,
        }
    }

    fn is_cpu(&self) -> bool {
        *self == Self::Cpu
    }
}

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

    /// The run whose encoder this one reads, which must be whole before this one begins.
    pub fn needs(&self) -> Option<Self> {
        match &self.config.learner {
            Learner::Readout { of: Features::Trained { run }, .. } => {
                Some(Self { config: (**run).clone(), seed: self.seed })
            }
            _ => None,
        }
    }

    /// Whether the same run with fewer epochs begins with the same bits: it reads no other run, and no schedule of
    /// its learning rate counts its steps.
    pub fn begins_alike(&self) -> bool {
        let scheduled =
            matches!(self.config.learner, Learner::Recognition { .. } | Learner::Autoencoding { .. });
        self.needs().is_none() && !scheduled
    }

    /// The same run on other hardware.
    #[must_use]
    pub fn on(mut self, hardware: Hardware) -> Self {
        self.config.hardware = hardware;
        if let Learner::Readout { of: Features::Trained { run }, .. } = &mut self.config.learner {
            run.hardware = hardware;
        }
        self
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

/// A CRE that learns by backpropagation with the plain mixture of both losses.
pub fn cre(model: Architecture, lambda: f64) -> Learner {
    Learner::Cre { model, lambda, mixing: Mixing::Weighted, labelled: None }
}

impl Run {
    /// Bytes that the run takes at most, by a rough count: parameters, their gradients and optimiser, and what the
    /// layers keep of a batch; or the images as numbers and the square matrices of a closed form.
    pub fn memory(&self, images: &Images) -> u64 {
        let d: usize = images.train.image_shape().iter().product();
        let (n, d) = (images.train.len() as u64, d as u64);
        let batch = self.config.batch.max(EVALUATED_AT_ONCE) as u64;
        let own = match &self.config.learner {
            Learner::ClosedForm { .. } => return MATRICES * 8 * d * d,
            // Projected images, and the components.
            Learner::Recognition { .. } => 4 * n * d + 12 * d * d,
            Learner::Autoencoding { task } if task.spectrum => 16 * d * d,
            _ => 0,
        };
        let (params, kept) = self.config.learner.sizes(d as usize);
        let layers = kept.saturating_mul(8 * batch).max(self.config.learner.final_bytes(images));
        own.saturating_add(params.saturating_mul(16)).saturating_add(layers)
    }
}

/// Square matrices that a closed form holds at once.
const MATRICES: u64 = 7;
