//! Loss scaling for training in `F16`.

use autograd::{Gradients, Tape, Var};
use serde::{Deserialize, Serialize};

use crate::error::require;
use crate::{Error, Result};

/// Dynamic loss scaling: multiplies the loss before the backward pass and divides the gradients afterwards, because
/// gradients below 2^-24 underflow in `DType::F16` (Micikevicius et al., 2018, arXiv 1710.03740, section 3.2).
///
/// The factor is a power of two, so scaling is exact. It is halved whenever a gradient is not finite, and doubled after
/// a number of consecutive steps with finite gradients. A step recorded on a GPU keeps the factor at the time of
/// recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossScale {
    scale: f64,
    patience: u64,
    /// The current number of consecutive steps with finite gradients.
    good_steps: u64,
    /// The total number of steps.
    steps: u64,
}

impl LossScale {
    /// The minimum scale: gradients that are not finite at this scale are treated as not finite at any scale.
    const SMALLEST: f64 = 1.0 / (1u64 << 24) as f64;

    /// Common default settings: an initial scale of 2^16, doubled after 2,000 finite steps.
    pub fn new() -> Self {
        Self { scale: 2f64.powi(16), patience: 2000, good_steps: 0, steps: 0 }
    }

    /// Settings with an initial scale of 2^`exponent`, from -24 to 127, doubled after `patience` finite steps, at least
    /// one.
    ///
    /// # Errors
    /// [`Error::Setting`] for other values.
    pub fn starting_at(exponent: i32, patience: u64) -> Result<Self> {
        let (expected, got) = ("an integer from -24 to 127", f64::from(exponent));
        require((-24..=127).contains(&exponent), "exponent of the loss scale", expected, got)?;
        let scale = Self { scale: 2f64.powi(exponent), patience, good_steps: 0, steps: 0 };
        scale.check().map(|()| scale)
    }

    /// Checks the ranges, which a stored state may violate.
    fn check(&self) -> Result<()> {
        let in_range = (Self::SMALLEST..=f64::from(f32::MAX)).contains(&self.scale);
        require(in_range, "loss scale", "a number from 2^-24 to 3.4e38", self.scale)?;
        require(self.patience > 0, "patience of the loss scale", "at least 1", self.patience as f64)
    }

    /// The current scale.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Computes the gradients of `loss` like [`Tape::backward`], from the scaled loss. Returns `None` if one of them is
    /// not finite: then the step must be skipped, and the scale has been halved for the next step.
    ///
    /// # Errors
    /// As [`Tape::backward`]; [`Error::Diverged`] if the gradients are not finite at the minimum scale;
    /// [`Error::Setting`] if a stored state has an invalid scale or patience.
    pub fn backward(&mut self, tape: &Tape, loss: &Var<'_>) -> Result<Option<Gradients>> {
        self.check()?;
        let scaled = tape.backward(&loss.scale(self.scale)?)?;
        let step = self.steps;
        self.steps += 1;
        if scaled.are_finite()? {
            let gradients = scaled.times(1.0 / self.scale)?;
            self.good_steps += 1;
            if self.good_steps >= self.patience {
                let most = 2f64.powi(127);
                (self.scale, self.good_steps) = ((2.0 * self.scale).min(most), 0);
            }
            return Ok(Some(gradients));
        }
        (self.scale, self.good_steps) = (self.scale / 2.0, 0);
        if self.scale < Self::SMALLEST {
            let (loss, value) = ("the gradient", f64::NAN);
            return Err(Error::Diverged { step: step as usize, loss, value, first: None });
        }
        Ok(None)
    }
}

impl Default for LossScale {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::*;

    /// The gradient of `factor mean(x^2)` with respect to `x` in `F16`.
    fn of_square(scale: &mut LossScale, x: f64, factor: f64) -> Result<Option<f64>> {
        let tape = Tape::new();
        let x = tape.input(&Tensor::full(x, &[1], DType::F16));
        let zero = tape.constant(&Tensor::zeros(&[1], DType::F16));
        let loss = x.mse(&zero)?.scale(factor)?;
        let gradients = scale.backward(&tape, &loss)?;
        Ok(gradients.map(|gradients| gradients.of(&x).unwrap().item().unwrap()))
    }

    #[test]
    fn a_gradient_below_the_smallest_f16_value_is_preserved() {
        let tiny = 2f64.powi(-30);
        assert_eq!(of_square(&mut LossScale::starting_at(0, 1).unwrap(), 1.0, tiny), Ok(Some(0.0)));
        assert_eq!(of_square(&mut LossScale::new(), 1.0, tiny), Ok(Some(2.0 * tiny)));
    }

    #[test]
    fn non_finite_gradients_halve_the_scale_until_they_are_finite() {
        let mut scale = LossScale::new();
        // The gradient 2 * 256 times the scale is finite in `F16` up to a scale of 2^6: from 65,520 on, values round to
        // infinity.
        for exponent in (7..=16).rev() {
            assert_eq!(scale.scale(), 2f64.powi(exponent));
            assert_eq!(of_square(&mut scale, 256.0, 1.0), Ok(None));
        }
        assert_eq!(of_square(&mut scale, 256.0, 1.0), Ok(Some(512.0)));
        assert_eq!(scale.scale(), 64.0);
    }

    #[test]
    fn consecutive_finite_steps_double_the_scale_and_a_non_finite_one_resets_the_count() {
        let mut scale = LossScale::starting_at(4, 3).unwrap();
        let mut scales = vec![];
        for good in [true, true, false, true, true, true, true] {
            let gradient = of_square(&mut scale, if good { 1.0 } else { 60_000.0 }, 1.0).unwrap();
            assert_eq!(gradient, good.then_some(2.0));
            scales.push(scale.scale());
        }
        assert_eq!(scales, [16.0, 16.0, 8.0, 8.0, 8.0, 16.0, 16.0]);
    }

    #[test]
    fn gradients_that_are_never_finite_are_an_error() {
        let mut scale = LossScale::starting_at(-22, 1).unwrap();
        assert_eq!(of_square(&mut scale, 1.0, f64::INFINITY), Ok(None));
        assert_eq!(of_square(&mut scale, 1.0, f64::INFINITY), Ok(None));
        let error = of_square(&mut scale, 1.0, f64::INFINITY).unwrap_err();
        assert!(matches!(error, Error::Diverged { step: 2, loss: "the gradient", .. }), "{error}");
    }
}
