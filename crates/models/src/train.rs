//! Training: batches, losses, backward pass, optimiser step.
//!
//! An [`Objective`] is a model with its losses; a [`Trainer`] optimises it. The files in `train/` contain the
//! objectives, the construction and state of trainers, recorded steps on a GPU, and evaluation.

mod batches;
mod build;
mod classifier;
mod conflict;
mod cre;
mod evaluate;
mod guided;
mod interface;
mod objective;
mod probe;
mod recorded;
mod report;
mod single_loss;
mod state;
mod together;
mod two_stages;

use std::ops::{ControlFlow, RangeInclusive};

use tensor::{Indices, Tensor};

use crate::{Error, Example, Mode, Optimiser, Result, Schedule, ScheduleValue};
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
pub use interface::Train;
pub use objective::{Check, Group, GroupGradients, Objective, Pass, Precision, StepLosses};
pub use probe::{Convergence, ProbeObjective, ProbeTrainer, has_converged};
pub use report::{EpochReport, StepReport};
pub use single_loss::{Loss, LossTrainer, SingleLoss};
pub use together::{RecordedTrainer, WithDeviceBatches, epoch_together};

/// A trainer of an objective: an optimiser for each of its parameter groups, a schedule and a step count.
pub struct Trainer<O> {
    objective: O,
    optimisers: Vec<Box<dyn Optimiser>>,
    schedule: Schedule,
    precision: Precision,
    steps: u64,
    recorder: Option<Recorder>,
}

impl<O: Objective> Trainer<O> {
    /// Trains one step on a batch: losses and gradients, then the optimisers. Returns the losses before the update.
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

    /// Computes losses and gradients. The tape is dropped at the end, so that the optimisers update parameters in
    /// place.
    fn forward_backward(&self, example: &Example) -> Result<Pass> {
        self.objective.backward(self.precision, example, Mode::Training { step: self.steps })
    }

    /// The first half of an optimiser step: writes the settings of the step to device memory.
    fn prepare(&mut self) -> Result<ScheduleValue> {
        let schedule_value = self.schedule.at(self.steps);
        self.optimisers.iter_mut().try_for_each(|optimiser| optimiser.prepare(schedule_value))?;
        Ok(schedule_value)
    }

    /// The second half of an optimiser step: updates each parameter group.
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
        let tape = self.precision.tape().detecting_anomalies();
        self.objective.losses(&tape, example, Mode::Training { step: self.steps })?;
        Ok(in_words(&tape, &self.objective.params()))
    }

    /// Trains one epoch over these batches. They are examples in host memory, or batches gathered on the model's
    /// device, for which the step is recorded once and replayed.
    ///
    /// # Errors
    /// [`Error::Diverged`] if a loss is not finite, with its step in the epoch; [`Error::NoBatches`] if there are
    /// none.
    pub fn epoch<'b>(&mut self, epoch: u32, batches: impl Into<Batches<'b>>) -> Result<EpochReport> {
        let first = self.steps;
        let batches = match (batches.into(), self.records()) {
            (Batches::Device(batches), true) => {
                let mut alone = epoch_together(&mut [(self, batches)], &mut None, epoch)?;
                let (report, _) = alone.pop().expect("there is a result for each trainer");
                return report;
            }
            (batches, _) => batches,
        };
        let mut sums = EpochSums::default();
        for example in batches.examples(first) {
            sums.add(self.step(example?).map_err(|error| within_epoch(error, first))?);
        }
        sums.report(epoch)
    }

    /// Trains for these epochs and calls `report` after each; it may stop the training.
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

/// Converts the step number of an error to one relative to the start of the epoch.
fn within_epoch(error: Error, first: u64) -> Error {
    match error {
        Error::Diverged { step, loss, value, first: found } => {
            Error::Diverged { step: step - first as usize, loss, value, first: found }
        }
        other => other,
    }
}
