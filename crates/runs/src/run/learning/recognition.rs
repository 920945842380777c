//! A classifier that learns from projected images.

use std::sync::Arc;

use data::{Augmentation, Split};
use models::train::ClassifierObjective;
use models::{Adam, EpochReport, Evaluation, Module, Schedule, Sequential, Trainer};
use ndarray::{Array2, ArrayView2, Axis};
use tensor::random::Stream;
use tensor::{Indices, Tensor};

use super::Learning;
use crate::images::{Images, LARGEST_DECOMPOSED};
use crate::run::observed::Scalars;
use crate::run::recognition::{Recognition, RecognitionLoss};
use crate::run::{EVALUATED_AT_ONCE, Run};
use crate::store::Arrays;
use crate::subspaces::{Kept, Normaliser, Seen, Subspaces};
use crate::{Error, Result};

/// A classifier with the images as it sees them.
pub(in crate::run) struct OfRecognition<'a> {
    model: &'a Sequential,
    trainer: Trainer<ClassifierObjective<'a>>,
    train: Projected<'a>,
    subspaces: Arc<Subspaces>,
    kept: Kept,
    normaliser: Normaliser,
    batch: usize,
    shuffle: Stream,
}

/// Training images as the classifier sees them.
struct Projected<'a> {
    /// The pixels, `[n, d]`.
    pixels: Array2<f32>,
    labels: &'a [u8],
    shape: [usize; 3],
    crop: Option<u32>,
    augment: Stream,
}

impl<'a> OfRecognition<'a> {
    /// # Errors
    /// If the batches are larger than the set, or nothing is left of the images.
    pub(in crate::run) fn new(
        run: &Run,
        config: &Recognition,
        images: &'a Images,
        model: &'a Sequential,
    ) -> Result<Self> {
        let (batch, n) = (run.config.batch, images.train.len());
        if batch == 0 || batch > n {
            return Err(Error::Usage(format!(
                "batches of {batch} images: wanted 1 to {n}, the number of images"
            )));
        }
        let large = images.train.image_shape().iter().product::<usize>() > LARGEST_DECOMPOSED;
        let subspaces = match config.seen {
            Seen::Whole if large => Arc::new(Subspaces::undivided(&images.train)?),
            _ => images.subspaces()?,
        };
        let kept = subspaces.kept(config.seen)?;
        let (normaliser, train) = Normaliser::fit(subspaces.project(&images.train, kept));
        // A run of no epochs asks no schedule.
        let steps = ((n / batch) as u64 * u64::from(run.config.epochs)).max(1);
        let adam = Adam::new(&model.params(), run.config.optimiser)?;
        let decays = |_: &str, shape: &[usize]| config.decayed.includes(shape);
        let adam = adam.with_weight_decay_where(config.weight_decay, decays)?;
        Ok(Self {
            model,
            trainer: Trainer::with_optimisers(
                ClassifierObjective::new(model, config.loss == RecognitionLoss::OneHotMse),
                vec![Box::new(adam)],
                Schedule::OneCycle { steps },
            )?,
            train: Projected {
                pixels: train,
                labels: images.train.labels(),
                shape: images.train.image_shape(),
                crop: config.crop,
                augment: Stream::new(run.seed, "augment"),
            },
            subspaces,
            kept,
            normaliser,
            batch,
            shuffle: Stream::new(run.seed, "shuffle"),
        })
    }
}

impl Projected<'_> {
    /// The images of these rows, changed at random where that is asked for, and their labels.
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

impl Learning for OfRecognition<'_> {
    fn epoch(&mut self, epoch: u32) -> models::Result<EpochReport> {
        let (train, first) = (&self.train, self.trainer.steps());
        let rows = self.shuffle.permutation(train.pixels.nrows(), u64::from(epoch));
        let batches = (first..).zip(rows.chunks_exact(self.batch));
        self.trainer.epoch(epoch, batches.map(|(step, rows)| train.batch(rows, step)))
    }

    fn evaluate(&self, split: &Split) -> Result<Evaluation> {
        let images = self.normaliser.apply(self.subspaces.project(split, self.kept));
        let [c, h, w] = self.train.shape;
        let batch = |(chunk, labels): (ArrayView2<'_, f32>, &[u8])| {
            let pixels = chunk.as_slice().expect("chunks of rows are contiguous");
            let images = Tensor::from_slice(pixels, &[chunk.nrows(), c, h, w]);
            let labels = Indices::new(labels.iter().map(|&label| u32::from(label)).collect());
            (images.expect("the pixels fill the images"), labels)
        };
        let labels = split.labels().chunks(EVALUATED_AT_ONCE);
        let batches = images.axis_chunks_iter(Axis(0), EVALUATED_AT_ONCE).zip(labels).map(batch);
        Ok(self.trainer.evaluate(batches)?)
    }

    fn finals(&self, _: &Images) -> Arrays {
        Arrays::new()
    }

    fn observe(&self) -> Result<Scalars> {
        Ok(Scalars::from([
            ("components".into(), self.kept.n as f64),
            ("share".into(), self.kept.share),
            ("variance".into(), self.kept.variance),
        ]))
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.trainer.state()
    }

    fn load(&mut self, stored: &dyn Fn(&str) -> Option<Tensor>) -> models::Result<()> {
        self.trainer.load(stored)
    }

    fn learned(&self) -> Vec<(String, Tensor)> {
        let learned = self.model.params().into_iter().chain(self.model.buffers());
        learned.map(|(name, param)| (name, param.value())).collect()
    }
}
