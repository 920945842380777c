//! Training as a run sees it: what a learner is given, and what is asked of it epoch by epoch.

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

/// Scalars by name, as they stand in the journal.
pub type Scalars = BTreeMap<String, f64>;

/// What is stored of a trainer, whatever it trains.
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

/// A learner in training.
pub trait Training {
    /// The trainer, whose state is stored to go on later with the same bits.
    fn trainer(&self) -> &dyn TrainerState;

    /// As [`Training::trainer`], to load a state.
    fn trainer_mut(&mut self) -> &mut dyn TrainerState;

    /// Trains for an epoch, counted from 1.
    fn epoch(&mut self, epoch: u32) -> models::Result<EpochReport>;

    /// The metrics of these images.
    fn evaluate(&self, split: &Split) -> Result<Evaluation>;

    /// The metrics of these images with patches removed as in training; `None` if training removes none.
    fn evaluate_masked(&self, _split: &Split) -> Result<Option<Evaluation>> {
        Ok(None)
    }

    /// Latent, reconstruction and class scores of a batch of images, on the CPU.
    ///
    /// # Errors
    /// If the learner has no latent.
    fn represent(&self, _images: &Tensor) -> Result<Representation> {
        Err(Error::Missing("representation of a classifier".into()))
    }

    /// What is measured in some epochs beside the losses.
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

/// Everything that a learner is trained with: a run without its learner.
pub struct Setup<'a> {
    /// The images.
    pub images: &'a Images,
    /// The device.
    pub device: &'a Device,
    /// The run whose encoder is read, where the learner reads one.
    pub encoder: Option<&'a FinishedRun>,
    /// False where the learner is only timed, or gets the parameters of a finished run: it then takes nothing from the
    /// images that only its training needs.
    pub trains: bool,
    /// The seed of all random streams.
    pub seed: u64,
    /// The optimiser of the run, for learners without one of their own.
    pub optimiser: AdamConfig,
    /// Images a step.
    pub batch: usize,
    /// How often the training images are gone through.
    pub epochs: u32,
    /// How training images are rotated, if they are.
    pub rotation: Option<Rotation>,
}

/// How training images are rotated at random (section 4.1 of the CRE specification).
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

    pub(crate) fn augmentation(self) -> Augmentation {
        Augmentation::Rotation { degrees: self.degrees, shared: self.shared }
    }
}

/// What a run is computed on.
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
    /// That of a device.
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
