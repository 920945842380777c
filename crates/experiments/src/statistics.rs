//! Numbers over seeds: medians, means, and intervals for paired differences.

use std::fmt::{self, Display, Formatter};

/// A mean with a 95 % interval from Student's t distribution.
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
    /// The same in other units; turned round by a factor below 0.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        let [one, other] = [factor * self.low, factor * self.high];
        Self { mean: factor * self.mean, low: one.min(other), high: one.max(other) }
    }
}

/// The mean and the interval in brackets, all three with the asked precision and sign; the mean alone where one value
/// leaves the interval without ends.
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

/// The middle value, or the mean of the two in the middle; not a number for no values.
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

/// The mean of values that share nothing, or of differences of paired ones, with its 95 % interval.
pub fn interval(values: &[f64]) -> Interval {
    let (n, mean) = (values.len() as f64, mean(values));
    if values.len() < 2 {
        return Interval { mean, low: f64::NEG_INFINITY, high: f64::INFINITY };
    }
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = t_quantile(values.len() - 1) * (variance / n).sqrt();
    Interval { mean, low: mean - half, high: mean + half }
}

/// The 97.5 % quantile of Student's t with this many degrees of freedom.
///
/// Exact to three decimals up to ten; beyond, the expansion around the normal quantile (Abramowitz and
/// Stegun, 26.7.5), whose error there is below 0.001.
fn t_quantile(degrees: usize) -> f64 {
    const EXACT: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    if let Some(&quantile) = degrees.checked_sub(1).and_then(|index| EXACT.get(index)) {
        return quantile;
    }
    let (z, n) = (1.959_964_f64, degrees as f64);
    let g1 = (z.powi(3) + z) / 4.0;
    let g2 = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let g3 = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + g1 / n + g2 / n.powi(2) + g3 / n.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantiles_are_those_of_the_tables() {
        for (degrees, expected) in
            [(1, 12.706), (4, 2.776), (11, 2.201), (15, 2.131), (30, 2.042), (120, 1.980)]
        {
            assert!((t_quantile(degrees) - expected).abs() < 1e-3, "{degrees}: {}", t_quantile(degrees));
        }
    }

    #[test]
    fn the_interval_of_a_known_sample() {
        // Mean 3, standard deviation sqrt(2.5), standard error sqrt(0.5), t(4) = 2.776.
        let Interval { mean, low, high } = interval(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(mean, 3.0);
        assert!((high - (3.0 + 2.776 * 0.5f64.sqrt())).abs() < 1e-12 && (low + high - 6.0).abs() < 1e-12);
        assert_eq!(interval(&[1.0]).high, f64::INFINITY);
    }

    #[test]
    fn an_interval_is_written_with_its_ends_where_it_has_any() {
        let of = interval(&[0.01, 0.02, 0.03]);
        assert_eq!(format!("{:+.1}", of.times(100.0)), "+2.0 [-0.5, +4.5]");
        assert_eq!(format!("{:+.1}", of.times(-100.0)), "-2.0 [-4.5, +0.5]");
        assert_eq!(format!("{:.2}", interval(&[0.5])), "0.50");
    }

    #[test]
    fn medians_and_ranges() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
        assert!(median(&[]).is_nan());
        assert_eq!(range(&[2.0, -1.0]), (-1.0, 2.0));
    }
}
