//! Evaluation over batches, without gradients.

use autograd::Tape;
use tensor::{Indices, Tensor};

use super::{Objective, Trainer};
use crate::{Error, Mode, Representation, Result};

/// A model that can be evaluated on labelled images.
pub trait Evaluate {
    /// The metrics of a batch.
    ///
    /// # Errors
    /// If a shape does not match.
    fn measure(&self, images: &Tensor, labels: &Indices, mode: Mode) -> Result<Metrics>;

    /// Latents, reconstructions and logits of a batch of unmasked images.
    ///
    /// # Errors
    /// If the shape of the images does not match.
    fn represent(&self, images: &Tensor) -> Result<Representation>;
}

/// Sums of metrics over images.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Metrics {
    /// The number of images.
    pub n: usize,
    /// The sum of the images' mean squared errors; NaN without a reconstruction.
    pub mse: f64,
    /// The sum of the images' cross-entropies.
    pub cross_entropy: f64,
    /// The number of correctly classified images.
    pub correct: usize,
}

impl Metrics {
    /// The metrics of a batch with known mean losses.
    pub fn of_means(mse: f64, cross_entropy: f64, logits: &Tensor, labels: &Indices) -> Self {
        let n = labels.len();
        let [mse, cross_entropy] = [mse, cross_entropy].map(|mean| n as f64 * mean);
        Self { n, mse, cross_entropy, correct: count_correct(logits, labels) }
    }

    /// The metrics of a model's outputs for a batch of images with labels `[n]`.
    ///
    /// # Errors
    /// If a shape does not match.
    pub fn of(made: &Representation, images: &Tensor, labels: &Indices) -> Result<Self> {
        let tape = Tape::without_gradients();
        let mse = tape.constant(&made.reconstruction).mse(&tape.constant(images))?.value().item()?;
        let cross_entropy = mean_cross_entropy(&made.logits, labels)?;
        Ok(Self::of_means(mse, cross_entropy, &made.logits, labels))
    }

    /// Adds the metrics of other images.
    pub fn add(&mut self, other: Self) {
        self.n += other.n;
        self.mse += other.mse;
        self.cross_entropy += other.cross_entropy;
        self.correct += other.correct;
    }

    /// The averages over all images.
    ///
    /// # Errors
    /// [`Error::NoBatches`] if there was no image.
    pub fn means(self) -> Result<Evaluation> {
        let Self { n, mse, cross_entropy, correct } = self;
        if n == 0 {
            return Err(Error::NoBatches);
        }
        let [mse, cross_entropy, accuracy] = [mse, cross_entropy, correct as f64].map(|sum| sum / n as f64);
        Ok(Evaluation { mse, cross_entropy, accuracy, n })
    }
}

/// The metrics of a model on a set of images, averaged over the images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// The mean squared error of the reconstructions; NaN without reconstructions.
    pub mse: f64,
    /// The mean cross-entropy.
    pub cross_entropy: f64,
    /// Top-1 accuracy.
    pub accuracy: f64,
    /// The number of images.
    pub n: usize,
}

/// Evaluates a model on batches of images, without gradients (`book/cre.md`, section 2.4).
///
/// # Errors
/// [`Error::NoBatches`] if there are none.
pub fn evaluate<M: Evaluate + ?Sized>(
    model: &M,
    batches: impl IntoIterator<Item = (Tensor, Indices)>,
) -> Result<Evaluation> {
    evaluate_in(|_| Mode::Evaluation, model, batches)
}

/// Evaluates with patches masked as in training, with fixed masks for each batch. The MSE is that of the masked patches
/// only, for any [`MaskedLoss`](crate::MaskedLoss) of training; without masking it is that of the whole image.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_masked<M: Evaluate + ?Sized>(
    model: &M,
    batches: impl IntoIterator<Item = (Tensor, Indices)>,
) -> Result<Evaluation> {
    evaluate_in(|batch| Mode::MaskedEvaluation { batch }, model, batches)
}

/// Evaluates each batch in the mode that `mode` returns for its index.
fn evaluate_in<M: Evaluate + ?Sized>(
    mode: impl Fn(u64) -> Mode,
    model: &M,
    batches: impl IntoIterator<Item = (Tensor, Indices)>,
) -> Result<Evaluation> {
    let mut sums = Metrics::default();
    for (batch, (images, labels)) in (0u64..).zip(batches) {
        sums.add(model.measure(&images, &labels, mode(batch))?);
    }
    sums.means()
}

impl<O: Objective + Evaluate> Trainer<O> {
    /// [`evaluate()`] for the trained model.
    pub fn evaluate(&self, batches: impl IntoIterator<Item = (Tensor, Indices)>) -> Result<Evaluation> {
        evaluate(&self.objective, batches)
    }

    /// Latents, reconstructions and logits of a batch.
    ///
    /// # Errors
    /// If the shape of the images does not match.
    pub fn represent(&self, images: &Tensor) -> Result<Representation> {
        self.objective.represent(images)
    }
}

/// The mean cross-entropy of logits `[n, classes]`, without gradients.
///
/// # Errors
/// Unless there is one label for each row.
pub fn mean_cross_entropy(scores: &Tensor, labels: &Indices) -> Result<f64> {
    let tape = Tape::without_gradients();
    Ok(tape.constant(scores).softmax_cross_entropy(labels)?.value().item()?)
}

/// For each row of logits `[n, classes]`, whether its largest element, the first in a tie, is at the label.
pub fn correct(logits: &Tensor, labels: &Indices) -> Vec<bool> {
    let scores = logits.to_f64_vec();
    let classes = logits.shape().last().copied().unwrap_or(1).max(1);
    let rows = scores.chunks_exact(classes).zip(labels.as_slice());
    rows.map(|(row, label)| {
        let first_largest = (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b]));
        first_largest == Some(*label as usize)
    })
    .collect()
}

/// The number of rows of logits `[n, classes]` that are [`correct`].
pub fn count_correct(logits: &Tensor, labels: &Indices) -> usize {
    correct(logits, labels).into_iter().filter(|&correct| correct).count()
}

#[cfg(test)]
mod tests {
    use tensor::DType;

    use super::*;

    #[test]
    fn the_first_of_equal_scores_is_the_prediction() {
        let logits = Tensor::from_vec(vec![1.0f32, 1.0, 0.0, 0.0, 2.0, 2.0], &[2, 3]).unwrap();
        assert_eq!(count_correct(&logits, &Indices::new(vec![0, 2])), 1);
        assert_eq!(count_correct(&logits, &Indices::new(vec![0, 1])), 2);
    }

    #[test]
    fn images_of_small_and_large_batches_have_equal_weight() {
        let mut sums = Metrics::default();
        for (pixel, scores, labels) in
            [(1.0, vec![0.0, 1.0, 2.0, 2.0, 5.0, 4.0], vec![1, 0, 1]), (3.0, vec![0.0, 1.0], vec![0])]
        {
            let n = labels.len();
            let images = Tensor::zeros(&[n, 4], DType::F64);
            let made = Representation {
                z: Tensor::zeros(&[n, 1], DType::F64),
                reconstruction: Tensor::full(pixel, &[n, 4], DType::F64),
                logits: Tensor::from_vec(scores, &[n, 2]).unwrap(),
            };
            sums.add(Metrics::of(&made, &images, &Indices::new(labels)).unwrap());
        }
        let Evaluation { mse, cross_entropy, accuracy, n } = sums.means().unwrap();
        // The first of equal logits is the prediction. A logit that is smaller by 1 costs ln(1 + e).
        assert_eq!((mse, accuracy, n), ((3.0 * 1.0 + 9.0) / 4.0, 0.5, 4));
        let behind = (1.0 + 1f64.exp()).ln();
        assert!((cross_entropy - (3.0 * behind - 1.0 + 2f64.ln()) / 4.0).abs() < 1e-14, "{cross_entropy}");
        assert_eq!(Metrics::default().means(), Err(Error::NoBatches));
    }
}
