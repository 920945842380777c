//! Training of an autoencoder with two probes.

use data::{Batches, Split};
use models::train::{Evaluate, GuidedObjective, Metrics, Train};
use models::{
    EpochReport, Evaluation, Example, Guided, Mode, Module, Representation, Trainer, count_correct, evaluate,
    mean_cross_entropy,
};
use ndarray::{Array2, ArrayView2};
use tensor::random::Stream;
use tensor::{Indices, Tensor};

use super::spectrum::Spectrum;
use super::task::{Masked, Objective, Task};
use crate::Result;
use crate::images::Images;
use crate::training::batches::in_order;
use crate::training::{Scalars, Setup, Training};

/// The factor from mean squared errors of pixels in [0, 1] to those of pixels in [-1, 1], which other learners report.
const RANGE: f64 = 4.0;

/// An autoencoder and its linear probe, evaluated on images with pixels in [-1, 1].
struct InRange<'a> {
    model: &'a Guided,
    shape: [usize; 3],
}

impl Evaluate for InRange<'_> {
    fn measure(&self, images: &Tensor, labels: &Indices, _: Mode) -> models::Result<Metrics> {
        let Representation { reconstruction, logits, .. } = self.represent(images)?;
        let gaps = reconstruction.as_slice::<f32>()?.iter().zip(images.as_slice::<f32>()?);
        let squares: f64 = gaps.map(|(a, b)| f64::from(a - b).powi(2)).sum();
        Ok(Metrics {
            n: labels.len(),
            mse: squares / images.shape()[1] as f64,
            cross_entropy: labels.len() as f64 * mean_cross_entropy(&logits, labels)?,
            correct: count_correct(&logits, labels),
        })
    }

    fn represent(&self, images: &Tensor) -> models::Result<Representation> {
        let n = images.shape()[0];
        let h = self.model.autoencoder().encode(&unit(images, self.shape)?)?;
        let reconstruction = normalised(&self.model.autoencoder().decoder().output(&h)?)?;
        let logits = self.model.linear().output(&h)?;
        let k = h.len() / n;
        Ok(Representation { z: h.reshape(&[n, k])?, reconstruction, logits })
    }
}

/// An autoencoder in training.
pub(super) struct AutoencoderTraining<'a> {
    task: Task,
    model: &'a Guided,
    trainer: Trainer<GuidedObjective<'a>>,
    evaluated: InRange<'a>,
    batches: Batches<'a>,
    images: &'a Images,
    /// The mean of the training images in [0, 1], which replaces masked pixels; empty without masking.
    mean: Vec<f32>,
    mask: Stream,
    spectrum: Option<Spectrum>,
}

impl<'a> AutoencoderTraining<'a> {
    /// # Errors
    /// If the batch is larger than the training set.
    pub(super) fn new(task: &Task, setup: &Setup<'a>, model: &'a Guided) -> Result<Self> {
        let &Setup { images, seed, .. } = setup;
        let batches = Batches::new(&images.train, setup.batch, Stream::new(seed, "shuffle"))?;
        let objective = match task.objective {
            Objective::Reconstruction => GuidedObjective::new(model, 0.0),
            Objective::Guided { weight } => GuidedObjective::new(model, weight),
            Objective::Supervised => GuidedObjective::supervised(model),
        };
        let mean = match task.masked {
            Some(_) => images.mean()?.iter().map(|x| ((x + 1.0) / 2.0) as f32).collect(),
            None => vec![],
        };
        Ok(Self {
            task: *task,
            model,
            trainer: setup.one_cycle(objective, task.weight_decay, task.decayed)?,
            evaluated: InRange { model, shape: images.train.image_shape() },
            batches,
            images,
            mean,
            mask: Stream::new(seed, "mask"),
            spectrum: if task.spectrum { Some(Spectrum::of(images)?) } else { None },
        })
    }

    /// A batch as images in [0, 1].
    fn unit(&self, images: &Tensor) -> Result<Tensor> {
        Ok(unit(images, self.images.train.image_shape())?)
    }
}

impl Masked {
    /// Images `[n, c, h, w]` with masked patches replaced by the mean image; the mask of each image is drawn from the
    /// sequence of its position in the batch.
    fn removed(self, images: &Tensor, mean: &[f32], of_step: &Stream) -> Tensor {
        let &[_, c, h, w] = images.shape() else { unreachable!("images have channels and two sides") };
        let side = self.patch.max(1);
        let across = w.div_ceil(side);
        let mut pixels = images.as_slice::<f32>().expect("batches are in f32").to_vec();
        for (place, image) in pixels.chunks_exact_mut(c * h * w).enumerate() {
            let mut words = of_step.sequence(place as u64);
            let dropped: Vec<bool> =
                (0..across * h.div_ceil(side)).map(|_| words.uniform() < self.drop).collect();
            for (index, (pixel, mean)) in image.iter_mut().zip(mean).enumerate() {
                let (row, column) = (index / w % h, index % w);
                if dropped[row / side * across + column / side] {
                    *pixel = *mean;
                }
            }
        }
        Tensor::from_vec(pixels, images.shape()).expect("there are as many pixels as before")
    }
}

/// Normalised images as images `[n, c, h, w]` in [0, 1].
fn unit(images: &Tensor, [c, h, w]: [usize; 3]) -> models::Result<Tensor> {
    let pixels: Vec<f32> = images.as_slice::<f32>()?.iter().map(|x| (x + 1.0) / 2.0).collect();
    Ok(Tensor::from_vec(pixels, &[images.shape()[0], c, h, w])?)
}

/// Images in [0, 1] as rows in [-1, 1].
fn normalised(images: &Tensor) -> models::Result<Tensor> {
    let n = images.shape()[0];
    let pixels: Vec<f32> = images.as_slice::<f32>()?.iter().map(|x| 2.0 * x - 1.0).collect();
    let d = pixels.len() / n;
    Ok(Tensor::from_vec(pixels, &[n, d])?)
}

impl Training for AutoencoderTraining<'_> {
    fn trainer(&self) -> &dyn Train {
        &self.trainer
    }

    fn trainer_mut(&mut self) -> &mut dyn Train {
        &mut self.trainer
    }

    fn epoch(&mut self, epoch: u32) -> models::Result<EpochReport> {
        let shape = self.images.train.image_shape();
        let first = (u64::from(epoch) - 1) * self.batches.per_epoch() as u64;
        let (masked, mean, mask) = (self.task.masked, &self.mean, &self.mask);
        let examples = (first..).zip(self.batches.epoch(u64::from(epoch))).map(|(step, batch)| {
            let batch = batch.expect("rows of a split are within it");
            let whole = unit(&batch.images, shape).expect("batches are in f32");
            let (images, target) = match masked {
                None => (whole, None),
                Some(masked) => (masked.removed(&whole, mean, &mask.child(&step.to_string())), Some(whole)),
            };
            Example { images, target, labels: batch.labels }
        });
        let report = self.trainer.epoch(epoch, examples)?;
        Ok(EpochReport { mse: RANGE * report.mse, ..report })
    }

    fn evaluate(&self, split: &Split) -> Result<Evaluation> {
        Ok(evaluate(&self.evaluated, in_order(split)?)?)
    }

    fn represent(&self, images: &Tensor) -> Result<Representation> {
        Ok(self.evaluated.represent(images)?)
    }

    fn observe(&self) -> Result<Scalars> {
        let mut scalars = Scalars::new();
        let (mut correct, mut n) = (0, 0);
        for (images, labels) in in_order(&self.images.test)? {
            let h = self.model.autoencoder().encode(&self.unit(&images)?)?;
            correct += count_correct(&self.model.nonlinear().output(&h)?, &labels);
            n += labels.len();
        }
        scalars.insert("test_nonlinear_accuracy".into(), correct as f64 / n as f64);
        if let Some(spectrum) = &self.spectrum {
            scalars.extend(spectrum.measure(&self.images.train, |images| self.reconstructed(images))?);
        }
        Ok(scalars)
    }

    /// All parameters, including those of an untrained decoder.
    fn params_and_buffers(&self) -> Vec<(String, Tensor)> {
        let learned = self.model.params().into_iter().chain(self.model.buffers());
        learned.map(|(name, param)| (name, param.value())).collect()
    }
}

impl AutoencoderTraining<'_> {
    /// Reconstructions in [0, 1] as rows in f64.
    fn reconstructed(&self, images: &Tensor) -> Result<Array2<f64>> {
        let images = self.model.autoencoder().reconstruct(&self.unit(images)?)?;
        let n = images.shape()[0];
        let pixels = images.as_slice::<f32>()?;
        let rows = ArrayView2::from_shape((n, pixels.len() / n), pixels).expect("images of one size");
        Ok(rows.mapv(f64::from))
    }
}
