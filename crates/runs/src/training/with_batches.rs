//! A trainer with its training batches on a device.

use data::Split;
use models::train::{Evaluate, Objective, Train, WithDeviceBatches};
use models::{EpochReport, Evaluation, Representation, Trainer, evaluate, evaluate_masked};
use tensor::{Device, Tensor};

use super::batches::Source;
use super::evaluated::Evaluated;
use super::{Scalars, Setup, Training};
use crate::Result;
use crate::store::Arrays;

/// A trainer with its training batches on a device.
pub(crate) struct WithBatches<'a, O> {
    trainer: Trainer<O>,
    source: Source<'a>,
    evaluated: Evaluated<'a>,
    device: Device,
    is_masked: bool,
    observe: Box<Observe<'a, O>>,
    at_end: Box<AtEnd<'a, O>>,
}

/// Computes additional scalars of a trainer in some epochs.
type Observe<'a, O> = dyn Fn(&Trainer<O>) -> Result<Scalars> + 'a;

/// The measures of a trainer after the last epoch.
type AtEnd<'a, O> = dyn Fn(&Trainer<O>) -> Result<Arrays> + 'a;

impl<'a, O: Objective + Evaluate> WithBatches<'a, O> {
    /// Moves a trainer to the device. The first `labelled` training images are labelled, or all if it is `None`.
    ///
    /// # Errors
    /// If the batch is larger than the set, or the device fails.
    pub(crate) fn new(mut trainer: Trainer<O>, setup: &Setup<'a>, labelled: Option<usize>) -> Result<Self> {
        trainer.to_device(setup.device)?;
        let source = Source::new(setup, labelled)?;
        let evaluated = Evaluated::new(setup)?;
        let observe = Box::new(|_: &Trainer<O>| Ok(Scalars::new()));
        let at_end = Box::new(|_: &Trainer<O>| Ok(Arrays::new()));
        let device = setup.device.clone();
        Ok(Self { trainer, source, evaluated, device, is_masked: false, observe, at_end })
    }

    /// Also evaluates on masked images, if `is_masked`.
    pub(crate) fn masked(self, is_masked: bool) -> Self {
        Self { is_masked, ..self }
    }

    /// Also measures these scalars.
    pub(crate) fn observed(self, observe: impl Fn(&Trainer<O>) -> Result<Scalars> + 'a) -> Self {
        Self { observe: Box::new(observe), ..self }
    }

    /// The training, with the arrays of `at_end` measured once after the last epoch.
    pub(crate) fn measured_at_end(self, at_end: impl Fn(&Trainer<O>) -> Result<Arrays> + 'a) -> Self {
        Self { at_end: Box::new(at_end), ..self }
    }
}

impl<O: Objective + Evaluate> Training for WithBatches<'_, O> {
    fn trainer(&self) -> &dyn Train {
        &self.trainer
    }

    fn trainer_mut(&mut self) -> &mut dyn Train {
        &mut self.trainer
    }

    fn epoch(&mut self, epoch: u32) -> models::Result<EpochReport> {
        self.source.train(&mut self.trainer, epoch)
    }

    fn recorded(&mut self, epoch: u32) -> models::Result<Option<WithDeviceBatches<'_>>> {
        let batches = self.source.on_gpu(epoch)?;
        Ok(Train::recorded(&mut self.trainer).zip(batches))
    }

    fn evaluate(&self, split: &Split) -> Result<Evaluation> {
        self.evaluated.on(split, |batches| evaluate(self.trainer.objective(), batches))
    }

    fn evaluate_masked(&self, split: &Split) -> Result<Option<Evaluation>> {
        match self.is_masked {
            true => {
                let evaluated =
                    |batches: &mut dyn Iterator<Item = _>| evaluate_masked(self.trainer.objective(), batches);
                self.evaluated.on(split, evaluated).map(Some)
            }
            false => Ok(None),
        }
    }

    fn represent(&self, images: &Tensor) -> Result<Representation> {
        on_cpu(self.trainer.represent(&images.to_device(&self.device)?)?)
    }

    fn observe(&self) -> Result<Scalars> {
        (self.observe)(&self.trainer)
    }

    fn measure_at_end(&self) -> Result<Arrays> {
        (self.at_end)(&self.trainer)
    }
}

/// A representation in the memory of the CPU.
pub(crate) fn on_cpu(made: Representation) -> Result<Representation> {
    let Representation { z, reconstruction, logits } = made;
    let [z, reconstruction, logits] = [z, reconstruction, logits].map(|x| x.to_device(&Device::Cpu));
    Ok(Representation { z: z?, reconstruction: reconstruction?, logits: logits? })
}
