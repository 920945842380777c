//! Reports of training steps and epochs.

use autograd::{Param, Tape};

use super::Conflict;
use crate::{Error, Result};

/// The report of a training step. A loss that the objective does not have is NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// The differentiated loss.
    pub loss: f64,
    /// The mean squared error.
    pub mse: f64,
    /// The cross-entropy.
    pub cross_entropy: f64,
    /// The conflict of the two gradients at z.
    pub conflict: Conflict,
}

/// The report of a training epoch, averaged over its steps. A loss that the objective does not have is NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochReport {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// The number of steps.
    pub steps: usize,
    /// The differentiated loss.
    pub loss: f64,
    /// The mean squared error, in training.
    pub mse: f64,
    /// The cross-entropy, in training.
    pub cross_entropy: f64,
    /// The conflict of the two gradients at z, averaged over the steps in which both are non-zero.
    pub conflict: Conflict,
}

/// The sums of the reported values over the steps of an epoch.
#[derive(Debug, Default)]
pub(super) struct EpochSums {
    steps: usize,
    loss: f64,
    mse: f64,
    cross_entropy: f64,
    /// The number of steps in which both gradients are non-zero.
    opposed: usize,
    cosine: f64,
    norm_ratio: f64,
}

impl EpochSums {
    pub(super) fn add(&mut self, step: StepReport) {
        let StepReport { loss, mse, cross_entropy, conflict } = step;
        self.steps += 1;
        self.loss += loss;
        self.mse += mse;
        self.cross_entropy += cross_entropy;
        if conflict.cosine.is_finite() && conflict.norm_ratio.is_finite() {
            self.opposed += 1;
            self.cosine += conflict.cosine;
            self.norm_ratio += conflict.norm_ratio;
        }
    }

    /// The averages over the steps; [`Error::NoBatches`] if there was no step.
    pub(super) fn report(self, epoch: u32) -> Result<EpochReport> {
        let Self { steps, loss, mse, cross_entropy, opposed, cosine, norm_ratio } = self;
        if steps == 0 {
            return Err(Error::NoBatches);
        }
        let (n, n_opposed) = (steps as f64, opposed as f64);
        let conflict = Conflict { cosine: cosine / n_opposed, norm_ratio: norm_ratio / n_opposed };
        let [loss, mse, cross_entropy] = [loss, mse, cross_entropy].map(|sum| sum / n);
        Ok(EpochReport { epoch, steps, loss, mse, cross_entropy, conflict })
    }
}

/// A description of the first non-finite value on a tape with anomaly detection; `None` if all values are finite.
pub(super) fn in_words(tape: &Tape, params: &[(String, &Param)]) -> Option<String> {
    let first = tape.first_non_finite()?;
    let param = params.iter().find(|(_, param)| first.is_at(param)).map(|(name, _)| name);
    Some(match (first.op(), param) {
        (Some(op), Some(name)) => format!("`{op}` after `{name}`"),
        (Some(op), None) => format!("`{op}`"),
        (None, Some(name)) => format!("the parameter `{name}`"),
        (None, None) => "the input of the model".into(),
    })
}

#[cfg(test)]
mod tests {
    use tensor::Tensor;

    use super::*;

    #[test]
    fn steps_with_a_gradient_of_zero_count_for_the_losses_only() {
        let vector = |value: f64| Tensor::from_slice(&[value], &[1]).unwrap();
        let mut sums = EpochSums::default();
        let zero = Conflict::between(&[&vector(1.0)], &[&vector(0.0)]);
        let known = Conflict { cosine: 0.5, norm_ratio: 2.0 };
        for (mse, conflict) in [(1.0, zero), (3.0, known)] {
            sums.add(StepReport { loss: 7.0 + mse, mse, cross_entropy: 7.0, conflict });
        }
        let (loss, mse, cross_entropy) = (9.0, 2.0, 7.0);
        let report = EpochReport { epoch: 4, steps: 2, loss, mse, cross_entropy, conflict: known };
        assert_eq!(sums.report(4), Ok(report));
        assert_eq!(EpochSums::default().report(1), Err(Error::NoBatches));
    }
}
