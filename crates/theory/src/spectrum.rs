//! Effective dimension of a representation, computed from the spectrum of its covariance.

use ndarray::{Array2, ArrayView2};

use crate::{Result, centred::centred, check, linalg};

/// The effective rank of Roy and Vetterli (2007): `exp(-sum p_i ln p_i)`, where `p` are the eigenvalues of the
/// covariance of `codes: [n, d]`, divided by their sum.
///
/// It is `k` if the variance is equal along `k` directions and zero along all others, and 0 for constant codes.
///
/// Fails if there are no codes, or if a value is not finite.
pub fn effective_rank(codes: ArrayView2<'_, f64>) -> Result<f64> {
    check::samples("codes", codes, 1)?;
    let product = product(codes);
    let values = linalg::eigen("covariance of the codes", product)?.values;
    let positive = || values.iter().filter(|&&value| value > 0.0);
    let sum: f64 = positive().sum();
    if sum == 0.0 {
        return Ok(0.0);
    }
    let entropy: f64 = positive().map(|value| value / sum).map(|p| -p * p.ln()).sum();
    Ok(entropy.exp())
}

/// The participation ratio `(sum v_i)^2 / sum v_i^2` of the eigenvalues `v` of the covariance of `codes: [n, d]`
/// (section 2.5 of `book/cre.md`).
///
/// It is `k` if the variance is equal along `k` directions and zero along all others, and 0 for constant codes. The sums
/// are the trace and the squared Frobenius norm of the covariance, so no eigenvalue is computed.
///
/// Fails if there are no codes, or if a value is not finite.
pub fn participation_ratio(codes: ArrayView2<'_, f64>) -> Result<f64> {
    check::samples("codes", codes, 1)?;
    let product = product(codes);
    check::finite("covariance of the codes", product.view())?;
    let trace = product.diag().sum();
    if trace == 0.0 {
        return Ok(0.0);
    }
    let squares: f64 = product.iter().map(|entry| (entry / trace) * (entry / trace)).sum();
    Ok(1.0 / squares)
}

/// The covariance or the Gram matrix of the centred codes, whichever is smaller; up to a factor, both have the same
/// nonzero eigenvalues.
fn product(codes: ArrayView2<'_, f64>) -> Array2<f64> {
    let (_, mut x) = centred(codes);
    let largest = x.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    // Without this scaling, fourth powers could overflow or underflow.
    if largest > 0.0 && !(1e-70..1e70).contains(&largest) {
        x /= largest;
    }
    if x.ncols() <= x.nrows() { x.t().dot(&x) } else { x.dot(&x.t()) }
}

#[cfg(test)]
mod tests {
    use ndarray::{Axis, array, concatenate};

    use super::*;
    use crate::noise::Noise;

    /// Codes with a diagonal covariance: one positive and one negative sample along each direction.
    fn spread(deviations: &[f64]) -> Array2<f64> {
        let forth: Array2<f64> = Array2::from_diag(&ndarray::ArrayView1::from(deviations));
        concatenate![Axis(0), forth, forth.mapv(|x: f64| -x)] + 3.0
    }

    /// The tolerance for a few operations on values below 10.
    const TOLERANCE: f64 = 1_000.0 * f64::EPSILON;

    #[test]
    fn equal_variances_count_their_directions() {
        for k in 1..=5 {
            let deviations: Vec<f64> = (0..5).map(|i| if i < k { 2.0 } else { 0.0 }).collect();
            for measure in [effective_rank, participation_ratio] {
                let got = measure(spread(&deviations).view()).unwrap();
                assert!((got - k as f64).abs() < TOLERANCE, "{got} of {k}");
            }
        }
    }

    #[test]
    fn two_unequal_variances_follow_the_formulas() {
        let codes = spread(&[3f64.sqrt(), 1.0]); // fractions 3/4 and 1/4
        let entropy = -(0.75 * 0.75f64.ln() + 0.25 * 0.25f64.ln());
        assert!((effective_rank(codes.view()).unwrap() - entropy.exp()).abs() < TOLERANCE);
        assert!((participation_ratio(codes.view()).unwrap() - 1.0 / 0.625).abs() < TOLERANCE);
    }

    #[test]
    fn the_scale_of_the_codes_changes_nothing_however_small_or_large() {
        let codes = Noise::new(2).normal(20, 4);
        for measure in [effective_rank, participation_ratio] {
            let expected = measure(codes.view()).unwrap();
            for scale in [1e-200, 1e-90, 1e-3, 1e90, 1e200] {
                let got = measure((scale * &codes).view()).unwrap();
                assert!((got - expected).abs() < TOLERANCE, "{scale:e}: {got} {expected}");
            }
        }
    }

    #[test]
    fn more_dimensions_than_codes_give_the_same_values() {
        let narrow = Noise::new(1).normal(6, 3);
        let wide = concatenate![Axis(1), narrow, Array2::zeros((6, 7))];
        for measure in [effective_rank, participation_ratio] {
            let [narrow, wide] = [&narrow, &wide].map(|codes| measure(codes.view()).unwrap());
            assert!((narrow - wide).abs() < TOLERANCE, "{narrow} {wide}");
        }
    }

    #[test]
    fn constant_codes_have_dimension_zero() {
        for measure in [effective_rank, participation_ratio] {
            for n in [1, 2, 6, 1_000, 5_001] {
                assert_eq!(measure(Array2::from_elem((n, 3), 0.1).view()).unwrap(), 0.0);
            }
            assert!(measure(Array2::zeros((0, 3)).view()).is_err());
            assert!(measure(array![[f64::NAN]].view()).is_err());
        }
    }
}
