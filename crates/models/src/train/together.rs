//! Epochs of recorded steps, of one trainer or of several whose steps are replayed at the same time.

use tensor::flops;
use tensor::gpu::Recording;

use super::{DeviceBatches, EpochReport};
use crate::{Error, Result};

/// A trainer on a GPU whose step is recorded once and replayed in the later steps, for any objective.
pub trait RecordedTrainer {
    /// The number of steps so far.
    fn steps(&self) -> u64;

    /// Sets the sums of the reported values to zero, before an epoch.
    fn begin(&mut self) -> Result<()>;

    /// Writes the settings of the next step to device memory.
    fn prepare_step(&mut self) -> Result<()>;

    /// Runs the next step and records it.
    fn record(&mut self, batches: &DeviceBatches<'_>) -> Result<()>;

    /// The recorded step; `None` before [`RecordedTrainer::record`], and after the parameters were loaded or moved.
    fn recording(&self) -> Option<&Recording>;

    /// Counts a step that was recorded or replayed.
    fn count_step(&mut self);

    /// The averages over an epoch of `steps` steps, read from the GPU.
    ///
    /// # Errors
    /// [`Error::Diverged`] if a loss was not finite.
    fn end(&self, epoch: u32, steps: usize) -> Result<EpochReport>;
}

/// A trainer and its batches of an epoch.
pub type WithDeviceBatches<'a> = (&'a mut dyn RecordedTrainer, DeviceBatches<'a>);

/// Trains independent trainers on one GPU for an epoch. A step of all of them is one launch of a CUDA graph with a
/// branch for each, whose kernels are those of the trainer alone; so each gets the bits that it gets alone, also where
/// another one diverges.
///
/// `joint` keeps the graph for the next epoch; it is made again when the trainers are others. The result has, for each
/// trainer, the report or the divergence, and the FLOPs.
///
/// # Errors
/// [`Error::Setting`] if the trainers differ in the number of steps; [`Error::NoBatches`] if there are none; those of
/// [`Recording::together`], of the objectives and of the GPU, which end the epoch for all of them.
pub fn epoch_together(
    members: &mut [WithDeviceBatches<'_>],
    joint: &mut Option<Recording>,
    epoch: u32,
) -> Result<Vec<(Result<EpochReport>, u64)>> {
    let steps = members.iter().map(|(trainer, batches)| (trainer.steps(), batches.steps));
    let mut steps: Vec<_> = steps.collect();
    steps.dedup();
    let [(first, steps)] = steps[..] else {
        let (expected, got) = ("one number of steps so far and in an epoch", format!("{steps:?}"));
        return Err(Error::Setting { setting: "trainers trained together", expected, got });
    };
    if steps == 0 {
        return Err(Error::NoBatches);
    }
    let mut flops = vec![0; members.len()];
    members.iter_mut().try_for_each(|(trainer, _)| trainer.begin())?;
    for step in 0..steps {
        for (trainer, batches) in &mut *members {
            (batches.seek)(step)?;
            trainer.prepare_step()?;
        }
        let number = first + step as u64;
        let recordings: Option<Vec<_>> = members.iter().map(|(trainer, _)| trainer.recording()).collect();
        match recordings {
            Some(recordings) => {
                replay_together(&recordings, joint, number)?;
                flops.iter_mut().zip(recordings).for_each(|(flops, one)| *flops += one.flops());
            }
            // The first step: it runs while it is recorded.
            None => {
                for ((trainer, batches), flops) in members.iter_mut().zip(&mut flops) {
                    let (done, of_step) = flops::count(|| match trainer.recording() {
                        Some(recording) => Ok(recording.replay(number)?),
                        None => trainer.record(batches),
                    });
                    done?;
                    *flops += of_step;
                }
            }
        }
        members.iter_mut().for_each(|(trainer, _)| trainer.count_step());
    }
    let reports = members.iter().map(|(trainer, _)| trainer.end(epoch, steps));
    Ok(reports.zip(flops).collect())
}

/// Replays one recording, or several by one graph.
fn replay_together(recordings: &[&Recording], joint: &mut Option<Recording>, number: u64) -> Result<()> {
    if let [one] = recordings {
        return Ok(one.replay(number)?);
    }
    let recording = match joint.take().filter(|joint| joint.is_of(recordings)) {
        Some(known) => known,
        None => Recording::together(recordings)?,
    };
    Ok(joint.insert(recording).replay(number)?)
}
