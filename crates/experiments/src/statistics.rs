//! Statistics of verdicts, from means to decisions.
//!
//! [`rules`] holds the thresholds with their reasons, [`estimate`] the intervals over seeds and test images, [`formula`] the
//! effects, [`decision`] the decision of one row, and [`holm`] that of all rows about a claim. Simulations with known truth
//! check their error rates.

pub mod decision;
pub mod estimate;
pub mod formula;
pub mod holm;
pub mod rules;
#[cfg(test)]
mod simulation;

use std::fmt::{self, Display, Formatter};

use self::estimate::Estimate;
use self::rules::LEVEL;

/// A mean with a confidence interval from Student's t distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// The lower end; minus infinity for one value.
    pub low: f64,
    /// The upper end; infinity for one value.
    pub high: f64,
}

impl Interval {
    /// The interval multiplied by a factor, such as for another unit; a negative factor swaps the ends.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        let [one, other] = [factor * self.low, factor * self.high];
        Self { mean: factor * self.mean, low: one.min(other), high: one.max(other) }
    }
}

/// The mean and the interval in brackets, with the precision and sign of the format; the mean alone if the interval is
/// unbounded, as for one value.
impl Display for Interval {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.mean.fmt(f)?;
        if self.low.is_finite() && self.high.is_finite() {
            f.write_str(" [")?;
            self.low.fmt(f)?;
            f.write_str(", ")?;
            self.high.fmt(f)?;
            f.write_str("]")?;
        }
        Ok(())
    }
}

/// The mean.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The median; NaN for no values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

/// The smallest and the largest value.
pub fn range(values: &[f64]) -> (f64, f64) {
    let fold = |start, pick: fn(f64, f64) -> f64| values.iter().copied().fold(start, pick);
    (fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max))
}

/// The mean of independent values, or of differences of paired values, with its 95 % interval over seeds.
pub fn interval(values: &[f64]) -> Interval {
    Estimate::of_seeds(values).interval(LEVEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_known_sample_is_correct() {
        // Mean 3, standard deviation sqrt(2.5), standard error sqrt(0.5), t(4) = 2.776 to three decimals.
        let Interval { mean, low, high } = interval(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(mean, 3.0);
        assert!((high - (3.0 + 2.776 * 0.5f64.sqrt())).abs() < 5e-4 && (low + high - 6.0).abs() < 1e-12);
        assert_eq!(interval(&[1.0]).high, f64::INFINITY);
    }

    #[test]
    fn an_interval_is_written_with_its_ends_if_it_is_bounded() {
        let of = interval(&[0.01, 0.02, 0.03]);
        assert_eq!(format!("{:+.1}", of.times(100.0)), "+2.0 [-0.5, +4.5]");
        assert_eq!(format!("{:+.1}", of.times(-100.0)), "-2.0 [-4.5, +0.5]");
        assert_eq!(format!("{:.2}", interval(&[0.5])), "0.50");
    }

    #[test]
    fn medians_and_ranges_of_known_values_are_correct() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
        assert!(median(&[]).is_nan());
        assert_eq!(range(&[2.0, -1.0]), (-1.0, 2.0));
    }
}
