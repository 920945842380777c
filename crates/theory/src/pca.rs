//! Principal component analysis: the linear code of k dimensions with the smallest reconstruction error.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::part::{columns, elements, rows};
use crate::{Moments, Result, check, linalg};

/// The eigenvectors of the covariance `Sx`, in descending order of their eigenvalues.
///
/// With the first `k` components as the rows of `P`, the code of `x` is `P (x - mean)` and its reconstruction is
/// `mean + P^T P (x - mean)`. No linear code of `k` dimensions has a smaller squared error on the training samples
/// (Eckart and Young, 1936).
#[derive(Debug, Clone)]
pub struct Pca {
    mean: Array1<f64>,
    variances: Array1<f64>,
    components: Array2<f64>,
}

impl Pca {
    /// The principal components of the samples of these moments.
    ///
    /// Fails if there are no samples, or if their covariance overflows.
    pub fn fit(moments: &Moments) -> Result<Self> {
        let eigen = linalg::eigen("covariance", moments.covariance()?)?;
        Ok(Self {
            mean: moments.mean().to_owned(),
            // Eigenvalues along directions without variance are rounding errors of either sign.
            variances: eigen.values.mapv(|variance| variance.max(0.0)),
            components: eigen.vectors,
        })
    }

    /// The eigenvectors of the uncentred second moments, `Sx + mean mean^T`. The mean is then zero, and the variances
    /// are the second moments along the components.
    ///
    /// Fails as [`Pca::fit`] does.
    pub fn uncentred(moments: &Moments) -> Result<Self> {
        let mean = moments.mean().insert_axis(Axis(1));
        let second = moments.covariance()? + mean.dot(&mean.t());
        let eigen = linalg::eigen("second moments", second)?;
        Ok(Self {
            mean: Array1::zeros(moments.d()),
            variances: eigen.values.mapv(|energy| energy.max(0.0)),
            components: eigen.vectors,
        })
    }

    /// The mean of the samples, `[d]`.
    pub fn mean(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }

    /// The variance along each component, descending, `[d]`.
    pub fn variances(&self) -> ArrayView1<'_, f64> {
        self.variances.view()
    }

    /// The components as orthonormal rows, `[d, d]`.
    pub fn components(&self) -> ArrayView2<'_, f64> {
        self.components.view()
    }

    /// The number of components whose variance exceeds rounding errors.
    pub fn rank(&self) -> usize {
        let rounding = self.variances[0] * self.variances.len() as f64 * f64::EPSILON;
        self.variances.iter().take_while(|&&variance| variance > rounding).count()
    }

    /// The codes `[n, k]` of `x: [n, d]`.
    ///
    /// Fails if `x` has no rows, does not have `d` columns, or has values that are not finite, or if `k` is more than
    /// `d`.
    pub fn project(&self, x: ArrayView2<'_, f64>, k: usize) -> Result<Array2<f64>> {
        check::samples_of_width("samples", x, self.mean.len())?;
        check::dimensions("principal components", k, 0..=self.mean.len())?;
        Ok((&x - &self.mean).dot(&rows(self.components.view(), ..k).t()))
    }

    /// Reconstructs `[n, d]` from the codes `[n, k]`.
    ///
    /// Fails if there are no codes, if a value is not finite, or if `k` is not between 1 and `d`.
    pub fn reconstruct(&self, codes: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check::samples("codes", codes, 1)?;
        check::dimensions("dimensions of a code", codes.ncols(), 1..=self.mean.len())?;
        Ok(codes.dot(&rows(self.components.view(), ..codes.ncols())) + &self.mean)
    }

    /// The mean squared errors, over rows and columns, of reconstructing `x: [n, d]` with 0, 1 … `k` components:
    /// `[k + 1]`.
    ///
    /// Each component reduces the error by the energy of its code, so one projection is enough for all numbers of
    /// components. Fails as [`Pca::project`] does.
    pub fn errors(&self, x: ArrayView2<'_, f64>, k: usize) -> Result<Array1<f64>> {
        let codes = self.project(x, k)?;
        let energy = |of: ArrayView2<'_, f64>| of.iter().map(|value| value * value).sum::<f64>();
        let mut left = energy((&x - &self.mean).view());
        let mut errors = Array1::from_elem(k + 1, left / x.len() as f64);
        for (component, error) in errors.iter_mut().skip(1).enumerate() {
            left -= energy(columns(codes.view(), component..=component));
            *error = left.max(0.0) / x.len() as f64;
        }
        Ok(errors)
    }

    /// The fraction of the variance explained by the first `k` components; 1 for samples without variance.
    ///
    /// Fails if `k` is more than `d`.
    pub fn explained(&self, k: usize) -> Result<f64> {
        check::dimensions("principal components", k, 0..=self.mean.len())?;
        let total = self.variances.sum();
        Ok(if total > 0.0 { (elements(self.variances.view(), ..k).sum() / total).min(1.0) } else { 1.0 })
    }

    /// The smallest number of components that explain at least this fraction of the variance.
    ///
    /// Fails if `fraction` is not in `[0, 1]`.
    pub fn n_for(&self, fraction: f64) -> Result<usize> {
        check::fraction("fraction of the variance", fraction)?;
        // Summed in the same order as below, so that all components together explain exactly all of it.
        let total: f64 = self.variances.iter().sum();
        let mut held = 0.0;
        let enough = |variance: &f64| {
            let already = held >= fraction * total;
            held += variance;
            already
        };
        Ok(self.variances.iter().position(enough).unwrap_or(self.variances.len()))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Axis, array};

    use super::*;
    use crate::noise::Noise;

    fn problem() -> (Array2<f64>, Pca) {
        let x = Noise::new(4).normal(30, 5) * &array![3.0, 0.1, 1.0, 0.0, 2.0] + 7.0;
        let pca = Pca::fit(&Moments::of(x.view(), &[0; 30], 1).unwrap()).unwrap();
        (x, pca)
    }

    fn mean_square(x: &Array2<f64>) -> f64 {
        x.mapv(|value| value * value).mean().unwrap()
    }

    /// The tolerance for sums of 150 squares of values below 20.
    const TOLERANCE: f64 = 400.0 * 150.0 * f64::EPSILON;

    #[test]
    fn the_reconstruction_error_is_the_unexplained_variance() {
        let (x, pca) = problem();
        let errors = pca.errors(x.view(), 5).unwrap();
        for k in 0..=5 {
            let left = elements(pca.variances(), k..).sum() / 5.0;
            assert!((errors[k] - left).abs() < TOLERANCE, "{k}: {} against {left}", errors[k]);
            assert!(
                (pca.explained(k).unwrap() - (1.0 - left * 5.0 / pca.variances().sum())).abs() < TOLERANCE
            );
        }
        assert!((errors[0] - mean_square(&(&x - &pca.mean()))).abs() < TOLERANCE);
    }

    #[test]
    fn errors_are_those_of_the_reconstructions() {
        let (x, pca) = problem();
        for k in 1..=5 {
            let again = pca.reconstruct(pca.project(x.view(), k).unwrap().view()).unwrap();
            let error = pca.errors(x.view(), k).unwrap()[k];
            assert!((mean_square(&(&x - &again)) - error).abs() < TOLERANCE, "{k}");
        }
    }

    #[test]
    fn codes_are_uncorrelated_with_the_variances_of_their_components() {
        let (x, pca) = problem();
        let codes = pca.project(x.view(), 5).unwrap();
        let covariance = codes.t().dot(&codes) / 30.0;
        let diagonal = Array2::from_diag(&pca.variances());
        assert!((covariance - diagonal).iter().all(|gap| gap.abs() < TOLERANCE));
        assert!(codes.mean_axis(Axis(0)).unwrap().iter().all(|mean| mean.abs() < TOLERANCE));
    }

    #[test]
    fn no_random_code_has_a_smaller_error() {
        let (x, pca) = problem();
        for seed in 0..20 {
            let random = Noise::new(seed).normal(5, 5);
            let rotation = linalg::eigen("random", (&random + &random.t()).view()).unwrap().vectors;
            let basis = rows(rotation.view(), ..2);
            let centred = &x - &pca.mean();
            let error = mean_square(&(&centred - &centred.dot(&basis.t()).dot(&basis)));
            assert!(error >= pca.errors(x.view(), 2).unwrap()[2] - TOLERANCE);
        }
    }

    #[test]
    fn the_number_of_components_is_the_smallest_that_explains_the_fraction() {
        let (_, pca) = problem();
        for fraction in [0.3, 0.7, 0.9, 0.999] {
            let k = pca.n_for(fraction).unwrap();
            assert!(pca.explained(k).unwrap() >= fraction && pca.explained(k - 1).unwrap() < fraction);
        }
        assert_eq!(pca.n_for(0.0).unwrap(), 0);
        assert_eq!((pca.n_for(1.0).unwrap(), pca.rank()), (4, 4));
    }

    #[test]
    fn too_many_components_and_fractions_above_one_are_refused() {
        let (x, pca) = problem();
        let message = pca.project(x.view(), 6).unwrap_err().to_string();
        assert_eq!(message, "principal components: expected 0 to 5, got 6");
        assert!(pca.errors(x.view(), 6).is_err() && pca.explained(6).is_err());
        assert!(pca.reconstruct(Array2::zeros((1, 6)).view()).is_err());
        assert_eq!(
            pca.n_for(1.1).unwrap_err().to_string(),
            "fraction of the variance: expected 0 to 1, got 1.1"
        );
        assert!(pca.n_for(f64::NAN).is_err());
    }
}
