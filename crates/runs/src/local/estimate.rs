//! Estimates the duration of runs: the work of each model is counted, and a few models are timed.

mod rates;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::ops::Add;
use std::time::Instant;

use ::data::{Dataset, Origin, Split};
use ndarray::Array4;
use serde::Serialize;
use tensor::{Counts, Device};

pub use self::rates::Rates;
use self::rates::Timed;
use super::data::Data;
use crate::Result;
use crate::images::{DataConfig, Images};
use crate::learners::closed_form::{DECOMPOSITION, product};
use crate::learners::frozen_probe::{Features, FrozenProbe};
use crate::learners::{LearnerConfig, RunConfig};
use crate::run::Run;

/// Estimated times, by model and geometry of the images.
pub struct Estimate<'d> {
    data: &'d Data,
    /// The device on which models are timed; `None` if none is.
    device: Option<Device>,
    rates: Rates,
    models: HashMap<String, Timed>,
    /// The ratio of measured to predicted time, of steps and of evaluations, by family: models that differ in sizes
    /// only.
    slower: HashMap<String, [f64; 2]>,
    /// The seconds spent on timing.
    spent: f64,
    /// The data sets whose principal components are already part of an estimate.
    fitted: HashSet<DataConfig>,
}

/// The seconds of a run, by part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Parts {
    /// The steps of the optimiser.
    pub training: f64,
    /// The evaluation after each epoch.
    pub evaluation: f64,
    /// Heads trained on a frozen encoder at the end, with their evaluation.
    pub heads: f64,
    /// Principal components and closed forms of the training images, on the CPU.
    pub closed_forms: f64,
}

impl Parts {
    /// The seconds of all parts.
    pub fn total(self) -> f64 {
        self.training + self.evaluation + self.heads + self.closed_forms
    }

    /// The parts divided by `n`, the number of concurrent runs.
    #[must_use]
    pub fn divided(self, n: usize) -> Self {
        let Self { training, evaluation, heads, closed_forms } = self;
        let [training, evaluation, heads, closed_forms] =
            [training, evaluation, heads, closed_forms].map(|seconds| seconds / n as f64);
        Self { training, evaluation, heads, closed_forms }
    }
}

impl Add for Parts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            training: self.training + other.training,
            evaluation: self.evaluation + other.evaluation,
            heads: self.heads + other.heads,
            closed_forms: self.closed_forms + other.closed_forms,
        }
    }
}

/// The number of images with which work is counted and a model is first timed: the fewest that a batch norm accepts.
const FEW_IMAGES: usize = 2;

/// Measurements continue with more images, at most a batch, until a step takes this many seconds: long compared with
/// the scatter of measurements, which is milliseconds.
const STEP_S: f64 = 0.1;

/// Each measurement has at least this many times the images of the one before, so that the fixed part of a step can be
/// separated.
const LEAST_RATIO: usize = 8;

/// About how many seconds all measurements may take together; other models are scaled by their work.
const BUDGET_S: f64 = 5.0;

/// The cost of a first measurement in training steps: three steps, and an evaluation counted as one.
const STEPS: f64 = 4.0;

/// The assumed throughput of one core in f64, in FLOP per second.
const RATE: f64 = 2e10;

impl<'d> Estimate<'d> {
    /// An estimate for this device. The first model of each family is timed on it, within a few seconds; the others are
    /// scaled by their work.
    pub fn new(data: &'d Data, device: Device) -> Self {
        let rates = if device == Device::Cpu { Rates::CORE } else { Rates::H200 };
        Self { device: Some(device), ..Self::at(data, rates) }
    }

    /// An estimate from the work of models and these rates alone, for a device that need not be here.
    pub fn at(data: &'d Data, rates: Rates) -> Self {
        let (models, slower, fitted) = Default::default();
        Self { data, device: None, rates, models, slower, spent: 0.0, fitted }
    }

    /// The numbers of models that were timed and that were scaled by their work.
    pub fn sources(&self) -> [usize; 2] {
        [self.slower.len(), self.models.len() - self.slower.len()]
    }

    /// The seconds that a run takes, on one core or a GPU of its own; 0 if its data are missing and of unknown size.
    /// Missing images of known size are replaced by artificial ones. The principal components of its images are part of
    /// the first run that needs them.
    ///
    /// # Errors
    /// If its model cannot be built.
    pub fn seconds(&mut self, run: &Run) -> Result<f64> {
        self.parts(run).map(Parts::total)
    }

    /// [`Estimate::seconds`] by part.
    ///
    /// # Errors
    /// If its model cannot be built.
    pub fn parts(&mut self, run: &Run) -> Result<Parts> {
        let RunConfig { learner, data, epochs, .. } = &run.config;
        let Some(images) = self.images(data, FEW_IMAGES)? else { return Ok(Parts::default()) };
        let closed_forms = self.components(run, &images);
        if !learner.learns() {
            let answer = learner.closed_form_flops(data.train as f64, images.n_pixels() as f64) / RATE;
            return Ok(Parts { closed_forms: closed_forms + answer, ..Parts::default() });
        }
        let n_epochs = f64::from(*epochs) + learner.epochs_at_end();
        let [training, evaluation] = self.epoch(run, &images)?.map(|seconds| n_epochs * seconds);
        let mut parts = Parts { training, evaluation, closed_forms, heads: 0.0 };
        if let Some((model, most)) = learner.heads_at_end(&images, *epochs) {
            let mut heads = run.clone();
            heads.config.learner = LearnerConfig::from(FrozenProbe::new(Features::Random, model));
            parts.heads = f64::from(most) * self.epoch(&heads, &images)?.iter().sum::<f64>();
        }
        Ok(parts)
    }

    /// The seconds of the steps of an epoch, and of the evaluation after it.
    fn epoch(&mut self, run: &Run, images: &Images) -> Result<[f64; 2]> {
        let RunConfig { data: DataConfig { train, validation, test, .. }, batch, .. } = run.config;
        let timed = self.timed(run, images)?;
        Ok([(train / batch) as f64 * timed.step(batch), (validation + test) as f64 * timed.evaluated])
    }

    /// The seconds of fitting the principal components of the training images: of their covariance and its
    /// eigendecomposition.
    fn components(&mut self, run: &Run, images: &Images) -> f64 {
        let RunConfig { learner, data, .. } = &run.config;
        if !learner.fits_components(images) || !self.fitted.insert(data.clone()) {
            return 0.0;
        }
        let d = images.n_pixels() as f64;
        (2.0 * data.train as f64 * d * d + DECOMPOSITION * product(d)) / RATE
    }

    /// The times of a model, estimated once for each geometry.
    fn timed(&mut self, run: &Run, images: &Images) -> Result<Timed> {
        let mut model = run.clone();
        model.config.learner.time_alike();
        let geometry = (images.train.image_shape(), images.classes.len());
        let learner = serde_json::to_string(&model.config.learner).expect("a config is serialisable");
        let name = format!("{geometry:?} {learner}");
        if let Some(known) = self.models.get(&name) {
            return Ok(*known);
        }
        let counted = [FEW_IMAGES, 2 * FEW_IMAGES].map(|n| -> Result<(usize, [Counts; 2])> {
            let Some(images) = self.images(&model.config.data, n)? else { return Ok(Default::default()) };
            let mut counted = model.clone();
            counted.config.batch = images.train.len();
            Ok((images.train.len(), counted.count_work(&images)?))
        });
        let [few, more] = counted;
        let by_work = Timed::of(&self.rates, [few?, more?]);
        let family: String = learner.chars().filter(|letter| !letter.is_ascii_digit()).collect();
        let found = match (self.slower.get(&family), &self.device) {
            (Some(slower), _) => by_work.slower(*slower),
            (None, Some(device)) if self.spent + STEPS * by_work.step(FEW_IMAGES) < BUDGET_S => {
                let (start, device) = (Instant::now(), device.clone());
                let (measured, slower) = self.measured(&mut model, &by_work, &device)?;
                self.spent += start.elapsed().as_secs_f64();
                self.slower.insert(family, slower);
                measured
            }
            _ => by_work.slower(self.usual()),
        };
        self.models.insert(name, found);
        Ok(found)
    }

    /// Times a model on few images first, then on more until a step takes [`STEP_S`]; also returns the ratios of
    /// measured to predicted time of steps and evaluations.
    fn measured(&self, run: &mut Run, by_work: &Timed, device: &Device) -> Result<(Timed, [f64; 2])> {
        let whole = run.config.batch;
        let mut time = |n: usize| {
            run.config.batch = n;
            match self.images(&run.config.data, n)? {
                Some(images) => run.time(&images, device),
                None => Ok([0.0; 2]),
            }
        };
        let mut n = FEW_IMAGES.min(whole);
        let [mut step, evaluated] = time(n)?;
        let mut found = Timed { fixed: 0.0, image: step / n as f64, evaluated };
        while n < whole && step < STEP_S {
            let more = ((n as f64 * STEP_S / step) as usize).max(LEAST_RATIO * n).min(whole);
            let [long, evaluated] = time(more)?;
            let image = (long - step).max(0.0) / (more - n) as f64;
            found = Timed { fixed: (long - image * more as f64).max(0.0), image, evaluated };
            (n, step) = (more, long);
        }
        let ratio = |measured: f64, by_work: f64| if by_work > 0.0 { measured / by_work } else { 1.0 };
        let slower = [ratio(step, by_work.step(n)), ratio(found.evaluated, by_work.evaluated)];
        Ok((found, slower))
    }

    /// The median ratios of measured to predicted time over all timed models.
    fn usual(&self) -> [f64; 2] {
        [0, 1].map(|part| {
            let mut all: Vec<f64> = self.slower.values().map(|slower| slower[part]).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied().unwrap_or(1.0)
        })
    }

    /// The first `n` training and test images of a set, or artificial ones of the same size; `None` if the size is
    /// unknown.
    fn images(&self, config: &DataConfig, n: usize) -> Result<Option<Images>> {
        if let Some(images) = self.data.open.get(config) {
            return images.first(n).map(Some);
        }
        let Some(([c, h, w], classes)) = ::data::size_of(&config.name) else { return Ok(None) };
        // Any bytes do, as long as images differ.
        let split = || {
            let pixel = |(i, c, y, x): (usize, usize, usize, usize)| (31 * i + 17 * c + 7 * y + 3 * x) as u8;
            let pixels = Array4::from_shape_fn((n, c, h, w), pixel);
            Split::new(pixels, (0..n).map(|row| (row % classes) as u8).collect(), classes)
        };
        let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
        let origin = Origin {
            source: "stand-in".into(),
            files: vec![],
            selection: "all".into(),
            licence: "none".into(),
        };
        let set = Dataset::new(&config.name, &names, split()?, split()?, origin)?;
        let config = DataConfig { train: n, validation: 0, test: n, ..config.clone() };
        Images::of(&config, &set)?.first(n).map(Some)
    }
}
