//! The training interface: the setup of a learner, and the `Training` trait that a run drives epoch by epoch.

pub(crate) mod batches;
pub(crate) mod with_batches;

use std::collections::BTreeMap;

use data::{Augmentation, Split};
use models::train::Objective;
use models::{AdamConfig, EpochReport, Evaluation, Representation, Trainer};
use serde::{Deserialize, Serialize};
use tensor::{Device, Tensor};

use crate::images::Images;
use crate::store::{Arrays, FinishedRun};
use crate::{Error, Result};

/// Scalars by name, as recorded in the journal.
pub type Scalars = BTreeMap<String, f64>;

/// The state of a trainer, for checkpoints.
pub trait TrainerState {
    /// As [`Trainer::state`].
    fn state(&self) -> Vec<(String, Tensor)>;

    /// As [`Trainer::load`].
    fn load(&mut self, stored: &dyn Fn(&str) -> Option<Tensor>) -> models::Result<()>;

    /// As [`Trainer::learned`].
    fn learned(&self) -> Vec<(String, Tensor)>;
}

impl<O: Objective> TrainerState for Trainer<O> {
    fn state(&self) -> Vec<(String, Tensor)> {
        self.state()
    }

    fn load(&mut self, stored: &dyn Fn(&str) -> Option<Tensor>) -> models::Result<()> {
        self.load(stored)
    }

    fn learned(&self) -> Vec<(String, Tensor)> {
        self.learned().into_iter().map(|(name, param)| (name, param.value())).collect()
    }
}

/// A learner during training.
pub trait Training {
    /// The trainer, whose state is checkpointed.
    fn trainer(&self) -> &dyn TrainerState;

    /// The trainer, for loading a state.
    fn trainer_mut(&mut self) -> &mut dyn TrainerState;

    /// Trains for one epoch, counted from 1.
    fn epoch(&mut self, epoch: u32) -> models::Result<EpochReport>;

    /// Evaluates the metrics on a split.
    fn evaluate(&self, split: &Split) -> Result<Evaluation>;

    /// Evaluates on images with patches removed as in training; `None` without masking.
    fn evaluate_masked(&self, _split: &Split) -> Result<Option<Evaluation>> {
        Ok(None)
    }

    /// The latents, reconstructions and logits of a batch of images, on the CPU.
    ///
    /// # Errors
    /// If the learner has no latent.
    fn represent(&self, _images: &Tensor) -> Result<Representation> {
        Err(Error::Missing("representation of a classifier".into()))
    }

    /// Additional scalars measured in some epochs.
    fn observe(&self) -> Result<Scalars> {
        Ok(Scalars::new())
    }

    /// What is measured once, after the last epoch, beside what the latent holds.
    ///
    /// # Errors
    /// If it cannot be measured.
    fn measure_at_end(&self) -> Result<Arrays> {
        Ok(Arrays::new())
    }

    /// Parameters and buffers, by name.
    fn learned(&self) -> Vec<(String, Tensor)> {
        self.trainer().learned()
    }
}

/// The inputs of training: a run without its learner.
pub struct Setup<'a> {
    /// The images.
    pub images: &'a Images,
    /// The device.
    pub device: &'a Device,
    /// The finished run whose encoder is used, if any.
    pub encoder: Option<&'a FinishedRun>,
    /// Whether the learner will be trained. If false it is only timed or evaluated, and skips preparation that only
    /// training needs.
    pub trains: bool,
    /// The seed of all random streams.
    pub seed: u64,
    /// The optimiser of the run, for learners without one of their own.
    pub optimiser: AdamConfig,
    /// The batch size.
    pub batch: usize,
    /// The number of passes over the training images.
    pub epochs: u32,
    /// Random rotation of training images, if any.
    pub rotation: Option<Rotation>,
}

/// Random rotation of training images (`book/cre.md`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// The largest angle in degrees.
    #[serde(serialize_with = "models::range::degrees")]
    pub degrees: f32,
    /// Whether all images of a batch are rotated by the same angle, as in the paper's code.
    pub shared: bool,
    /// Whether the reconstruction target is rotated too; in the paper's code it is not.
    pub turned_target: bool,
}

impl Rotation {
    /// The paper's setting: 15 degrees, one angle per batch, unrotated target.
    pub const PAPER: Self = Self { degrees: 15.0, shared: true, turned_target: false };

    pub(crate) fn augmentation(self) -> Augmentation {
        Augmentation::Rotation { degrees: self.degrees, shared: self.shared }
    }
}

/// The type of device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hardware {
    /// The CPU.
    #[default]
    Cpu,
    /// A GPU.
    Cuda,
}

impl Hardware {
    /// The type of this device.
    pub fn of(device: &Device) -> Self {
        match device {
            Device::Cpu => Self::Cpu,
            Device::Cuda(_) => Self::Cuda,
        }
    }

    pub(crate) fn is_cpu(&self) -> bool {
        *self == Self::Cpu
    }
}
