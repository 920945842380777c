//! Training of an autoencoder with two probes.

use data::{Augmentation, Batches, Resident, Split};
use models::train::{Evaluate, GuidedObjective, Metrics, Train};
use models::{
    EpochReport, Evaluation, Example, Guided, Mode, Module, Representation, Trainer, affine, count_correct,
    evaluate, mean_cross_entropy,
};
use ndarray::{Array2, ArrayView2};
use tensor::random::Stream;
use tensor::{Device, Indices, Tensor};

use super::masking::MaskedOnGpu;
use super::spectrum::Spectrum;
use super::task::{Objective, Task};
use crate::Result;
use crate::images::Images;
use crate::training::batches::resident_batches;
use crate::training::evaluated::Evaluated;
use crate::training::with_batches::on_cpu;
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
        let made = self.represent(images)?;
        if images.device() != Device::Cpu {
            return Metrics::of(&made, images, labels);
        }
        let Representation { reconstruction, logits, .. } = made;
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
    measured: InRange<'a>,
    source: Source<'a>,
    evaluated: Evaluated<'a>,
    images: &'a Images,
    device: Device,
    spectrum: Option<Spectrum>,
}

/// The batches, with masks where the config has them.
#[expect(clippy::large_enum_variant, reason = "a run has one")]
enum Source<'a> {
    Cpu {
        batches: Batches<'a>,
        /// The mean of the training images in [0, 1], which replaces masked pixels; empty without masking.
        mean: Vec<f32>,
        mask: Stream,
    },
    Gpu {
        resident: Resident,
        masked: Option<MaskedOnGpu>,
    },
}

impl<'a> Source<'a> {
    fn new(task: &Task, setup: &Setup<'a>) -> Result<Self> {
        let &Setup { images, seed, batch, device, .. } = setup;
        let [shuffle, mask] = ["shuffle", "mask"].map(|purpose| Stream::new(seed, purpose));
        let mean: Vec<f32> = match task.masked {
            Some(_) => images.mean()?.iter().map(|x| ((x + 1.0) / 2.0) as f32).collect(),
            None => vec![],
        };
        let Device::Cuda(gpu) = device else {
            return Ok(Self::Cpu { batches: Batches::new(&images.train, batch, shuffle)?, mean, mask });
        };
        let resident = Resident::new(gpu, &images.train, batch, shuffle, (Augmentation::None, shuffle))?;
        let masked = match task.masked {
            None => None,
            Some(masked) => {
                let mean = Tensor::from_slice(&mean, &[mean.len()])?.to_device(device)?;
                Some(MaskedOnGpu::new(gpu, masked, &mean, mask)?)
            }
        };
        Ok(Self::Gpu { resident: resident.in_unit_range(), masked })
    }
}

impl<'a> AutoencoderTraining<'a> {
    /// # Errors
    /// If the batch is larger than the training set.
    pub(super) fn new(task: &Task, setup: &Setup<'a>, model: &'a Guided) -> Result<Self> {
        let images = setup.images;
        let source = Source::new(task, setup)?;
        let objective = match task.objective {
            Objective::Reconstruction => GuidedObjective::new(model, 0.0),
            Objective::Guided { weight } => GuidedObjective::new(model, weight),
            Objective::Supervised => GuidedObjective::supervised(model),
        };
        let mut trainer = setup.one_cycle(objective, task.weight_decay, task.decayed)?;
        trainer.to_device(setup.device)?;
        // The decoder is evaluated even where it is not trained.
        models::to_device(model.params().into_iter().chain(model.buffers()), setup.device)?;
        Ok(Self {
            task: *task,
            model,
            trainer,
            measured: InRange { model, shape: images.train.image_shape() },
            source,
            evaluated: Evaluated::new(setup)?,
            images,
            device: setup.device.clone(),
            spectrum: if task.spectrum { Some(Spectrum::of(images)?) } else { None },
        })
    }

    /// A batch as images in [0, 1].
    fn unit(&self, images: &Tensor) -> Result<Tensor> {
        Ok(unit(images, self.images.train.image_shape())?)
    }
}

/// The report with the error of pixels in [-1, 1].
fn in_range(report: EpochReport) -> EpochReport {
    EpochReport { mse: RANGE * report.mse, ..report }
}

/// Normalised images as images `[n, c, h, w]` in [0, 1].
fn unit(images: &Tensor, [c, h, w]: [usize; 3]) -> models::Result<Tensor> {
    Ok(affine(images, 0.5, 0.5)?.reshape(&[images.shape()[0], c, h, w])?)
}

/// Images in [0, 1] as rows in [-1, 1].
fn normalised(images: &Tensor) -> models::Result<Tensor> {
    let n = images.shape()[0];
    Ok(affine(images, 2.0, -1.0)?.reshape(&[n, images.len() / n])?)
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
        let first = |per_epoch: usize| (u64::from(epoch) - 1) * per_epoch as u64;
        let (batches, mean, mask) = match &self.source {
            Source::Cpu { batches, mean, mask } => (batches, mean, mask),
            Source::Gpu { resident, masked } => {
                let first = first(resident.per_epoch());
                let before =
                    |step: usize| masked.as_ref().map_or(Ok(()), |masked| masked.select(first + step as u64));
                let example = |number| {
                    let (images, labels) = resident.gather(number)?;
                    let ([c, h, w], n) = (shape, images.shape()[0]);
                    let whole = images.reshape(&[n, c, h, w])?;
                    Ok(match masked {
                        None => (whole, labels).into(),
                        Some(masked) => {
                            Example { images: masked.removed(&whole)?, target: Some(whole), labels }
                        }
                    })
                };
                let batches = resident_batches(resident, epoch, before, example)?;
                return Ok(in_range(self.trainer.epoch(epoch, batches)?));
            }
        };
        let (masked, first) = (self.task.masked, first(batches.per_epoch()));
        let examples = (first..).zip(batches.epoch(u64::from(epoch))).map(|(step, batch)| {
            let batch = batch.expect("rows of a split are within it");
            let whole = unit(&batch.images, shape).expect("batches are in f32");
            let (images, target) = match masked {
                None => (whole, None),
                Some(masked) => (masked.removed(&whole, mean, &mask.child(&step.to_string())), Some(whole)),
            };
            Example { images, target, labels: batch.labels }
        });
        Ok(in_range(self.trainer.epoch(epoch, examples)?))
    }

    fn evaluate(&self, split: &Split) -> Result<Evaluation> {
        self.evaluated.on(split, |batches| evaluate(&self.measured, batches))
    }

    fn represent(&self, images: &Tensor) -> Result<Representation> {
        on_cpu(self.measured.represent(&images.to_device(&self.device)?)?)
    }

    fn observe(&self) -> Result<Scalars> {
        let mut scalars = Scalars::new();
        let (mut correct, mut n) = (0, 0);
        for batch in self.evaluated.batches(&self.images.test)? {
            let (images, labels) = batch?;
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
        let images = self.unit(&images.to_device(&self.device)?)?;
        let images = self.model.autoencoder().reconstruct(&images)?.to_device(&Device::Cpu)?;
        let n = images.shape()[0];
        let pixels = images.as_slice::<f32>()?;
        let rows = ArrayView2::from_shape((n, pixels.len() / n), pixels).expect("images of one size");
        Ok(rows.mapv(f64::from))
    }
}
