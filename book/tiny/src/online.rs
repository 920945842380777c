//! The softmax-weighted mean in one pass, with a running maximum (online softmax: Milakov and Gimelshein, 2018, arXiv
//! 1805.02867).

// ANCHOR: two_passes
/// `sum of softmax(scores) values`, by the definition: one pass for the maximum, one for the sums.
pub fn weighted_mean(scores: &[f64], values: &[f64]) -> f64 {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights = scores.iter().map(|score| (score - largest).exp());
    let (sum, total) =
        weights.zip(values).fold((0.0, 0.0), |(sum, total), (w, value)| (sum + w, total + w * value));
    total / sum
}
// ANCHOR_END: two_passes

// ANCHOR: online
/// The sums so far, relative to the largest score so far.
#[derive(Debug, Clone, Copy)]
pub struct Online {
    largest: f64,
    /// The sum of `exp(score - largest)`.
    sum: f64,
    /// The sum of `exp(score - largest) value`.
    total: f64,
}

impl Online {
    /// Of no scores.
    pub const EMPTY: Self = Self { largest: f64::NEG_INFINITY, sum: 0.0, total: 0.0 };

    /// Of one score with its value.
    pub fn of(score: f64, value: f64) -> Self {
        Self { largest: score, sum: 1.0, total: value }
    }

    /// Of the scores of both: each is rescaled to the larger of the two maxima.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let largest = self.largest.max(other.largest);
        if largest == f64::NEG_INFINITY {
            return Self::EMPTY;
        }
        let [a, b] = [self, other].map(|one| (one.largest - largest).exp());
        Self { largest, sum: a * self.sum + b * other.sum, total: a * self.total + b * other.total }
    }

    /// The weighted mean.
    pub fn mean(self) -> f64 {
        self.total / self.sum
    }

    /// The logarithm of the sum of the exponentials of all scores.
    pub fn log_sum_exp(self) -> f64 {
        self.largest + self.sum.ln()
    }
}
// ANCHOR_END: online

#[cfg(test)]
mod tests {
    use super::*;

    fn near(x: f64, y: f64) -> bool {
        // A few dozen terms of size one.
        (x - y).abs() < 100.0 * f64::EPSILON * y.abs().max(1.0)
    }

    fn scores(size: f64) -> (Vec<f64>, Vec<f64>) {
        let value = |place: usize| ((place * 37 + 11) % 29) as f64 / 14.0 - 1.0;
        ((0..20).map(|place| size * value(place)).collect(), (0..20).map(|place| value(place + 3)).collect())
    }

    #[test]
    fn one_pass_equals_two_also_for_huge_scores() {
        for size in [1.0, 30.0, 1000.0] {
            let (scores, values) = scores(size);
            let each = scores.iter().zip(&values).map(|(score, value)| Online::of(*score, *value));
            let online = each.fold(Online::EMPTY, Online::and);
            assert!(near(online.mean(), weighted_mean(&scores, &values)), "{size}");
        }
    }

    #[test]
    fn parts_may_be_joined_in_any_order() {
        let (scores, values) = scores(3.0);
        let part = |range: std::ops::Range<usize>| {
            range.map(|at| Online::of(scores[at], values[at])).fold(Online::EMPTY, Online::and)
        };
        let whole = part(0..20);
        for cut in 0..=20 {
            let joined = part(cut..20).and(part(0..cut));
            assert!(near(joined.mean(), whole.mean()) && near(joined.log_sum_exp(), whole.log_sum_exp()));
        }
        let direct: f64 = scores.iter().map(|score| score.exp()).sum();
        assert!(near(whole.log_sum_exp(), direct.ln()));
    }
}
