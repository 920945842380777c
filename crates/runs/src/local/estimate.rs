//! Estimates the duration of runs from a few steps of each model.

use std::collections::{HashMap, HashSet};

use ::data::{Dataset, Origin, Split};
use ndarray::Array4;
use tensor::Device;

use super::data::Data;
use crate::Result;
use crate::images::{DataConfig, Images};
use crate::learners::frozen_probe::{Features, FrozenProbe};
use crate::learners::{LearnerConfig, RunConfig};
use crate::run::Run;

/// Measured times, by model and geometry of the images.
pub struct Estimate<'d> {
    data: &'d Data,
    device: Device,
    timed: HashMap<String, Timed>,
    /// The data whose principal components are counted.
    fitted: HashSet<DataConfig>,
}

/// The measured times of a model.
#[derive(Debug, Clone, Copy)]
struct Timed {
    /// The part of a step that does not depend on the batch, such as that of the optimiser, in seconds.
    fixed: f64,
    /// The seconds of a step for each image of its batch.
    image: f64,
    /// The seconds of evaluating an image.
    evaluated: f64,
}

/// The images of the first measurement of a model: batch norms take no fewer, and even the largest models are done with
/// them in seconds.
const FEW_IMAGES: usize = 2;

/// Measurements go on with more images, at most a batch, until a step takes as many seconds: long compared with the
/// milliseconds by which measurements scatter, and short enough to time a hundred models in minutes.
const STEP_S: f64 = 0.1;

/// Each takes at least this many times the images of the one before, so that the fixed part of a step is told from the rest.
const LEAST_RATIO: usize = 8;

/// The assumed throughput of one core in f64, in FLOP per second.
const RATE: f64 = 2e10;

/// The time of a symmetric eigendecomposition, in multiplications of matrices of its size.
const DECOMPOSITION: f64 = 10.0;

/// The time of a closed form, in multiplications of matrices with a row for each pixel.
const CLOSED_FORM: f64 = 30.0;

impl<'d> Estimate<'d> {
    /// An estimate without measurements.
    pub fn new(data: &'d Data, device: Device) -> Self {
        Self { data, device, timed: HashMap::new(), fitted: HashSet::new() }
    }

    /// The seconds that a run takes on one core; 0 if its data are missing and of unknown size. Missing images of known size
    /// are replaced by others. The principal components of its images are part of the first run that needs them.
    ///
    /// # Errors
    /// If its model cannot be built.
    pub fn seconds(&mut self, run: &Run) -> Result<f64> {
        let RunConfig { learner, data, epochs, .. } = &run.config;
        let Some(images) = self.images(data, FEW_IMAGES)? else { return Ok(0.0) };
        let mut seconds = self.components(run, &images);
        if !learner.learns() {
            return Ok(seconds + CLOSED_FORM * product(&images) / RATE);
        }
        let epochs_in_all = f64::from(*epochs) + learner.epochs_at_end();
        seconds += epochs_in_all * self.epoch(run, &images)?;
        if let Some((model, most)) = learner.heads_at_end(&images, *epochs) {
            let mut heads = run.clone();
            heads.config.learner = LearnerConfig::from(FrozenProbe::new(Features::Random, model));
            seconds += f64::from(most) * self.epoch(&heads, &images)?;
        }
        Ok(seconds)
    }

    /// The seconds of an epoch: its steps, and the evaluation after it.
    fn epoch(&mut self, run: &Run, images: &Images) -> Result<f64> {
        let DataConfig { train, validation, test, .. } = run.config.data;
        let Timed { fixed, image, evaluated } = self.timed(run, images)?;
        let steps = (train / run.config.batch) as f64;
        Ok(steps * (fixed + image * run.config.batch as f64) + (validation + test) as f64 * evaluated)
    }

    /// The seconds of fitting the principal components of the training images: of their covariance and its
    /// eigendecomposition.
    fn components(&mut self, run: &Run, images: &Images) -> f64 {
        let RunConfig { learner, data, .. } = &run.config;
        if !learner.fits_components(images) || !self.fitted.insert(data.clone()) {
            return 0.0;
        }
        let d = images.n_pixels() as f64;
        (2.0 * data.train as f64 * d * d + DECOMPOSITION * product(images)) / RATE
    }

    /// The times of a model, measured once for each geometry: on few images first, and on more until a step takes [`STEP_S`].
    fn timed(&mut self, run: &Run, images: &Images) -> Result<Timed> {
        let mut timed = run.clone();
        timed.config.learner.time_alike();
        let geometry = (images.train.image_shape(), images.classes.len());
        let model = serde_json::to_string(&timed.config.learner).expect("a config is plain data");
        let name = format!("{geometry:?} {model}");
        if let Some(known) = self.timed.get(&name) {
            return Ok(*known);
        }
        let whole = timed.config.batch;
        let mut time = |n: usize| {
            timed.config.batch = n;
            match self.images(&timed.config.data, n)? {
                Some(images) => timed.time(&images, &self.device),
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
        self.timed.insert(name, found);
        Ok(found)
    }

    /// The first `n` training and test images of a set, or others of their size; `None` if that is unknown.
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
        Images::of(&config, &set).map(Some)
    }
}

/// The FLOP of multiplying two matrices with a row and a column for each pixel.
fn product(images: &Images) -> f64 {
    2.0 * (images.n_pixels() as f64).powi(3)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use models::{AdamConfig, Architecture, fc, fc::Size};

    use super::*;
    use crate::learners::cre;
    use crate::training::Hardware;

    fn run(lambda: f64, epochs: u32) -> Run {
        let data = DataConfig::new("fashion-mnist", 1_000, 0, 100);
        let model = Architecture::Fc(fc::Config::of(Size::S, 4));
        let (optimiser, hardware) = (AdamConfig::PAPER, Hardware::Cpu);
        let learner = cre(model, lambda);
        Run {
            config: RunConfig { data, rotation: None, learner, optimiser, batch: 50, epochs, hardware },
            seed: 0,
        }
    }

    /// The measured times are fixed, so that no clock decides.
    fn estimate(data: &Data) -> Estimate<'_> {
        let mut estimate = Estimate::new(data, Device::Cpu);
        let images = estimate.images(&run(0.5, 1).config.data, FEW_IMAGES).unwrap().unwrap();
        for run in [run(0.5, 1), heads(&images)] {
            estimate.timed(&run, &images).unwrap();
        }
        for timed in estimate.timed.values_mut() {
            *timed = Timed { fixed: 1.0, image: 0.1, evaluated: 0.01 };
        }
        estimate
    }

    fn heads(images: &Images) -> Run {
        let (model, _) = run(1.0, 1).config.learner.heads_at_end(images, 1).unwrap();
        let mut heads = run(1.0, 1);
        heads.config.learner = LearnerConfig::from(FrozenProbe::new(Features::Random, model));
        heads
    }

    #[test]
    fn a_model_is_timed_once_and_its_epochs_heads_and_components_are_counted() {
        let data = Data { open: HashMap::new(), missing: BTreeMap::new() };
        let mut estimate = estimate(&data);
        let n = estimate.timed.len();
        let (d, epoch) = (784.0f64, 20.0 * (1.0 + 50.0 * 0.1) + 100.0 * 0.01);
        let components = (2.0 * 1_000.0 * d * d + DECOMPOSITION * 2.0 * d.powi(3)) / RATE;
        let close = |got: f64, wanted: f64| assert!((got - wanted).abs() < 1e-9 * wanted, "{got} {wanted}");
        // A classifier alone, the first of its images.
        close(estimate.seconds(&run(0.0, 3)).unwrap(), components + 3.0 * epoch);
        // Heads on components, for as many epochs.
        close(estimate.seconds(&run(1.0, 3)).unwrap(), 6.0 * epoch);
        close(estimate.seconds(&run(0.5, 3)).unwrap(), (3.0 + 7.0 / 3.0) * epoch);
        assert_eq!(estimate.timed.len(), n);
        let unknown = DataConfig::new("a set of mine", 10, 0, 10);
        let unknown = Run { config: RunConfig { data: unknown, ..run(0.5, 3).config }, seed: 0 };
        assert_eq!(estimate.seconds(&unknown).unwrap(), 0.0);
    }
}
