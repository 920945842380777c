//! The jackknife standard error, from the values of a statistic with one group of samples left out at a time.

/// The delete-group jackknife (Kott 2001, Journal of Official Statistics 17, 521): the standard error of a statistic of
/// `g` groups of equal size, where `without[i]` is its value without group `i`:
///
/// ```text
/// sqrt((g - 1) / g * sum of (without[i] - mean of without)^2)
/// ```
///
/// An interval uses Student's t with `g - 1` degrees of freedom. Statistics that are evaluated on their training
/// samples, such as an explained fraction of the labels, need the jackknife instead of a bootstrap. A bootstrap repeats
/// samples, so random labels seem to be explained better (`R^2 = D / n` becomes about `D / (0.63 n)`); the jackknife
/// counts no sample twice. `None` for fewer than two groups.
pub fn jackknife_error(without: &[f64]) -> Option<f64> {
    let g = without.len() as f64;
    let mean = without.iter().sum::<f64>() / g;
    let squares: f64 = without.iter().map(|value| (value - mean) * (value - mean)).sum();
    (without.len() >= 2).then(|| ((g - 1.0) / g * squares).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;

    /// For a mean, the jackknife is the usual standard error of the groups' means.
    #[test]
    fn the_error_of_a_mean_is_the_deviation_over_the_root_of_the_number() {
        let groups: Vec<f64> = Noise::new(1).normal(1, 12).iter().copied().collect();
        let g = groups.len() as f64;
        let (sum, mean) = (groups.iter().sum::<f64>(), groups.iter().sum::<f64>() / g);
        let without: Vec<f64> = groups.iter().map(|group| (sum - group) / (g - 1.0)).collect();
        let variance = groups.iter().map(|group| (group - mean).powi(2)).sum::<f64>() / (g - 1.0);
        // Differences of values of magnitude 1, divided by a standard error of some tenths.
        assert!((jackknife_error(&without).unwrap() - (variance / g).sqrt()).abs() < 1e3 * f64::EPSILON);
    }

    #[test]
    fn one_group_has_no_error() {
        assert_eq!((jackknife_error(&[]), jackknife_error(&[1.0])), (None, None));
        assert_eq!(jackknife_error(&[2.0, 2.0]), Some(0.0));
    }
}
