//! The object-safe interface of trainers, for callers that do not depend on the objective.

use autograd::Param;
use tensor::{Device, Tensor};

use super::{Batches, EpochReport, Objective, RecordedTrainer, Trainer};
use crate::Result;

/// A trainer of any objective, used epoch by epoch.
pub trait Train {
    /// As [`Trainer::epoch`].
    fn epoch(&mut self, epoch: u32, batches: Batches<'_>) -> Result<EpochReport>;

    /// The trainer with its recorded steps, for [`epoch_together`](super::epoch_together); `None` if its steps are not
    /// recorded.
    fn recorded(&mut self) -> Option<&mut dyn RecordedTrainer>;

    /// As [`Trainer::params_and_buffers`].
    fn params_and_buffers(&self) -> Vec<(String, &Param)>;

    /// As [`Trainer::state`].
    fn state(&self) -> Vec<(String, Tensor)>;

    /// As [`Trainer::load`].
    fn load(&mut self, stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()>;

    /// As [`Trainer::to_device`].
    fn to_device(&mut self, device: &Device) -> Result<()>;
}

impl<O: Objective> Train for Trainer<O> {
    fn epoch(&mut self, epoch: u32, batches: Batches<'_>) -> Result<EpochReport> {
        self.epoch(epoch, batches)
    }

    fn recorded(&mut self) -> Option<&mut dyn RecordedTrainer> {
        if self.records() { Some(self) } else { None }
    }

    fn params_and_buffers(&self) -> Vec<(String, &Param)> {
        self.params_and_buffers()
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.state()
    }

    fn load(&mut self, stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()> {
        self.load(stored)
    }

    fn to_device(&mut self, device: &Device) -> Result<()> {
        self.to_device(device)
    }
}
