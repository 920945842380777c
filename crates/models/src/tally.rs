//! What training and evaluation add up: the steps of an epoch, the images of a data set.

use autograd::{Param, Tape};
use tensor::{Indices, Tensor};

use crate::{Conflict, EpochReport, Error, Evaluation, Representation, Result};

impl Conflict {
    /// Of the two losses' gradients at z, each in the same pieces, which count as one long vector; not a number where
    /// one of the gradients is zero.
    pub(crate) fn between(of_mse: &[&Tensor], of_cross_entropy: &[&Tensor]) -> Self {
        let numbers =
            |pieces: &[&Tensor]| -> Vec<Vec<f64>> { pieces.iter().map(|piece| piece.to_f64_vec()).collect() };
        let (x, y) = (numbers(of_mse), numbers(of_cross_entropy));
        let dot = |x: &[Vec<f64>], y: &[Vec<f64>]| -> f64 {
            x.iter().flatten().zip(y.iter().flatten()).map(|(x, y)| x * y).sum()
        };
        let (norm_x, norm_y) = (dot(&x, &x).sqrt(), dot(&y, &y).sqrt());
        Self { cosine: dot(&x, &y) / (norm_x * norm_y), norm_ratio: norm_x / norm_y }
    }
}

/// One step of training.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepReport {
    pub(crate) mse: f64,
    pub(crate) cross_entropy: f64,
    pub(crate) conflict: Conflict,
}

/// Refuses a loss that is no longer a number; `step` counts from 0 within the epoch.
pub(crate) fn finite(step: usize, loss: &'static str, value: f64) -> Result<f64> {
    match value.is_finite() {
        true => Ok(value),
        false => Err(Error::Diverged { step, loss, value, first: None }),
    }
}

/// What anomaly detection found first, with the name of the parameter; `None` if everything on it is finite.
pub(crate) fn in_words(tape: &Tape, params: &[(String, &Param)]) -> Option<String> {
    let first = tape.first_non_finite()?;
    let param = params.iter().find(|(_, param)| first.is_at(param)).map(|(name, _)| name);
    Some(match (first.op(), param) {
        (Some(op), Some(name)) => format!("`{op}` behind `{name}`"),
        (Some(op), None) => format!("`{op}`"),
        (None, Some(name)) => format!("the parameter `{name}`"),
        (None, None) => "what the model was given".into(),
    })
}

/// The sums over the steps of an epoch.
#[derive(Debug, Default)]
pub(crate) struct EpochTally {
    steps: usize,
    mse: f64,
    cross_entropy: f64,
    /// The steps in which neither gradient is zero.
    opposed: usize,
    cosine: f64,
    norm_ratio: f64,
}

impl EpochTally {
    pub(crate) fn add(&mut self, step: StepReport) {
        let StepReport { mse, cross_entropy, conflict } = step;
        self.steps += 1;
        self.mse += mse;
        self.cross_entropy += cross_entropy;
        if conflict.cosine.is_finite() && conflict.norm_ratio.is_finite() {
            self.opposed += 1;
            self.cosine += conflict.cosine;
            self.norm_ratio += conflict.norm_ratio;
        }
    }

    /// The averages; [`Error::NoBatches`] if there was no step.
    pub(crate) fn report(self, epoch: u32) -> Result<EpochReport> {
        let Self { steps, mse, cross_entropy, opposed, cosine, norm_ratio } = self;
        if steps == 0 {
            return Err(Error::NoBatches);
        }
        let (n, n_opposed) = (steps as f64, opposed as f64);
        let conflict = Conflict { cosine: cosine / n_opposed, norm_ratio: norm_ratio / n_opposed };
        Ok(EpochReport { epoch, steps, mse: mse / n, cross_entropy: cross_entropy / n, conflict })
    }
}

/// The sums over the images of an evaluation.
#[derive(Debug, Clone, Default)]
pub(crate) struct EvaluationTally {
    n: usize,
    mse: f64,
    cross_entropy: f64,
    correct: usize,
}

impl EvaluationTally {
    /// Takes in a batch: what a model makes of it, its images and its classes `[n]`.
    pub(crate) fn add(&mut self, made: &Representation, images: &Tensor, labels: &Indices) -> Result<()> {
        let tape = Tape::without_gradients();
        let mse = tape.constant(&made.reconstruction).mse(&tape.constant(images))?.value().item()?;
        let cross_entropy = tape.constant(&made.logits).softmax_cross_entropy(labels)?.value().item()?;
        self.n += labels.len();
        self.mse += labels.len() as f64 * mse;
        self.cross_entropy += labels.len() as f64 * cross_entropy;
        self.correct += count_correct(&made.logits, labels);
        Ok(())
    }

    /// The averages; [`Error::NoBatches`] if there was no image.
    pub(crate) fn report(self) -> Result<Evaluation> {
        let Self { n, mse, cross_entropy, correct } = self;
        if n == 0 {
            return Err(Error::NoBatches);
        }
        let images = n as f64;
        let accuracy = correct as f64 / images;
        Ok(Evaluation { mse: mse / images, cross_entropy: cross_entropy / images, accuracy, n })
    }
}

/// How many rows have their first largest score at their label.
fn count_correct(logits: &Tensor, labels: &Indices) -> usize {
    let scores = logits.to_f64_vec();
    let rows = scores.chunks_exact(logits.shape()[1]).zip(labels.as_slice());
    rows.filter(|(row, label)| {
        let first_largest = (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b]));
        first_largest == Some(**label as usize)
    })
    .count()
}

#[cfg(test)]
mod tests {
    use tensor::DType;

    use super::*;

    fn vector(values: &[f64]) -> Tensor {
        Tensor::from_slice(values, &[values.len()]).unwrap()
    }

    #[test]
    fn gradients_in_pieces_are_compared_as_one_vector() {
        let [x, y] = [[vector(&[3.0]), vector(&[4.0])], [vector(&[-6.0]), vector(&[-8.0])]];
        let Conflict { cosine, norm_ratio } = Conflict::between(&x.each_ref(), &y.each_ref());
        assert!((cosine + 1.0).abs() < 1e-15 && (norm_ratio - 0.5).abs() < 1e-15);
    }

    #[test]
    fn steps_with_a_gradient_of_zero_count_for_the_losses_only() {
        let mut tally = EpochTally::default();
        let zero = Conflict::between(&[&vector(&[1.0])], &[&vector(&[0.0])]);
        let known = Conflict { cosine: 0.5, norm_ratio: 2.0 };
        for (mse, conflict) in [(1.0, zero), (3.0, known)] {
            tally.add(StepReport { mse, cross_entropy: 7.0, conflict });
        }
        let report = EpochReport { epoch: 4, steps: 2, mse: 2.0, cross_entropy: 7.0, conflict: known };
        assert_eq!(tally.report(4), Ok(report));
        assert_eq!(EpochTally::default().report(1), Err(Error::NoBatches));
    }

    #[test]
    fn images_of_a_small_batch_weigh_as_much_as_those_of_a_large_one() {
        let mut tally = EvaluationTally::default();
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
            tally.add(&made, &images, &Indices::new(labels)).unwrap();
        }
        let Evaluation { mse, cross_entropy, accuracy, n } = tally.report().unwrap();
        // Of equal scores the first is the prediction. A score that is behind by one costs ln(1 + e).
        assert_eq!((mse, accuracy, n), ((3.0 * 1.0 + 9.0) / 4.0, 0.5, 4));
        let behind = (1.0 + 1f64.exp()).ln();
        assert!((cross_entropy - (3.0 * behind - 1.0 + 2f64.ln()) / 4.0).abs() < 1e-14, "{cross_entropy}");
        assert_eq!(EvaluationTally::default().report(), Err(Error::NoBatches));
    }
}
