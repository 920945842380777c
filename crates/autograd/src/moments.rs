//! Mean and variance, computed so that squares do not overflow.

use tensor::Real;
use tensor::sums::pairwise;

/// Mean and sum of squared deviations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moments<A> {
    pub(crate) mean: A,
    count: A,
    /// The divisor of the deviations before they are squared.
    scale: A,
    /// The sum of the squares of the divided deviations.
    squares: A,
}

impl<A: Real> Moments<A> {
    /// Computes the moments in three passes. The second pass corrects the rounding of the mean, so that equal values
    /// have zero deviation. Terms are divided by the count before they are added, so that no sum overflows.
    pub(crate) fn of(x: impl Iterator<Item = A> + Clone) -> Self {
        let count = A::of(x.clone().count());
        let mean_from = |origin: A| pairwise(x.clone().map(|x| (x - origin) / count));
        let first = mean_from(A::zero());
        let mean = first + mean_from(first);
        let largest = x.clone().map(|x| (x - mean).abs()).fold(A::zero(), A::max);
        let scale = scale_of(largest);
        let square = |x: A| ((x - mean) / scale) * ((x - mean) / scale);
        Self { mean, count, scale, squares: pairwise(x.map(square)) }
    }

    /// The variance: the sum of the squared deviations divided by `divisor`.
    pub(crate) fn variance(&self, divisor: A) -> A {
        self.squares / divisor * self.scale * self.scale
    }

    /// `1 / sqrt(variance + eps)` with the biased variance.
    pub(crate) fn rstd(&self, eps: A) -> A {
        A::one() / ((self.squares / self.count + eps / self.scale / self.scale).sqrt() * self.scale)
    }
}

/// The divisor of deviations before squaring: 1, or the largest deviation if up to 2^32 squares might overflow. The GPU
/// kernels do the same (`common.cuh`).
fn scale_of<A: Real>(largest: A) -> A {
    let safe = A::max_value().sqrt() / A::of(1 << 18);
    if largest > safe { largest } else { A::one() }
}

/// Returns an error of `op` unless `eps` is positive and representable in 32 bits.
pub(crate) fn check_eps(op: &str, eps: f64) -> tensor::Result<()> {
    if (eps as f32).is_normal() && eps > 0.0 {
        return Ok(());
    }
    let expected = format!("an eps in [{:e}, {:e}]", f32::MIN_POSITIVE, f32::MAX);
    Err(tensor::Error::Shape { op: op.into(), expected, got: format!("eps {eps}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_finite_where_squares_overflow() {
        let of = |x: &[f32]| Moments::of(x.iter().copied());
        for size in [1.0f32, 1e10, 1e20, 1e30, 3e38] {
            let moments = of(&[size, 0.0, 0.0, 0.0]);
            // The variance is 3/16 of the squared size; allows a few roundings, but no more digits than the smallest
            // rstd has.
            let (mean, rstd) = (moments.mean / size, moments.rstd(1e-30) * size);
            assert!((mean - 0.25).abs() <= f32::EPSILON, "{size:e}: {mean}");
            assert!(
                (rstd - 16f32.sqrt() / 3f32.sqrt()).abs() <= 8.0 * f32::EPSILON * 2.31,
                "{size:e}: {rstd}"
            );
        }
        assert_eq!(of(&[1e30, 0.0, 0.0, 0.0]).variance(4.0), f32::INFINITY);
        assert!(of(&[f32::INFINITY, 0.0]).rstd(1.0).is_nan());
        assert!(of(&[f32::MAX, -f32::MAX, f32::MAX]).rstd(1.0).is_nan());
    }

    #[test]
    fn equal_values_have_no_deviation() {
        for x in [3.3e7f32, 0.1, 1e-30, 1e38, -7.7e20] {
            for n in [1, 2, 3, 7, 1000, 4097] {
                let moments = Moments::of(std::iter::repeat_n(x, n));
                assert_eq!((moments.mean, moments.variance(1.0)), (x, 0.0), "{n} times {x:e}");
            }
        }
    }

    #[test]
    fn an_eps_that_is_not_positive_is_an_error_with_the_range() {
        for eps in [0.0, -1e-5, f64::NAN, f64::INFINITY, 1e-60] {
            let message = check_eps("layer_norm", eps).unwrap_err().to_string();
            assert!(
                message.contains("an eps in [1.1") && message.contains(&format!("eps {eps}")),
                "{message}"
            );
        }
        assert!(check_eps("layer_norm", 1e-12).is_ok());
    }
}
