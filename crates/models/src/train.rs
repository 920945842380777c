//! Training: batch, losses, backward pass, optimiser step.
//!
//! An [`Objective`] is a model with its losses; a [`Trainer`] optimises it. The files of `train/` contain the objectives,
//! epochs on a GPU and evaluation.

mod batches;
mod classifier;
mod conflict;
mod cre;
mod evaluate;
mod guided;
mod objective;
mod probe;
mod recorded;
mod report;
mod single_loss;
mod state;
mod two_stages;

use std::ops::{ControlFlow, RangeInclusive};

use autograd::{Param, Tape};
use tensor::{DType, Device, Indices, Tensor};

use crate::slots::refuse_shared;
use crate::{
    Adam, AdamConfig, Error, Example, Mode, Optimiser, Representation, Result, Schedule, ScheduleValue,
};
use recorded::Recorder;
use report::{EpochSums, in_words};

pub use batches::{Batches, DeviceBatches};
pub use classifier::ClassifierObjective;
pub use conflict::{Conflict, FullConflict};
pub use cre::{CreObjective, CreTrainer};
pub use evaluate::{
    Evaluate, Evaluation, Metrics, correct, count_correct, evaluate, evaluate_masked, mean_cross_entropy,
};
pub use guided::GuidedObjective;
pub use objective::{Check, Group, GroupGradients, Objective, Pass, Precision, StepLosses};
pub use probe::{Convergence, ProbeObjective, ProbeTrainer, has_converged};
pub use report::{EpochReport, StepReport};
pub use single_loss::{Loss, LossTrainer, SingleLoss};

/// A trainer of an objective: an optimiser for each group of its parameters, a schedule and a step count.
pub struct Trainer<O> {
    objective: O,
    optimisers: Vec<Box<dyn Optimiser>>,
    schedule: Schedule,
    precision: Precision,
    steps: u64,
    recorder: Option<Recorder>,
}

impl<O: Objective> Trainer<O> {
    /// A new trainer with an optimiser for each group of the objective, in their order.
    ///
    /// # Errors
    /// [`Error::Setting`] if the schedule has no steps, or there is not one optimiser for each group; [`Error::Shared`] if
    /// two groups share a parameter.
    pub fn with_optimisers(
        objective: O,
        optimisers: Vec<Box<dyn Optimiser>>,
        schedule: Schedule,
    ) -> Result<Self> {
        schedule.check()?;
        let groups = objective.groups();
        if groups.len() != optimisers.len() {
            let got = format!("{} for {} groups", optimisers.len(), groups.len());
            let wanted = "one for each group of parameters";
            return Err(Error::Setting { setting: "optimisers", wanted, got });
        }
        refuse_shared(groups.into_iter().map(|group| (group.name.unwrap_or_default(), group.params)))?;
        Ok(Self { objective, optimisers, schedule, precision: Precision::F32, steps: 0, recorder: None })
    }

    /// A new trainer with Adam for each group and a constant learning rate.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] as [`AdamConfig::check`]; [`Error::Shared`] if two groups share a parameter.
    pub fn with_adam(objective: O, config: AdamConfig) -> Result<Self> {
        let adam = |group: Group<'_>| Ok(Box::new(Adam::new(&group.params, config)?) as Box<dyn Optimiser>);
        let optimisers = objective.groups().into_iter().map(adam).collect::<Result<_>>()?;
        Self::with_optimisers(objective, optimisers, Schedule::Constant)
    }

    /// Sets the computation type of an f32 model to `BF16`, which uses tensor cores on GPUs; parameters, optimisers, losses
    /// and statistics stay in f32. `F32` is the default.
    ///
    /// # Errors
    /// [`Error::Setting`] for other types, and if the objective does not support mixed precision: `F16` needs a
    /// [`LossScale`](crate::LossScale), which reads a value back in every step.
    pub fn computing_in(self, precision: DType) -> Result<Self> {
        let precision = Precision::new(precision)?;
        self.objective.check_precision(precision)?;
        Ok(Self { precision, ..self })
    }

    /// The objective.
    pub fn objective(&self) -> &O {
        &self.objective
    }

    /// The number of steps so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Trains one step on a batch; reports the losses before the update.
    ///
    /// # Errors
    /// [`Error::Diverged`] if a loss is not finite, in which case no parameter has changed; or if a shape does not match.
    pub fn step(&mut self, example: impl Into<Example>) -> Result<StepReport> {
        let example = self.precision.cast(&example.into())?;
        let pass = self.forward_backward(&example)?;
        let report = pass.report()?;
        if let Some((loss, value)) = pass.first_non_finite(&report) {
            let first = self.first_non_finite(&example)?;
            return Err(Error::Diverged { step: self.steps as usize, loss, value, first });
        }
        self.objective.learn(&report)?;
        let schedule_value = self.prepare()?;
        self.update(&pass.gradients, schedule_value)?;
        self.steps += 1;
        Ok(report)
    }

    /// Computes losses and gradients. The tape is dropped here, so that the optimisers update parameters in place.
    fn forward_backward(&self, example: &Example) -> Result<Pass> {
        self.objective.backward(self.precision, example, Mode::Training { step: self.steps })
    }

    /// The first half of an optimiser step: writes the settings of the step to device memory.
    fn prepare(&mut self) -> Result<ScheduleValue> {
        let schedule_value = self.schedule.at(self.steps);
        self.optimisers.iter_mut().try_for_each(|optimiser| optimiser.prepare(schedule_value))?;
        Ok(schedule_value)
    }

    /// The second half: updates each group of parameters.
    fn update(&mut self, gradients: &GroupGradients, schedule_value: ScheduleValue) -> Result<()> {
        for (place, (group, optimiser)) in
            self.objective.groups().iter().zip(&mut self.optimisers).enumerate()
        {
            optimiser.apply(&group.params, gradients.of(place), schedule_value)?;
        }
        Ok(())
    }

    /// Repeats the next step with anomaly detection, and describes the first operation with a non-finite result.
    fn first_non_finite(&self, example: &Example) -> Result<Option<String>> {
        let tape: Tape = self.precision.tape().detecting_anomalies();
        self.objective.losses(&tape, example, Mode::Training { step: self.steps })?;
        Ok(in_words(&tape, &self.objective.params()))
    }

    /// Trains one epoch over these batches: examples in host memory, or batches gathered on the model's device, for which
    /// the step is recorded once and replayed.
    ///
    /// # Errors
    /// [`Error::Diverged`] if a loss is not finite, with its step in the epoch; [`Error::NoBatches`] if there are
    /// none.
    pub fn epoch<'b>(&mut self, epoch: u32, batches: impl Into<Batches<'b>>) -> Result<EpochReport> {
        match batches.into() {
            Batches::Host(examples) => {
                let (mut sums, first) = (EpochSums::default(), self.steps);
                for example in examples {
                    sums.add(self.step(example).map_err(|error| within_epoch(error, first))?);
                }
                sums.report(epoch)
            }
            Batches::Device(batches) => self.epoch_on_device(epoch, batches),
        }
    }

    /// Trains for these epochs and calls `report` after each, which may stop the training.
    ///
    /// # Errors
    /// As [`Trainer::epoch`].
    pub fn fit<B>(
        &mut self,
        epochs: RangeInclusive<u32>,
        batches: impl Fn(u32) -> B,
        mut report: impl FnMut(&EpochReport) -> ControlFlow<()>,
    ) -> Result<()>
    where
        B: IntoIterator<Item = (Tensor, Indices)>,
    {
        for epoch in epochs {
            let batches = batches(epoch).into_iter();
            if report(&self.epoch(epoch, batches)?).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Converts the step number of an error to one within the epoch.
fn within_epoch(error: Error, first: u64) -> Error {
    match error {
        Error::Diverged { step, loss, value, first: found } => {
            Error::Diverged { step: step - first as usize, loss, value, first: found }
        }
        other => other,
    }
}

/// The object-safe interface of trainers.
pub trait Train {
    /// As [`Trainer::epoch`].
    fn epoch(&mut self, epoch: u32, batches: Batches<'_>) -> Result<EpochReport>;

    /// As [`evaluate`], or as [`evaluate_masked`].
    fn evaluate(
        &self,
        batches: &mut dyn Iterator<Item = (Tensor, Indices)>,
        masked: bool,
    ) -> Result<Evaluation>;

    /// Latent, reconstruction and class scores of a batch.
    ///
    /// # Errors
    /// If the images' shape does not fit.
    fn represent(&self, images: &Tensor) -> Result<Representation>;

    /// Parameters and buffers, by name.
    fn learned(&self) -> Vec<(String, &Param)>;

    /// As [`Trainer::state`].
    fn state(&self) -> Vec<(String, Tensor)>;

    /// As [`Trainer::load`].
    fn load(&mut self, stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()>;

    /// As [`Trainer::to_device`].
    fn to_device(&mut self, device: &Device) -> Result<()>;
}

impl<O: Objective + Evaluate> Train for Trainer<O> {
    fn epoch(&mut self, epoch: u32, batches: Batches<'_>) -> Result<EpochReport> {
        self.epoch(epoch, batches)
    }

    fn evaluate(
        &self,
        batches: &mut dyn Iterator<Item = (Tensor, Indices)>,
        masked: bool,
    ) -> Result<Evaluation> {
        match masked {
            false => evaluate(&self.objective, batches),
            true => evaluate_masked(&self.objective, batches),
        }
    }

    fn represent(&self, images: &Tensor) -> Result<Representation> {
        self.objective.represent(images)
    }

    fn learned(&self) -> Vec<(String, &Param)> {
        self.learned()
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

impl<O: Objective + Evaluate> Trainer<O> {
    /// [`evaluate`] for the trained model.
    pub fn evaluate(&self, batches: impl IntoIterator<Item = (Tensor, Indices)>) -> Result<Evaluation> {
        evaluate(&self.objective, batches)
    }

    /// Latent, reconstruction and class scores of a batch.
    ///
    /// # Errors
    /// If the images' shape does not fit.
    pub fn represent(&self, images: &Tensor) -> Result<Representation> {
        self.objective.represent(images)
    }
}
