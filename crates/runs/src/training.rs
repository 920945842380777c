//! The training interface: the setup of a learner, and the `Training` trait that a run drives epoch by epoch.

pub(crate) mod batches;
pub(crate) mod evaluated;
pub(crate) mod with_batches;

use std::collections::BTreeMap;

use data::{Augmentation, Split};
use models::train::{Objective, Train, WithDeviceBatches};
use models::{Adam, AdamConfig, Decayed, EpochReport, Evaluation, Representation, Schedule, Trainer};
use serde::{Deserialize, Serialize};
use tensor::random::Stream;
use tensor::{Device, Tensor};

use crate::images::Images;
use crate::store::{Arrays, FinishedRun};
use crate::{Error, Result};

/// Scalars by name, as recorded in the journal.
pub type Scalars = BTreeMap<String, f64>;

/// A learner during training.
pub trait Training {
    /// The trainer, whose state is checkpointed.
    fn trainer(&self) -> &dyn Train;

    /// The trainer, for loading a state.
    fn trainer_mut(&mut self) -> &mut dyn Train;

    /// Trains for one epoch, counted from 1.
    fn epoch(&mut self, epoch: u32) -> models::Result<EpochReport>;

    /// The trainer and its batches of an epoch, for [`epoch_together`](models::train::epoch_together) instead of
    /// [`Training::epoch`]; `None` if its steps are not recorded on a GPU.
    fn recorded(&mut self, _epoch: u32) -> models::Result<Option<WithDeviceBatches<'_>>> {
        Ok(None)
    }

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

    /// Measures taken after the last epoch, in addition to those of the latent.
    ///
    /// # Errors
    /// If it cannot be measured.
    fn measure_at_end(&self) -> Result<Arrays> {
        Ok(Arrays::new())
    }

    /// Parameters and buffers, by name.
    fn params_and_buffers(&self) -> Vec<(String, Tensor)> {
        self.trainer().params_and_buffers().into_iter().map(|(name, param)| (name, param.value())).collect()
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

impl Setup<'_> {
    /// The random stream of the initial parameters.
    pub(crate) fn init(&self) -> Stream {
        Stream::new(self.seed, "init")
    }

    /// A trainer with AdamW and a one-cycle learning rate over all steps of the run.
    pub(crate) fn one_cycle<O: Objective>(
        &self,
        objective: O,
        weight_decay: f64,
        decayed: Decayed,
    ) -> Result<Trainer<O>> {
        let adam = Adam::new(&objective.params(), self.optimiser)?;
        let adam = adam.with_weight_decay_where(weight_decay, |_, shape| decayed.includes(shape))?;
        // With no epochs the schedule is never evaluated.
        let steps = ((self.images.train.len() / self.batch) as u64 * u64::from(self.epochs)).max(1);
        Ok(Trainer::with_optimisers(objective, vec![Box::new(adam)], Schedule::OneCycle { steps })?)
    }
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
