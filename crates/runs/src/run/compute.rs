//! How a run is computed: epoch by epoch, each acknowledged by the store before the next begins.

use std::time::Instant;

use models::predictive_coding::PredictiveCoding;
use models::recurrent::Recurrent;
use models::{EpochReport, Evaluation, ProbeTrainer};
use tensor::random::Stream;
use tensor::{DType, Device, Tensor, flops};

use super::Run;
use super::closed_form::Question;
use super::finals::named;
use super::learner::Learner;
use super::learning::{Learning, OfAutoencoder, OfRecognition, Training, on_features, on_the_processor};
use super::observed::{Scalars, is_due};
use crate::images::Images;
use crate::store::{Arrays, Checkpoint, Epoch, FinishedRun, Outcome, RunFolder};
use crate::{Error, Result};

impl Run {
    /// Computes the run on this device, or goes on with it. `needed` is the run of [`Run::needs`]; `heard` is told the
    /// epochs that are computed by now, after each, and once before the first that is computed here.
    ///
    /// A loss that is no longer a number ends the run as diverged, and what the model or its data refuse ends it as
    /// failed; both are results with a reason, and no errors.
    ///
    /// # Errors
    /// If the store fails, or there is no memory to go on with what was begun.
    pub fn compute(
        &self,
        images: &Images,
        needed: Option<&FinishedRun>,
        device: &Device,
        mut folder: RunFolder,
        keep: Keep,
        mut heard: impl FnMut(&[Epoch]),
    ) -> Result<FinishedRun> {
        let ended = match (self.config.learner.check_room(images), &self.config.learner) {
            (Err(error), _) if folder.epochs().is_empty() => Err(Ended::Error(error)),
            // What was trained where there was room can be finished there, and is not given up here.
            (Err(error), _) => return Err(error),
            (Ok(()), Learner::ClosedForm { question }) => {
                self.answer(question, images, &mut folder, &mut heard)
            }
            (Ok(()), _) => {
                let work = |learning: &mut dyn Learning| {
                    let mut finals = self.epochs(learning, images, &mut folder, &mut heard)?;
                    if keep == Keep::EveryParameter || self.config.learner.is_reread() {
                        let learned = learning.learned();
                        finals.extend(learned.iter().map(|(name, value)| named(&parameter(name), value)));
                    }
                    Ok(finals)
                };
                self.learn(images, needed, device, work)
            }
        };
        let (outcome, finals) = match ended {
            Ok(finals) => (Outcome::Finished, finals),
            Err(Ended::Diverged { epoch, reason }) => (Outcome::Diverged { epoch, reason }, Arrays::new()),
            Err(Ended::Error(Error::Store(error))) => return Err(error.into()),
            Err(Ended::Error(error)) => (Outcome::Failed { reason: error.to_string() }, Arrays::new()),
        };
        Ok(folder.finish(outcome, &finals)?)
    }

    /// Seconds that one training step takes here and now, and seconds to evaluate one image: for an estimate.
    ///
    /// # Errors
    /// If the model cannot be built or computed.
    pub fn time(&self, images: &Images, device: &Device) -> Result<[f64; 2]> {
        let measured = |learning: &mut dyn Learning| -> std::result::Result<[f64; 2], Ended> {
            learning.epoch(1).map_err(|error| Ended::Error(error.into()))?;
            let start = Instant::now();
            let report = learning.epoch(2).map_err(|error| Ended::Error(error.into()))?;
            let step = start.elapsed().as_secs_f64() / report.steps as f64;
            let start = Instant::now();
            learning.evaluate(&images.test)?;
            Ok([step, start.elapsed().as_secs_f64() / images.test.len() as f64])
        };
        self.learn(images, None, device, measured).map_err(|ended| match ended {
            Ended::Error(error) => error,
            Ended::Diverged { reason, .. } => Error::Usage(reason),
        })
    }

    /// Makes what learns, and does this with it.
    pub(super) fn learn<T>(
        &self,
        images: &Images,
        needed: Option<&FinishedRun>,
        device: &Device,
        work: impl FnOnce(&mut dyn Learning) -> std::result::Result<T, Ended>,
    ) -> std::result::Result<T, Ended> {
        let init = Stream::new(self.seed, "init");
        self.config.learner.check_parameters(images)?;
        match &self.config.learner {
            Learner::Cre { model, .. } => {
                let model = model.build(&init, DType::F32).map_err(Error::from)?;
                work(&mut Training::of_cre(self, images, &model, device)?)
            }
            Learner::Readout { of, model } => {
                on_the_processor(self)?;
                let model = on_features(self, images, (of, model), needed)?;
                let trainer = ProbeTrainer::new(&model, self.config.optimiser).map_err(Error::from)?;
                work(&mut Training::new(trainer, self, images, None, device)?)
            }
            Learner::PredictiveCoding { network } => {
                on_the_processor(self)?;
                let network = PredictiveCoding::trainer(network, &init).map_err(Error::from)?;
                work(&mut Training::new(network, self, images, None, device)?)
            }
            Learner::Recurrent { network } => {
                on_the_processor(self)?;
                let network = Recurrent::trainer(network, &init).map_err(Error::from)?;
                work(&mut Training::new(network, self, images, None, device)?)
            }
            Learner::Recognition { task } => {
                on_the_processor(self)?;
                let (shape, classes) = (images.train.image_shape(), images.classes.len());
                let model = task.network.build(shape, classes, &init).map_err(Error::from)?;
                work(&mut OfRecognition::new(self, task, images, &model)?)
            }
            Learner::Autoencoding { task } => {
                on_the_processor(self)?;
                let model = task.build(images.train.image_shape(), images.classes.len(), &init);
                work(&mut OfAutoencoder::new(self, task, images, &model.map_err(Error::from)?)?)
            }
            Learner::ClosedForm { .. } => unreachable!("a closed form does not learn"),
        }
    }

    /// Answers a question that needs no learning, as one epoch.
    fn answer(
        &self,
        question: &Question,
        images: &Images,
        folder: &mut RunFolder,
        heard: &mut dyn FnMut(&[Epoch]),
    ) -> std::result::Result<Arrays, Ended> {
        let start = Instant::now();
        let (scalars, arrays) = question.answer(images)?;
        let seconds = start.elapsed().as_secs_f64();
        folder.record_without_checkpoint(0, scalars, seconds).map_err(Error::from)?;
        heard(folder.epochs());
        Ok(arrays)
    }

    /// Trains to the end, from the last checkpoint if there is one; gives what is kept.
    fn epochs(
        &self,
        learning: &mut dyn Learning,
        images: &Images,
        folder: &mut RunFolder,
        heard: &mut dyn FnMut(&[Epoch]),
    ) -> std::result::Result<Arrays, Ended> {
        let (mut next, last) = (0, self.config.epochs);
        if let Some(checkpoint) = folder.resume().map_err(Error::from)? {
            let stored = |name: &str| checkpoint.arrays.get(name)?.to_tensor();
            learning.load(&stored).map_err(Error::from)?;
            next = checkpoint.epoch + 1;
        }
        heard(before(folder, next));
        for epoch in next..=last {
            let start = Instant::now();
            let (scalars, flops) = flops::count(|| self.one_epoch(learning, images, epoch));
            let mut scalars = scalars?;
            scalars.insert("flops".into(), flops as f64);
            let seconds = start.elapsed().as_secs_f64();
            if folder.wants_checkpoint() && epoch < last {
                let arrays = learning.state().iter().map(|(name, tensor)| named(name, tensor)).collect();
                folder.record(&Checkpoint { epoch, arrays }, scalars, seconds).map_err(Error::from)?;
            } else {
                folder.record_without_checkpoint(epoch, scalars, seconds).map_err(Error::from)?;
            }
            heard(before(folder, epoch + 1));
        }
        Ok(learning.finals(images))
    }

    /// Trains for an epoch, except in epoch 0, which is before training, and measures.
    fn one_epoch(
        &self,
        learning: &mut dyn Learning,
        images: &Images,
        epoch: u32,
    ) -> std::result::Result<Scalars, Ended> {
        let trained = match epoch {
            0 => None,
            _ => match learning.epoch(epoch) {
                Ok(report) => Some(report),
                Err(error @ models::Error::Diverged { .. }) => {
                    return Err(self.diverged(epoch, error.to_string()));
                }
                Err(error) => return Err(Ended::Error(error.into())),
            },
        };
        let mut evaluations = Vec::new();
        for (set, split) in [("validation", images.validation.as_ref()), ("test", Some(&images.test))] {
            if let Some(split) = split {
                evaluations.push((set, learning.evaluate(split)?));
            }
        }
        if let Some(report) = &trained
            && let Some(reason) = no_number(learning, report, &evaluations)
        {
            return Err(self.diverged(epoch, reason));
        }
        let mut scalars = scalars(trained.as_ref(), &evaluations);
        if let Some(masked) = learning.evaluate_masked(&images.test)? {
            scalars.extend(self.masked_scalars(&masked));
        }
        // What a learner does not have is no number.
        scalars.retain(|_, value| !value.is_nan());
        if is_due(epoch, self.config.epochs) {
            scalars.extend(learning.observe()?);
        }
        Ok(scalars)
    }

    /// The four metrics of the test images with removed patches (section 2.4 of the CRE specification).
    fn masked_scalars(&self, masked: &Evaluation) -> [(String, f64); 4] {
        let Evaluation { mse, cross_entropy, accuracy, .. } = *masked;
        let loss = self.config.learner.loss(Some(mse), Some(cross_entropy)).unwrap_or(f64::NAN);
        let values = [loss, mse, cross_entropy, accuracy];
        std::array::from_fn(|metric| (MASKED_TEST[metric].0.to_owned(), values[metric]))
    }

    fn diverged(&self, epoch: u32, reason: String) -> Ended {
        let lambda = self.config.learner.lambda().map_or(String::new(), |lambda| format!(" (λ = {lambda})"));
        Ended::Diverged { epoch, reason: reason + &lambda }
    }
}

/// What is no finite number after an epoch whose losses all were: a parameter, because rectifiers hide it or the last
/// step made it so; or a loss on other images.
fn no_number(
    learning: &dyn Learning,
    trained: &EpochReport,
    evaluations: &[(&str, Evaluation)],
) -> Option<String> {
    let is_finite = |tensor: &Tensor| match tensor.as_slice::<f32>() {
        Ok(values) => values.iter().all(|x| x.is_finite()),
        Err(_) => tensor.to_f64_vec().iter().all(|x| x.is_finite()),
    };
    if let Some((name, _)) = learning.learned().iter().find(|(_, tensor)| !is_finite(tensor)) {
        return Some(format!("training diverged: the parameter `{name}` is not finite after the last step"));
    }
    // A learner that has no such loss has none in training either.
    let losses = evaluations.iter().flat_map(|(set, Evaluation { mse, cross_entropy, .. })| {
        [(set, "MSE", trained.mse, *mse), (set, "cross-entropy", trained.cross_entropy, *cross_entropy)]
    });
    let mut bad = losses.filter(|(.., trained, value)| trained.is_finite() && !value.is_finite());
    bad.next().map(|(set, name, _, value)| {
        format!("training diverged: the {set} {name} is {value} after the last step")
    })
}

/// The epochs of the journal before this one; those after it are about to be computed again.
fn before(folder: &RunFolder, next: u32) -> &[Epoch] {
    let epochs = folder.epochs();
    &epochs[..epochs.partition_point(|epoch| epoch.epoch < next)]
}

/// What is measured with removed patches, where training removes some: names and descriptions.
pub const MASKED_TEST: [(&str, &str); 4] = [
    (
        "test_masked_loss",
        "L(lambda) on the test images with patches removed as in training, the MSE of removed patches only",
    ),
    (
        "test_masked_mse",
        "mean squared error of the removed patches of the test images, whatever training counts",
    ),
    ("test_masked_cross_entropy", "cross-entropy on the test images with patches removed as in training"),
    ("test_masked_accuracy", "top-1 accuracy on the test images with patches removed as in training"),
];

/// Which parameters are kept of what learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Those that other runs and figures read again; of autoencoders and classifiers of subspaces there are none, and
    /// a hundred runs of them would fill a disk.
    WhatIsReread,
    /// All.
    EveryParameter,
}

/// The name under which a run keeps a parameter.
pub(super) fn parameter(name: &str) -> String {
    format!("{PARAMETERS}{name}")
}

/// Where a run keeps what was learned.
pub const PARAMETERS: &str = "parameters/";

/// Why a run did not come to its end.
pub(super) enum Ended {
    Diverged { epoch: u32, reason: String },
    Error(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// What is measured in an epoch; training measures are missing in epoch 0.
fn scalars(trained: Option<&EpochReport>, evaluations: &[(&str, Evaluation)]) -> Scalars {
    let mut scalars = Scalars::new();
    if let Some(report) = trained {
        scalars.insert("train_mse".into(), report.mse);
        scalars.insert("train_cross_entropy".into(), report.cross_entropy);
        scalars.insert("gradient_cosine".into(), report.conflict.cosine);
        scalars.insert("gradient_norm_ratio".into(), report.conflict.norm_ratio);
    }
    for (set, evaluation) in evaluations {
        scalars.insert(format!("{set}_mse"), evaluation.mse);
        scalars.insert(format!("{set}_cross_entropy"), evaluation.cross_entropy);
        scalars.insert(format!("{set}_accuracy"), evaluation.accuracy);
    }
    scalars
}
