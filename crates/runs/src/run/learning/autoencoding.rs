//! An autoencoder with two probes on its latent, and the spectrum of what it reconstructs.

use data::{Batches, Split};
use models::{
    Adam, Conflict, EpochReport, Evaluation, Example, Guided, Learner, Mode, Module, Representation,
    Schedule, count_correct, mean_cross_entropy,
};
use ndarray::{Array2, ArrayView2};
use tensor::Tensor;
use tensor::random::Stream;

use super::{Learning, in_order};
use crate::Result;
use crate::images::Images;
use crate::run::Run;
use crate::run::autoencoding::{Autoencoding, Masked, Objective};
use crate::run::observed::Scalars;
use crate::run::spectrum::Spectrum;

/// The ratio of mean squared errors in the range of other learners, [-1, 1], to those in [0, 1].
const RANGE: f64 = 4.0;

/// An autoencoder in training. It sees and gives images in [0, 1].
pub(in crate::run) struct OfAutoencoder<'a> {
    config: Autoencoding,
    model: &'a Guided,
    learner: Learner<'a, Adam>,
    batches: Batches<'a>,
    images: &'a Images,
    /// The mean of the training images in [0, 1], which fills what is masked; empty where nothing is.
    mean: Vec<f32>,
    mask: Stream,
    spectrum: Option<Spectrum>,
}

impl<'a> OfAutoencoder<'a> {
    /// # Errors
    /// If the batches are larger than the set.
    pub(in crate::run) fn new(
        run: &Run,
        config: &Autoencoding,
        images: &'a Images,
        model: &'a Guided,
    ) -> Result<Self> {
        let batches = Batches::new(&images.train, run.config.batch, Stream::new(run.seed, "shuffle"))?;
        // A run of no epochs asks no schedule.
        let steps = (batches.per_epoch() as u64 * u64::from(run.config.epochs)).max(1);
        let mut params = model.params();
        if config.objective == Objective::Supervised {
            params.retain(|(name, _)| !name.starts_with("autoencoder.decoder."));
        }
        let adam = Adam::new(&params, run.config.optimiser)?;
        let decays = |name: &str, shape: &[usize]| config.decayed.includes(name, shape);
        let adam = adam.with_weight_decay_where(config.weight_decay, decays)?;
        let mean = match config.masked {
            Some(_) => images.mean()?.iter().map(|x| ((x + 1.0) / 2.0) as f32).collect(),
            None => vec![],
        };
        Ok(Self {
            config: *config,
            model,
            learner: Learner::new(params, model.buffers(), adam, Schedule::OneCycle { steps })?,
            batches,
            images,
            mean,
            mask: Stream::new(run.seed, "mask"),
            spectrum: if config.spectrum { Some(Spectrum::of(images)?) } else { None },
        })
    }

    fn masked(&self, images: &Tensor, Masked { patch, drop }: Masked, step: u64) -> models::Result<Tensor> {
        let [c, h, w] = self.images.train.image_shape();
        let across = w.div_ceil(patch.max(1));
        let mut pixels = images.as_slice::<f32>()?.to_vec();
        let of_step = self.mask.child(&step.to_string());
        for (place, image) in pixels.chunks_exact_mut(c * h * w).enumerate() {
            let mut words = of_step.sequence(place as u64);
            let dropped: Vec<bool> =
                (0..across * h.div_ceil(patch.max(1))).map(|_| words.uniform() < drop).collect();
            for (index, (pixel, mean)) in image.iter_mut().zip(&self.mean).enumerate() {
                let (row, column) = (index / w % h, index % w);
                if dropped[row / patch.max(1) * across + column / patch.max(1)] {
                    *pixel = *mean;
                }
            }
        }
        Ok(Tensor::from_vec(pixels, images.shape())?)
    }

    /// A batch as images in [0, 1].
    fn unit(&self, images: &Tensor) -> Result<Tensor> {
        unit(images, self.images.train.image_shape())
    }
}

/// Normalised images as images `[n, c, h, w]` in [0, 1].
fn unit(images: &Tensor, [c, h, w]: [usize; 3]) -> Result<Tensor> {
    let pixels: Vec<f32> = images.as_slice::<f32>()?.iter().map(|x| (x + 1.0) / 2.0).collect();
    Ok(Tensor::from_vec(pixels, &[images.shape()[0], c, h, w])?)
}

/// Images in [0, 1] as rows in [-1, 1].
fn normalised(images: &Tensor) -> Result<Tensor> {
    let n = images.shape()[0];
    let pixels: Vec<f32> = images.as_slice::<f32>()?.iter().map(|x| 2.0 * x - 1.0).collect();
    let d = pixels.len() / n;
    Ok(Tensor::from_vec(pixels, &[n, d])?)
}

impl Learning for OfAutoencoder<'_> {
    fn epoch(&mut self, epoch: u32) -> models::Result<EpochReport> {
        let (mut mse, mut cross_entropy, mut steps) = (0.0, 0.0, 0);
        for batch in self.batches.epoch(u64::from(epoch)) {
            let batch = batch.expect("rows of a split are within it");
            let whole = unit(&batch.images, self.images.train.image_shape()).expect("batches are in f32");
            let (images, target) = match self.config.masked {
                None => (whole, None),
                Some(masked) => (self.masked(&whole, masked, self.learner.steps())?, Some(whole)),
            };
            let example = Example { images, target, labels: batch.labels };
            let (model, objective) = (self.model, self.config.objective);
            let guidance = match objective {
                Objective::Reconstruction => 0.0,
                Objective::Guided { weight } => weight,
                Objective::Supervised => 1.0,
            };
            let mut seen = [0.0; 2];
            self.learner.step(|tape, mode: Mode| {
                let losses = model.losses_of(tape, &example, guidance, mode)?;
                seen = [losses.mse.value().item()?, losses.linear.cross_entropy.value().item()?];
                Ok(if objective == Objective::Supervised { losses.probes } else { losses.total })
            })?;
            mse += RANGE * seen[0];
            cross_entropy += seen[1];
            steps += 1;
        }
        let conflict = Conflict { cosine: f64::NAN, norm_ratio: f64::NAN };
        let [mse, cross_entropy] = [mse, cross_entropy].map(|sum| sum / steps as f64);
        Ok(EpochReport { epoch, steps, mse, cross_entropy, conflict })
    }

    fn evaluate(&self, split: &Split) -> Result<Evaluation> {
        let (mut mse, mut cross_entropy, mut right, mut n) = (0.0, 0.0, 0, 0);
        for (images, labels) in in_order(split)? {
            let Representation { reconstruction, logits, .. } = self.represent(&images)?;
            let gaps = reconstruction.as_slice::<f32>()?.iter().zip(images.as_slice::<f32>()?);
            let squares: f64 = gaps.map(|(a, b)| f64::from(a - b).powi(2)).sum();
            mse += squares / images.shape()[1] as f64;
            cross_entropy += labels.len() as f64 * mean_cross_entropy(&logits, &labels)?;
            right += count_correct(&logits, &labels);
            n += labels.len();
        }
        let [mse, cross_entropy, accuracy] = [mse, cross_entropy, right as f64].map(|sum| sum / n as f64);
        Ok(Evaluation { mse, cross_entropy, accuracy, n })
    }

    fn represent(&self, images: &Tensor) -> Result<Representation> {
        let n = images.shape()[0];
        let h = self.model.autoencoder().encode(&self.unit(images)?)?;
        let reconstruction = normalised(&self.model.autoencoder().decoder().output(&h)?)?;
        let logits = self.model.linear().output(&h)?;
        let k = h.len() / n;
        Ok(Representation { z: h.reshape(&[n, k])?, reconstruction, logits })
    }

    fn observe(&self) -> Result<Scalars> {
        let mut scalars = Scalars::new();
        let (mut right, mut n) = (0, 0);
        for (images, labels) in in_order(&self.images.test)? {
            let h = self.model.autoencoder().encode(&self.unit(&images)?)?;
            right += count_correct(&self.model.nonlinear().output(&h)?, &labels);
            n += labels.len();
        }
        scalars.insert("test_nonlinear_accuracy".into(), right as f64 / n as f64);
        if let Some(spectrum) = &self.spectrum {
            scalars.extend(spectrum.measure(&self.images.train, |images| self.reconstructed(images))?);
        }
        Ok(scalars)
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.learner.state()
    }

    fn load(&mut self, stored: &dyn Fn(&str) -> Option<Tensor>) -> models::Result<()> {
        self.learner.load(stored)
    }

    fn learned(&self) -> Vec<(String, Tensor)> {
        let learned = self.model.params().into_iter().chain(self.model.buffers());
        learned.map(|(name, param)| (name, param.value())).collect()
    }
}

impl OfAutoencoder<'_> {
    /// Reconstructions in [0, 1] as rows in f64.
    fn reconstructed(&self, images: &Tensor) -> Result<Array2<f64>> {
        let images = self.model.autoencoder().reconstruct(&self.unit(images)?)?;
        let n = images.shape()[0];
        let pixels = images.as_slice::<f32>()?;
        let rows = ArrayView2::from_shape((n, pixels.len() / n), pixels).expect("images of one size");
        Ok(rows.mapv(f64::from))
    }
}
