//! A classifier that learns from projected images.

use std::sync::Arc;

use data::{Augmentation, Split};
use models::{
    Adam, Conflict, EpochReport, Evaluation, Learner, Mode, Module, Schedule, Sequential, count_correct,
    mean_cross_entropy,
};
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
    config: Recognition,
    model: &'a Sequential,
    learner: Learner<'a, Adam>,
    /// Training images, `[n, d]`.
    train: Array2<f32>,
    labels: &'a [u8],
    shape: [usize; 3],
    subspaces: Arc<Subspaces>,
    kept: Kept,
    normaliser: Normaliser,
    batch: usize,
    shuffle: Stream,
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
        let decays = |name: &str, shape: &[usize]| config.decayed.includes(name, shape);
        let adam = adam.with_weight_decay_where(config.weight_decay, decays)?;
        Ok(Self {
            config: *config,
            model,
            learner: Learner::new(model.params(), model.buffers(), adam, Schedule::OneCycle { steps })?,
            train,
            labels: images.train.labels(),
            shape: images.train.image_shape(),
            subspaces,
            kept,
            normaliser,
            batch,
            shuffle: Stream::new(run.seed, "shuffle"),
            augment: Stream::new(run.seed, "augment"),
        })
    }

    /// The images of these rows, changed at random where that is asked for, and their labels.
    fn batch(&self, rows: &[u32], step: u64) -> models::Result<(Tensor, Indices)> {
        let [c, h, w] = self.shape;
        let mut pixels = Vec::with_capacity(rows.len() * c * h * w);
        for (place, &row) in rows.iter().enumerate() {
            let image = self.train.index_axis(Axis(0), row as usize);
            let image = image.as_slice().expect("rows of a matrix in standard layout");
            match self.config.crop {
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
        Ok((Tensor::from_vec(pixels, &[rows.len(), c, h, w])?, Indices::new(labels)))
    }

    fn scores(&self, images: ArrayView2<'_, f32>) -> Result<Tensor> {
        let [c, h, w] = self.shape;
        let pixels = images.as_slice().expect("chunks of rows are contiguous");
        Ok(self.model.output(&Tensor::from_slice(pixels, &[images.nrows(), c, h, w])?)?)
    }
}

impl Learning for OfRecognition<'_> {
    fn epoch(&mut self, epoch: u32) -> models::Result<EpochReport> {
        let n = self.train.nrows();
        let rows = self.shuffle.permutation(n, u64::from(epoch));
        let (mut sum, mut steps) = (0.0, 0);
        for rows in rows.chunks_exact(self.batch) {
            let (images, labels) = self.batch(rows, self.learner.steps())?;
            let (model, loss) = (self.model, self.config.loss);
            sum += self.learner.step(|tape, mode: Mode| {
                let scores = model.forward(&tape.constant(&images), mode)?;
                Ok(match loss {
                    RecognitionLoss::CrossEntropy => scores.softmax_cross_entropy(&labels)?,
                    RecognitionLoss::OneHotMse => scores.one_hot_mse(&labels)?,
                })
            })?;
            steps += 1;
        }
        let conflict = Conflict { cosine: f64::NAN, norm_ratio: f64::NAN };
        Ok(EpochReport { epoch, steps, mse: f64::NAN, cross_entropy: sum / steps as f64, conflict })
    }

    fn evaluate(&self, split: &Split) -> Result<Evaluation> {
        let images = self.normaliser.apply(self.subspaces.project(split, self.kept));
        let (mut right, mut entropy) = (0, 0.0);
        for (chunk, labels) in
            images.axis_chunks_iter(Axis(0), EVALUATED_AT_ONCE).zip(split.labels().chunks(EVALUATED_AT_ONCE))
        {
            let scores = self.scores(chunk)?;
            let labels = Indices::new(labels.iter().map(|&label| u32::from(label)).collect());
            right += count_correct(&scores, &labels);
            entropy += chunk.nrows() as f64 * mean_cross_entropy(&scores, &labels)?;
        }
        let n = split.len();
        let [cross_entropy, accuracy] = [entropy, right as f64].map(|sum| sum / n as f64);
        Ok(Evaluation { mse: f64::NAN, cross_entropy, accuracy, n })
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
