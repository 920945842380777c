//! Computes runs epoch by epoch, each recorded in the store before the next starts.

use std::time::Instant;

use models::{EpochReport, Evaluation};
use tensor::{Counts, Device, Tensor, dry_run};

use super::Run;
use super::finals::{AT_END, absent, of_representation};
use super::keep::Keep;
use super::together::{OpenRun, compute_together};
use crate::images::Images;
use crate::learners::RunConfig;
use crate::names::parameter;
use crate::store::{Array, Arrays, Epoch, FinishedRun, RunFolder};
use crate::training::{Scalars, Setup, Training};
use crate::{Error, Result};

impl Run {
    /// Computes or resumes the run on this device. `needed` is the finished run of [`Run::needs`]. `observe` receives all
    /// epochs recorded so far: once before the first epoch computed here, and after each epoch.
    ///
    /// A run whose loss is no longer finite ends as diverged, and one rejected by its model or data ends as failed; both are
    /// results with a reason, not errors.
    ///
    /// # Errors
    /// If the store fails, or there is not enough memory to resume a run.
    pub fn compute(
        &self,
        images: &Images,
        needed: Option<&FinishedRun>,
        device: &Device,
        folder: RunFolder,
        keep: Keep,
        mut observe: impl FnMut(&[Epoch]),
    ) -> Result<FinishedRun> {
        let run = OpenRun { run: self, needed, folder, keep };
        let mut done = compute_together(vec![run], images, device, &mut |_, epochs| observe(epochs));
        done.pop().expect("there is a result for each run")
    }

    /// Measures the seconds of one training step, as the shorter of two after a warm-up, and of evaluating one image;
    /// for estimates.
    ///
    /// # Errors
    /// If the model cannot be built or trained.
    pub fn time(&self, images: &Images, device: &Device) -> Result<[f64; 2]> {
        self.config.check_parameters(images)?;
        let ended = self.learn(images, None, device, false, |training| {
            training.epoch(1).map_err(Error::from)?;
            let mut step = f64::INFINITY;
            for epoch in 2..=3 {
                let start = Instant::now();
                let report = training.epoch(epoch).map_err(Error::from)?;
                step = step.min(start.elapsed().as_secs_f64() / report.steps as f64);
            }
            let start = Instant::now();
            training.evaluate(&images.test)?;
            Ok([step, start.elapsed().as_secs_f64() / images.test.len() as f64])
        });
        ended.map_err(Error::from)
    }

    /// Counts the work of one training step on these images, and of evaluating the test images, without computing them.
    ///
    /// # Errors
    /// If the model cannot be built or trained.
    pub fn count_work(&self, images: &Images) -> Result<[Counts; 2]> {
        self.config.check_parameters(images)?;
        // The outer dry run spares the random initial weights.
        let (ended, _) = dry_run(|| {
            self.learn(images, None, &Device::Cpu, false, |training| {
                let (report, step) = dry_run(|| training.epoch(1));
                let steps = report.map_err(Error::from)?.steps as u64;
                if steps != 1 {
                    let what = format!("work of a step: expected one batch of images, got {steps} batches");
                    return Err(Error::Usage(what).into());
                }
                let (evaluated, evaluation) = dry_run(|| training.evaluate(&images.test));
                evaluated?;
                Ok([step, evaluation])
            })
        });
        ended.map_err(Error::from)
    }

    /// Builds the learner and calls `work` with it; `trains` as in [`Setup`].
    pub(super) fn learn<T>(
        &self,
        images: &Images,
        encoder: Option<&FinishedRun>,
        device: &Device,
        trains: bool,
        work: impl FnOnce(&mut dyn Training) -> std::result::Result<T, Ended>,
    ) -> std::result::Result<T, Ended> {
        let RunConfig { learner, optimiser, batch, epochs, rotation, .. } = &self.config;
        let setup = Setup {
            images,
            device,
            encoder,
            trains,
            seed: self.seed,
            optimiser: *optimiser,
            // Without training there may be fewer images than a batch.
            batch: if trains { *batch } else { images.train.len().min(*batch) },
            epochs: *epochs,
            rotation: *rotation,
        };
        let (mut work, mut ended) = (Some(work), None);
        learner.train(&setup, &mut |training| ended = work.take().map(|work| work(training)))?;
        ended.expect("`train` calls `work` once")
    }

    /// Computes a closed form, recorded as one epoch.
    pub(super) fn answer(
        &self,
        images: &Images,
        folder: &mut RunFolder,
        observe: &mut dyn FnMut(&[Epoch]),
    ) -> std::result::Result<Arrays, Ended> {
        let start = Instant::now();
        let (scalars, arrays) = self.config.learner.answer(images)?;
        let seconds = start.elapsed().as_secs_f64();
        folder.record_without_checkpoint(0, scalars, seconds).map_err(Error::from)?;
        observe(folder.epochs());
        Ok(arrays)
    }

    /// Evaluates the state after an epoch of training, whose report is `trained`; epoch 0 is the state before training.
    pub(super) fn evaluated(
        &self,
        training: &dyn Training,
        images: &Images,
        epoch: u32,
        trained: Option<models::Result<EpochReport>>,
    ) -> std::result::Result<Scalars, Ended> {
        let trained = match trained.transpose() {
            Ok(report) => report,
            Err(error @ models::Error::Diverged { .. }) => {
                return Err(self.diverged(epoch, error.to_string()));
            }
            Err(error) => return Err(Ended::Error(error.into())),
        };
        let mut evaluations = Vec::new();
        for (set, split) in [("validation", images.validation.as_ref()), ("test", Some(&images.test))] {
            if let Some(split) = split {
                evaluations.push((set, training.evaluate(split)?));
            }
        }
        if let Some(report) = &trained
            && let Some(reason) = non_finite(training, report, &evaluations)
        {
            return Err(self.diverged(epoch, reason));
        }
        let mut scalars = scalars(trained.as_ref(), &evaluations);
        if let Some(masked) = training.evaluate_masked(&images.test)? {
            scalars.extend(self.masked_scalars(&masked));
        }
        // Metrics that a learner does not have are NaN.
        scalars.retain(|_, value| !value.is_nan());
        // An observation that fails is skipped; the training continues.
        if is_observed(epoch, self.config.epochs)
            && let Ok(observed) = training.observe()
        {
            scalars.extend(observed);
        }
        Ok(scalars)
    }

    /// The arrays that are stored after the last epoch.
    pub(super) fn finals(&self, training: &dyn Training, images: &Images, keep: Keep) -> Arrays {
        let mut finals = match self.config.learner.latent_len(images.train.image_shape()) {
            Some(_) => of_representation(training, images, self.config.learner.tokens(), self.seed),
            None => Arrays::new(),
        };
        // A measure that fails does not discard the training.
        finals.extend(training.measure_at_end().unwrap_or_else(|error| absent(AT_END, &error)));
        let kept = training.params_and_buffers().into_iter().filter(|(name, _)| keep.includes(name));
        finals.extend(kept.map(|(name, value)| (parameter(&name), Array::of(&value))));
        finals
    }

    /// The four metrics of the test images with patches removed (`book/cre.md`).
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

/// The first non-finite value after an epoch whose training losses were finite: a parameter, which a ReLU may hide or
/// the last step may have changed, or a loss on other images.
fn non_finite(
    training: &dyn Training,
    trained: &EpochReport,
    evaluations: &[(&str, Evaluation)],
) -> Option<String> {
    let is_finite = |tensor: &Tensor| match tensor.as_slice::<f32>() {
        Ok(values) => values.iter().all(|x| x.is_finite()),
        Err(_) => tensor.to_f64_vec().iter().all(|x| x.is_finite()),
    };
    if let Some((name, _)) = training.params_and_buffers().iter().find(|(_, tensor)| !is_finite(tensor)) {
        return Some(format!("training diverged: the parameter `{name}` is not finite after the last step"));
    }
    // A metric that the learner does not have is NaN in training too.
    let losses = evaluations.iter().flat_map(|(set, Evaluation { mse, cross_entropy, .. })| {
        [(set, "MSE", trained.mse, *mse), (set, "cross-entropy", trained.cross_entropy, *cross_entropy)]
    });
    let mut bad = losses.filter(|(.., trained, value)| trained.is_finite() && !value.is_finite());
    bad.next().map(|(set, name, _, value)| {
        format!("training diverged: the {set} {name} is {value} after the last step")
    })
}

/// The metrics with removed patches, for models that are trained with masking: names and descriptions.
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

/// Whether an epoch is observed: 0 (untrained), the powers of two, and the last.
fn is_observed(epoch: u32, last: u32) -> bool {
    epoch == 0 || epoch.is_power_of_two() || epoch == last
}

/// Why a run stopped early.
pub(super) enum Ended {
    Diverged { epoch: u32, reason: String },
    Error(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Ended> for Error {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Error(error) => error,
            Ended::Diverged { reason, .. } => Self::Usage(reason),
        }
    }
}

/// The metrics of an epoch; epoch 0 has no training metrics.
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
