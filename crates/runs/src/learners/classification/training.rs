//! Training of a classifier on projected images.

use std::cell::OnceCell;
use std::sync::Arc;

use data::{Augmentation, Resident, Split};
use models::train::{ClassifierObjective, Train};
use models::{EpochReport, Evaluation, Sequential, Trainer};
use ndarray::{Array2, ArrayView2, Axis};
use tensor::random::Stream;
use tensor::{Device, Indices, Tensor};

use super::task::{ClassificationLoss, Task};
use crate::subspaces::{Normaliser, Selection, Subspaces};
use crate::training::batches::{EVALUATED_AT_ONCE, resident_batches};
use crate::training::evaluated::{Evaluated, until_failure};
use crate::training::{Scalars, Setup, Training};
use crate::{Error, Result};

/// A classifier with its projected and normalised training images.
pub(super) struct ClassifierTraining<'a> {
    trainer: Trainer<ClassifierObjective<'a>>,
    train: Source<'a>,
    evaluated: Evaluated<'a>,
    shape: [usize; 3],
    device: Device,
    subspaces: Arc<Subspaces>,
    selection: Selection,
    normaliser: Normaliser,
    /// The test images, which are evaluated after each epoch, and their projection once there is one.
    test: (&'a Split, OnceCell<Array2<f32>>),
    batch: usize,
    shuffle: Stream,
}

/// The projected and normalised training images, in the memory of the CPU or of a GPU.
enum Source<'a> {
    Cpu(Projected<'a>),
    Gpu(Resident),
}

/// The projected and normalised training images.
struct Projected<'a> {
    /// The pixels, `[n, d]`.
    pixels: Array2<f32>,
    labels: &'a [u8],
    shape: [usize; 3],
    crop: Option<u32>,
    augment: Stream,
}

impl<'a> ClassifierTraining<'a> {
    /// # Errors
    /// If the batch is larger than the training set, or no component is left.
    pub(super) fn new(task: &Task, setup: &Setup<'a>, model: &'a Sequential) -> Result<Self> {
        let &Setup { images, seed, batch, .. } = setup;
        let n = images.train.len();
        if batch == 0 || batch > n {
            return Err(Error::Usage(format!(
                "batches of {batch} images: expected 1 to {n}, the number of training images"
            )));
        }
        let subspaces = match task.is_undivided(images.n_pixels()) {
            true => Arc::new(Subspaces::undivided(&images.train)?),
            false => images.subspaces()?,
        };
        let selection = subspaces.select(task.seen)?;
        let (normaliser, train) = Normaliser::fit(subspaces.project(&images.train, selection));
        let objective = ClassifierObjective::new(model, task.loss == ClassificationLoss::OneHotMse);
        let mut trainer = setup.one_cycle(objective, task.weight_decay, task.decayed)?;
        trainer.to_device(setup.device)?;
        let [shuffle, augment] = ["shuffle", "augment"].map(|purpose| Stream::new(seed, purpose));
        let (labels, shape) = (images.train.labels(), images.train.image_shape());
        let evaluated = Evaluated::with_pixels(setup, &|split| {
            normaliser.apply(subspaces.project(split, selection)).into_raw_vec_and_offset().0
        })?;
        let train = match setup.device {
            Device::Cpu => Source::Cpu(Projected { pixels: train, labels, shape, crop: task.crop, augment }),
            Device::Cuda(gpu) => {
                let pixels = train.as_slice().expect("a matrix in standard layout");
                let change =
                    task.crop.map_or(Augmentation::None, |border| Augmentation::CropAndFlip { border });
                let change = (change, augment);
                Source::Gpu(Resident::with_pixels(gpu, &images.train, pixels, batch, shuffle, change)?)
            }
        };
        let device = setup.device.clone();
        Ok(Self {
            trainer,
            train,
            evaluated,
            shape,
            device,
            subspaces,
            selection,
            normaliser,
            test: (&images.test, OnceCell::new()),
            batch,
            shuffle,
        })
    }

    /// Pixels as images `[n, c, h, w]`.
    fn shaped(&self, pixels: &Tensor) -> tensor::Result<Tensor> {
        let [c, h, w] = self.shape;
        pixels.reshape(&[pixels.shape()[0], c, h, w])
    }
}

impl Projected<'_> {
    /// A batch of these rows, augmented where the config has a crop, and its labels.
    fn batch(&self, rows: &[u32], step: u64) -> (Tensor, Indices) {
        let [c, h, w] = self.shape;
        let mut pixels = Vec::with_capacity(rows.len() * c * h * w);
        for (place, &row) in rows.iter().enumerate() {
            let image = self.pixels.index_axis(Axis(0), row as usize);
            let image = image.as_slice().expect("rows of a matrix in standard layout");
            match self.crop {
                None => pixels.extend_from_slice(image),
                Some(border) => {
                    let crop = Augmentation::CropAndFlip { border };
                    let sources = crop.sources(&self.augment, [step, place as u64], [h, w]);
                    for channel in image.chunks_exact(h * w) {
                        pixels.extend(
                            sources.iter().map(|source| source.map_or(0.0, |source| channel[source])),
                        );
                    }
                }
            }
        }
        let labels = rows.iter().map(|&row| u32::from(self.labels[row as usize])).collect();
        let images = Tensor::from_vec(pixels, &[rows.len(), c, h, w]).expect("the pixels fill the images");
        (images, Indices::new(labels))
    }
}

impl Training for ClassifierTraining<'_> {
    fn trainer(&self) -> &dyn Train {
        &self.trainer
    }

    fn trainer_mut(&mut self) -> &mut dyn Train {
        &mut self.trainer
    }

    fn epoch(&mut self, epoch: u32) -> models::Result<EpochReport> {
        let [c, h, w] = self.shape;
        let train = match &self.train {
            Source::Cpu(train) => train,
            Source::Gpu(resident) => {
                let example = |number| {
                    let (images, labels) = resident.gather(number)?;
                    Ok((images.reshape(&[images.shape()[0], c, h, w])?, labels).into())
                };
                let batches = resident_batches(resident, epoch, |_| Ok(()), example)?;
                return self.trainer.epoch(epoch, batches);
            }
        };
        let first = self.trainer.steps();
        let rows = self.shuffle.permutation(train.pixels.nrows(), u64::from(epoch));
        let batches = (first..).zip(rows.chunks_exact(self.batch));
        self.trainer.epoch(epoch, batches.map(|(step, rows)| train.batch(rows, step)))
    }

    fn evaluate(&self, split: &Split) -> Result<Evaluation> {
        if let Some(batches) = self.evaluated.resident(split) {
            let batches = batches.map(|batch| {
                let (images, labels) = batch?;
                Ok((self.shaped(&images)?, labels))
            });
            return until_failure(Box::new(batches), |batches| self.trainer.evaluate(batches));
        }
        let project = || self.normaliser.apply(self.subspaces.project(split, self.selection));
        let of_others;
        let images = match &self.test {
            (test, projected) if std::ptr::eq(*test, split) => projected.get_or_init(project),
            _ => {
                of_others = project();
                &of_others
            }
        };
        let [c, h, w] = self.shape;
        let batch = |(chunk, labels): (ArrayView2<'_, f32>, &[u8])| {
            let pixels = chunk.as_slice().expect("chunks of rows are contiguous");
            let images = Tensor::from_slice(pixels, &[chunk.nrows(), c, h, w])?.to_device(&self.device)?;
            Ok((images, Indices::new(labels.iter().map(|&label| u32::from(label)).collect())))
        };
        let labels = split.labels().chunks(EVALUATED_AT_ONCE);
        let batches = images.axis_chunks_iter(Axis(0), EVALUATED_AT_ONCE).zip(labels).map(batch);
        until_failure(Box::new(batches), |batches| self.trainer.evaluate(batches))
    }

    fn observe(&self) -> Result<Scalars> {
        Ok(Scalars::from([
            ("components".into(), self.selection.n as f64),
            ("share".into(), self.selection.share),
            ("variance".into(), self.selection.variance),
        ]))
    }
}
