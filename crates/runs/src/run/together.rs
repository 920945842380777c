//! Runs that are trained as one program: the training steps of all of them are one launch on a GPU.

use std::time::{Duration, Instant};

use models::EpochReport;
use models::train::epoch_together;
use tensor::gpu::Recording;
use tensor::{Device, flops};

use super::Run;
use super::compute::Ended;
use super::keep::Keep;
use crate::images::Images;
use crate::store::{Array, Arrays, Checkpoint, Epoch, FinishedRun, Outcome, RunFolder};
use crate::training::{Scalars, Training};
use crate::{Error, Result};

/// A run that is about to be computed, with its folder.
pub struct OpenRun<'a> {
    /// The run.
    pub run: &'a Run,
    /// The finished run of [`Run::needs`].
    pub needed: Option<&'a FinishedRun>,
    /// Its folder in the store.
    pub folder: RunFolder,
    /// Which parameters are stored.
    pub keep: Keep,
}

/// A run that is being computed.
struct Member<'a> {
    run: &'a Run,
    keep: Keep,
    /// `None` once the run has ended.
    folder: Option<RunFolder>,
    /// The epoch to compute next.
    next: u32,
    finished: Option<Result<FinishedRun>>,
}

/// Receives the index of a run and its epochs so far.
type Observe<'a> = dyn FnMut(usize, &[Epoch]) + 'a;

/// Computes or resumes runs on the same images with batches of the same size, each as [`Run::compute`] does, with the same
/// bits. `observe` also receives the index of the run.
///
/// All of them are in memory at once, and are trained for one epoch after the other. On a GPU the steps of those whose
/// learners record them are one launch; a run that ends early is left out of the later ones. Runs that were stopped at
/// different epochs are trained together once the others have caught up.
pub fn compute_together(
    runs: Vec<OpenRun<'_>>,
    images: &Images,
    device: &Device,
    observe: &mut Observe<'_>,
) -> Vec<Result<FinishedRun>> {
    let (mut members, mut learners) = (vec![], vec![]);
    for (place, OpenRun { run, needed, folder, keep }) in runs.into_iter().enumerate() {
        let mut member = Member { run, keep, folder: Some(folder), next: 0, finished: None };
        match member.begin(images, &mut |epochs| observe(place, epochs)) {
            Ok(true) => learners.push(Built { place, run, needed }),
            Ok(false) => {}
            Err(ended) => member.end(Err(ended)),
        }
        members.push(member);
    }
    let mut failures = vec![];
    with_trainings(&learners, images, device, vec![], &mut failures, &mut |trainings| {
        train(&mut members, trainings, images, observe);
    });
    failures.into_iter().for_each(|(place, ended)| members[place].end(Err(ended)));
    members.into_iter().map(|member| member.finished.expect("every run has ended")).collect()
}

/// A run whose learner is built.
struct Built<'a> {
    place: usize,
    run: &'a Run,
    needed: Option<&'a FinishedRun>,
}

/// A learner in training, with the index of its run.
type Placed<'t> = (usize, &'t mut dyn Training);

/// Builds the learners of these runs, each within the call of the one before, and calls `work` with `built` and all of
/// them that could be built; the others are `failures`.
fn with_trainings(
    rest: &[Built<'_>],
    images: &Images,
    device: &Device,
    mut built: Vec<Placed<'_>>,
    failures: &mut Vec<(usize, Ended)>,
    work: &mut dyn FnMut(&mut [Placed<'_>]),
) {
    let Some((Built { place, run, needed }, rest)) = rest.split_first() else { return work(&mut built) };
    let mut built = Some(built);
    let outcome = run.learn(images, *needed, device, true, |training| {
        let before = built.take().into_iter().flatten();
        let mut built: Vec<Placed<'_>> =
            before.map(|(place, training)| (place, training as &mut dyn Training)).collect();
        built.push((*place, training));
        with_trainings(rest, images, device, built, failures, work);
        Ok(())
    });
    if let Err(ended) = outcome {
        failures.push((*place, ended));
    }
    // The learner could not be built.
    if let Some(built) = built {
        with_trainings(rest, images, device, built, failures, work);
    }
}

/// Trains to the last epoch and ends every run.
fn train(
    members: &mut [Member<'_>],
    trainings: &mut [Placed<'_>],
    images: &Images,
    observe: &mut Observe<'_>,
) {
    for (place, training) in &mut *trainings {
        let member = &mut members[*place];
        match member.resume(*training) {
            Ok(()) => observe(*place, member.before()),
            Err(ended) => member.end(Err(ended)),
        }
    }
    let mut joint = None;
    // The runs that are behind come first.
    while let Some(epoch) = trainings.iter().filter_map(|(place, _)| members[*place].next_epoch()).min() {
        let is_next = |place: usize| members[place].next_epoch() == Some(epoch);
        let mut now: Vec<_> = trainings.iter_mut().filter(|(place, _)| is_next(*place)).collect();
        let start = Instant::now();
        let trained: Vec<Trained> = match epoch {
            0 => now.iter().map(|_| (None, 0)).collect(),
            _ => one_epoch(&mut now, &mut joint, epoch),
        };
        let each = start.elapsed() / now.len() as u32;
        for ((place, training), trained) in now.into_iter().zip(trained) {
            let member = &mut members[*place];
            match member.record(*training, images, trained, each) {
                Ok(()) => observe(*place, member.before()),
                Err(ended) => member.end(Err(ended)),
            }
        }
    }
    for (place, training) in trainings {
        let member = &mut members[*place];
        if member.folder.is_some() {
            member.end(Ok(member.run.finals(*training, images, member.keep)));
        }
    }
}

/// The reports of an epoch, or why there is none, with its FLOPs.
type Reports = Vec<(models::Result<EpochReport>, u64)>;

/// The report of an epoch, `None` for epoch 0, and its FLOPs.
type Trained = (Option<models::Result<EpochReport>>, u64);

/// Trains for one epoch: as one program if the steps of several learners are recorded, else one learner after the other.
fn one_epoch(trainings: &mut [&mut Placed<'_>], joint: &mut Option<Recording>, epoch: u32) -> Vec<Trained> {
    match as_one_program(trainings, joint, epoch) {
        Ok(Some(reports)) => reports.into_iter().map(|(report, flops)| (Some(report), flops)).collect(),
        Ok(None) => {
            let alone = trainings.iter_mut();
            alone.map(|(_, training)| flops::count(|| Some(training.epoch(epoch)))).collect()
        }
        // The GPU failed, or is out of memory: for all of them.
        Err(error) => trainings.iter().map(|_| (Some(Err(error.clone())), 0)).collect(),
    }
}

/// The reports and FLOPs of an epoch; `None` if there is only one learner, or one that records no steps.
fn as_one_program(
    trainings: &mut [&mut Placed<'_>],
    joint: &mut Option<Recording>,
    epoch: u32,
) -> models::Result<Option<Reports>> {
    if trainings.len() < 2 {
        return Ok(None);
    }
    let recorded = trainings.iter_mut().map(|(_, training)| training.recorded(epoch));
    let recorded = recorded.collect::<models::Result<Option<Vec<_>>>>()?;
    recorded.map(|mut members| epoch_together(&mut members, joint, epoch)).transpose()
}

impl Member<'_> {
    /// The epoch to compute next, if there is one.
    fn next_epoch(&self) -> Option<u32> {
        (self.folder.is_some() && self.next <= self.run.config.epochs).then_some(self.next)
    }

    fn folder(&mut self) -> &mut RunFolder {
        self.folder.as_mut().expect("the run has not ended")
    }

    /// Checks that the run fits in memory. Returns whether it is to be trained: a closed form is computed and ended here.
    fn begin(
        &mut self,
        images: &Images,
        observe: &mut dyn FnMut(&[Epoch]),
    ) -> std::result::Result<bool, Ended> {
        let run = self.run;
        let config = &run.config;
        if self.folder().epochs().is_empty() {
            config.check_memory(images)?;
        } else if let Err(error) = config.check_training(images) {
            // Measures that do not fit are skipped. A run in progress that does not fit here may fit on another machine, so
            // it is an error and not recorded as failed.
            (self.folder, self.finished) = (None, Some(Err(error)));
            return Ok(false);
        }
        if !config.learner.learns() {
            let answer = run.answer(images, self.folder(), observe)?;
            self.end(Ok(answer));
            return Ok(false);
        }
        Ok(true)
    }

    /// Loads the last checkpoint, if there is one.
    fn resume(&mut self, training: &mut dyn Training) -> std::result::Result<(), Ended> {
        if let Some(checkpoint) = self.folder().resume().map_err(Error::from)? {
            let stored = |name: &str| checkpoint.arrays.get(name)?.to_tensor();
            training.trainer_mut().load(&stored).map_err(Error::from)?;
            self.next = checkpoint.epoch + 1;
        }
        Ok(())
    }

    /// Evaluates and records the next epoch, whose training took `seconds`.
    fn record(
        &mut self,
        training: &dyn Training,
        images: &Images,
        (trained, flops_of_training): Trained,
        seconds: Duration,
    ) -> std::result::Result<(), Ended> {
        let (run, epoch, start) = (self.run, self.next, Instant::now());
        let (scalars, flops) = flops::count(|| run.evaluated(training, images, epoch, trained));
        let mut scalars: Scalars = scalars?;
        scalars.insert("flops".into(), (flops_of_training + flops) as f64);
        let seconds = (seconds + start.elapsed()).as_secs_f64();
        let folder = self.folder();
        if folder.needs_checkpoint() && epoch < run.config.epochs {
            let state = training.trainer().state();
            let arrays = state.iter().map(|(name, value)| (name.clone(), Array::of(value))).collect();
            folder.record(&Checkpoint { epoch, arrays }, scalars, seconds).map_err(Error::from)?;
        } else {
            folder.record_without_checkpoint(epoch, scalars, seconds).map_err(Error::from)?;
        }
        self.next = epoch + 1;
        Ok(())
    }

    /// The epochs recorded before the next one; later ones will be recomputed.
    fn before(&mut self) -> &[Epoch] {
        let next = self.next;
        let epochs = self.folder().epochs();
        &epochs[..epochs.partition_point(|epoch| epoch.epoch < next)]
    }

    /// Ends the run and stores its final arrays, or the reason why there are none.
    fn end(&mut self, ended: std::result::Result<Arrays, Ended>) {
        let Some(folder) = self.folder.take() else { return };
        let (outcome, finals) = match ended {
            Ok(finals) => (Outcome::Finished, finals),
            Err(Ended::Diverged { epoch, reason }) => (Outcome::Diverged { epoch, reason }, Arrays::new()),
            Err(Ended::Error(Error::Store(error))) => {
                self.finished = Some(Err(error.into()));
                return;
            }
            Err(Ended::Error(error)) => (Outcome::Failed { reason: error.to_string() }, Arrays::new()),
        };
        self.finished = Some(folder.finish(outcome, &finals).map_err(Error::from));
    }
}
