//! Centred kernel alignment, or CKA (Kornblith et al., 2019, arXiv 1905.00414): the similarity of two representations
//! of the same samples.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::{Error, Result, centred::centred, check};

/// The number of rows of a Gram matrix that are held in memory at a time.
const BLOCK: usize = 512;

/// The debiased linear CKA of `x: [n, d]` and `y: [n, e]`, whose rows represent the same `n` samples:
///
/// ```text
/// CKA = HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)),   K = X X^T,   L = Y Y^T
/// ```
///
/// HSIC is the unbiased estimator of Song et al. (2012), where `K~` is `K` with zeros on its diagonal:
///
/// ```text
/// HSIC(K, L) = [tr(K~ L~) + (1^T K~ 1)(1^T L~ 1) / ((n - 1)(n - 2)) - 2 / (n - 2) 1^T K~ L~ 1] / (n (n - 3))
/// ```
///
/// CKA is 1 for representations that differ by a rotation, a scale and a shift, and 0 on average for independent ones,
/// where the biased estimator tends to 1 as `d` and `e` approach `n`; single values may be below 0. Neither of the two
/// Gram matrices is ever stored completely.
///
/// Fails if there are fewer than four samples, if the numbers of samples differ, if a value is not finite, or if
/// `HSIC(K, K)` or `HSIC(L, L)` is within the rounding error of zero. It is zero if all representations are equal, and
/// also if all but one are, because the estimator then cancels exactly.
pub fn debiased_cka(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<f64> {
    check::rows("second representation", y.nrows(), x.nrows())?;
    let (x, y) = (Kernel::new("first representation", x)?, Kernel::new("second representation", y)?);
    Ok(hsic(&x, &y) / (x.own()? * y.own()?).sqrt())
}

/// A linear kernel, given by its features, with the terms of the estimator that depend on this kernel only.
struct Kernel {
    /// Its name in errors.
    what: &'static str,
    /// `X`, `[n, d]`, centred: the estimator is invariant to shifts.
    features: Array2<f64>,
    /// The diagonal of `K`.
    diagonal: Array1<f64>,
    /// `K~ 1`
    row_sums: Array1<f64>,
}

impl Kernel {
    fn new(what: &'static str, x: ArrayView2<'_, f64>) -> Result<Self> {
        check::samples(what, x, 4)?;
        if x.outer_iter().all(|row| row == x.row(0)) {
            return Err(Error::Constant { what, rows: x.nrows() });
        }
        let (_, features) = centred(x);
        check::finite(what, features.view())?;
        // The features are scaled, so that fourth powers do not overflow.
        let largest = features.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        let features = features / largest;
        let diagonal = features.map_axis(Axis(1), |row| row.dot(&row));
        let row_sums = features.dot(&features.sum_axis(Axis(0))) - &diagonal;
        Ok(Self { what, features, diagonal, row_sums })
    }

    /// `HSIC(K, K)`, scaled as in [`hsic`].
    fn own(&self) -> Result<f64> {
        let (got, rounding) = (hsic(self, self), self.rounding());
        if got > rounding {
            return Ok(got);
        }
        let expected = "a debiased HSIC above 0 of the codes with themselves, thus different codes";
        Err(Error::Undetermined { what: self.what, expected, got, rounding })
    }

    /// A bound on the rounding error of `hsic(K, K)`.
    ///
    /// With `t` the trace of `K`, `|K_ij| <= sqrt(K_ii K_jj)` bounds the sums of the absolute values of all terms:
    /// `tr(K K)` and the sum of the squared diagonal by `t^2`, each row sum by `sqrt(n t K_ii) + K_ii`, hence the other
    /// two terms by `(n + 1)^2 t^2 / ((n - 1)(n - 2))` and `4 (n + 1) t^2 / (n - 2)`. A value after `m` roundings has
    /// an error of at most `m` epsilons of the sum of absolute values, its square twice as much.
    fn rounding(&self) -> f64 {
        let ((n, d), trace) = (self.features.dim(), self.diagonal.sum());
        let of_gram = if by_features(n, d, d) { n + d * d } else { d + n * n };
        // Scaling and centring each round a feature twice; a sum is squared, scaled and added.
        let roundings = (of_gram + n + d + 8) as f64;
        let n = n as f64;
        let terms = 2.0 + (n + 1.0).powi(2) / ((n - 1.0) * (n - 2.0)) + 4.0 * (n + 1.0) / (n - 2.0);
        2.0 * roundings * f64::EPSILON * terms * trace * trace
    }
}

/// `n (n - 3)` times the unbiased estimator; the factor cancels in the ratio.
fn hsic(k: &Kernel, l: &Kernel) -> f64 {
    let n = k.diagonal.len() as f64;
    let trace = gram_product(&k.features, &l.features) - k.diagonal.dot(&l.diagonal);
    trace + k.row_sums.sum() * l.row_sums.sum() / ((n - 1.0) * (n - 2.0))
        - 2.0 / (n - 2.0) * k.row_sums.dot(&l.row_sums)
}

/// `tr(X X^T Y Y^T)`, computed as the squared norm of `X^T Y` or from blocks of rows of the Gram matrices, whichever
/// takes fewer multiplications.
fn gram_product(x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    if by_features(x.nrows(), x.ncols(), y.ncols()) {
        return x.t().dot(y).iter().map(|value| value * value).sum();
    }
    let blocks = x.axis_chunks_iter(Axis(0), BLOCK).zip(y.axis_chunks_iter(Axis(0), BLOCK));
    blocks.map(|(of_x, of_y)| (of_x.dot(&x.t()) * of_y.dot(&y.t())).sum()).sum()
}

/// Whether computing `X^T Y` takes fewer multiplications than `X X^T` and `Y Y^T`.
fn by_features(n: usize, d: usize, e: usize) -> bool {
    d * e <= n * (d + e)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::linalg;
    use crate::noise::Noise;
    use crate::part::rows;

    /// The biased estimator, whose kernels are doubly centred including their diagonals.
    fn biased_cka(x: &Array2<f64>, y: &Array2<f64>) -> f64 {
        let ((_, x), (_, y)) = (centred(x.view()), centred(y.view()));
        gram_product(&x, &y) / (gram_product(&x, &x) * gram_product(&y, &y)).sqrt()
    }

    fn cka(x: &Array2<f64>, y: &Array2<f64>) -> f64 {
        debiased_cka(x.view(), y.view()).unwrap()
    }

    /// The tolerance for ratios of sums of some thousand terms.
    const TOLERANCE: f64 = 1e4 * f64::EPSILON;

    #[test]
    fn cka_is_one_for_a_rotated_scaled_and_shifted_copy() {
        let x = Noise::new(1).normal(30, 5);
        let random = Noise::new(2).normal(5, 5);
        let rotation = linalg::eigen("random", (&random + &random.t()).view()).unwrap().vectors;
        for alike in [x.clone(), x.dot(&rotation), &x * 1e100, 1e-100 * x.dot(&rotation), &x + 10.0] {
            assert!((cka(&x, &alike) - 1.0).abs() < TOLERANCE, "{}", cka(&x, &alike));
        }
    }

    #[test]
    fn cka_of_independent_noise_is_zero_on_average_and_the_biased_estimator_is_large() {
        let mut noise = Noise::new(3);
        let trials = 20;
        let (mut debiased, mut biased) = (0.0, 0.0);
        for _ in 0..trials {
            let (x, y) = (noise.normal(40, 30), noise.normal(40, 30));
            debiased += cka(&x, &y) / f64::from(trials);
            biased += biased_cka(&x, &y) / f64::from(trials);
        }
        // The standard deviation of a single value is about 1/30, that of a mean of 20 a quarter of that; four of them
        // are allowed.
        assert!(debiased.abs() < 0.03, "{debiased}");
        assert!(biased > 0.3, "{biased}");
    }

    #[test]
    fn cka_is_symmetric_and_decreases_with_noise() {
        let mut noise = Noise::new(4);
        let x = noise.normal(50, 4);
        let y = noise.normal(50, 6);
        assert!((cka(&x, &y) - cka(&y, &x)).abs() < TOLERANCE);
        let more = noise.normal(50, 4);
        let values = [0.1, 0.5, 2.0].map(|share| cka(&x, &(&x + &(share * &more))));
        assert!(values.is_sorted_by(|high, low| high > low), "{values:?}");
    }

    #[test]
    fn cka_is_the_sum_of_products_of_doubly_centred_kernels() {
        let mut noise = Noise::new(5);
        let [x, y] = [3, 20].map(|columns| noise.normal(9, columns) + 2.0);
        // Another form of the estimator: each kernel is centred so that its rows sum to zero without the diagonal.
        let centre = |x: &Array2<f64>| {
            let mut kernel = x.dot(&x.t());
            kernel.diag_mut().fill(0.0);
            let sums = kernel.sum_axis(Axis(1));
            let (n, all) = (9.0, sums.sum());
            Array2::from_shape_fn((9, 9), |(i, j)| {
                let centred =
                    kernel[[i, j]] - (sums[i] + sums[j]) / (n - 2.0) + all / ((n - 1.0) * (n - 2.0));
                if i == j { 0.0 } else { centred }
            })
        };
        let [k, l] = [&x, &y].map(centre);
        let product = |a: &Array2<f64>, b: &Array2<f64>| (a * b).sum();
        let expected = product(&k, &l) / (product(&k, &k) * product(&l, &l)).sqrt();
        assert!((cka(&x, &y) - expected).abs() < TOLERANCE, "{} {expected}", cka(&x, &y));
    }

    #[test]
    fn both_orders_of_multiplication_agree_on_wide_representations() {
        let mut noise = Noise::new(6);
        let [x, y] = [50, 60].map(|columns| noise.normal(BLOCK.min(20), columns));
        let by_features: f64 = x.t().dot(&y).iter().map(|value| value * value).sum();
        assert!((gram_product(&x, &y) / by_features - 1.0).abs() < TOLERANCE);
    }

    /// The debiased HSIC of such representations with themselves is exactly 0, and their similarity to any others is 0
    /// / 0.
    #[test]
    fn codes_of_which_only_one_differs_are_refused() {
        let mut noise = Noise::new(8);
        for (n, columns) in [(4, 1), (5, 3), (50, 16), (1_000, 16), (1_000, 100), (20, 300)] {
            let other = noise.normal(n, 3);
            for trial in 0..8 {
                let common = noise.normal(1, columns) * if trial % 2 == 0 { 0.0 } else { 1.0 };
                let mut x = Array2::from_shape_fn((n, columns), |(_, column)| common[[0, column]]);
                for column in 0..columns.min(trial + 1) {
                    x[[(7 * trial) % n, column]] += if trial < 4 { 0.3 } else { noise.normal(1, 1)[[0, 0]] };
                }
                for scale in [1.0, 1e-150, 1e150] {
                    let x = scale * &x;
                    for [x, y] in [[x.view(), x.view()], [x.view(), other.view()], [other.view(), x.view()]] {
                        let refused = debiased_cka(x, y).unwrap_err();
                        assert!(matches!(refused, Error::Undetermined { .. }), "{n} x {columns}: {refused}");
                    }
                }
            }
        }
    }

    #[test]
    fn two_samples_that_differ_from_a_thousand_are_enough() {
        let mut x = Array2::zeros((1_000, 16));
        (x[[3, 1]], x[[500, 1]]) = (0.3, -0.3);
        assert!((cka(&x, &x) - 1.0).abs() < TOLERANCE);
        // An outlier that is a thousand times farther away than the others does not hide their differences.
        let mut y = Noise::new(9).normal(1_000, 16);
        y[[7, 0]] = 1e3;
        assert!((cka(&y, &y) - 1.0).abs() < TOLERANCE);
    }

    #[test]
    fn invalid_representations_are_refused() {
        let x = Noise::new(7).normal(5, 2);
        let complaint =
            |x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>| debiased_cka(x, y).unwrap_err().to_string();
        let few = complaint(rows(x.view(), ..3), rows(x.view(), ..3));
        assert_eq!(few, "first representation: expected a matrix of at least 4 × 1, got 3 × 2");
        let unequal = complaint(x.view(), rows(x.view(), 1..));
        assert_eq!(unequal, "second representation: expected 5, one for each sample, got 4");
        let same = array![[0.1, 0.3], [0.1, 0.3], [0.1, 0.3], [0.1, 0.3], [0.1, 0.3]];
        let constant = complaint(x.view(), same.view());
        assert_eq!(
            constant,
            "second representation: expected at least two different rows, got 5 identical ones"
        );
    }
}
