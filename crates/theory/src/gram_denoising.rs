//! The alignment of linear codes for fewer samples than pixels, from the Gram matrix.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::alignment::Labels;
use crate::centred::centred;
use crate::corruption::{Added, Corruption};
use crate::evaluation::one_hot;
use crate::part::columns;
use crate::{Alignment, Error, GramPca, JointOptimum, Result, check, linalg};

/// [`Denoising::alignment`](crate::Denoising::alignment) for fewer samples than pixels, without forming a `d × d`
/// matrix.
///
/// For centred samples `X: [n, d]`, `X X^T = E diag(n s) E^T`, and patches `p` of columns, a mask gives the second
/// moment `M = w S + m bd(S)`, where `bd(S)` keeps the blocks `X_p^T X_p / n`. On the span of the samples, in the basis
/// of components scaled to variance 1, the inverse of `bd(S)` is
///
/// ```text
/// K = E^T (sum over patches of the projection to the columns of X_p) E = Z diag(u) Z^T
/// ```
///
/// and by the Woodbury identity the inverse of `M` is `Z diag(u / (m + w u)) Z^T`. Codes follow as in
/// [`Denoising`](crate::Denoising), using matrices of `n × n`.
#[derive(Debug, Clone)]
pub struct GramDenoising<'a, T> {
    x: ArrayView2<'a, T>,
    pca: GramPca<'a, T>,
    /// The class frequencies, `[classes]`.
    frequencies: Array1<f64>,
    /// The covariance of labels with components of variance 1, `[rank, classes]`.
    labels: Array2<f64>,
}

impl<'a, T: Copy + Into<f64>> GramDenoising<'a, T> {
    /// Prepares the closed form for samples `x: [n, d]` with their labels: one eigendecomposition of an `n × n` matrix.
    ///
    /// Fails as [`GramPca::fit`] does, or if there is not one label per sample, below `classes`.
    pub fn new(x: ArrayView2<'a, T>, labels: &[u8], classes: usize) -> Result<Self> {
        check::dimensions("classes", classes, 1..=256)?;
        check::labels(labels, x.nrows(), classes)?;
        let pca = GramPca::fit(x)?;
        let n = x.nrows() as f64;
        let one_hot = one_hot(labels, classes);
        let frequencies = one_hot.sum_axis(Axis(0)) / n;
        let labels = pca.unit_codes().dot(&(one_hot - &frequencies)) / n.sqrt();
        Ok(Self { x, pca, frequencies, labels })
    }

    /// The number of directions whose variance exceeds rounding errors.
    pub fn rank(&self) -> usize {
        self.pca.rank()
    }

    /// The variances along the principal components, descending, `[rank]`.
    pub fn variances(&self) -> Array1<f64> {
        self.pca.variances()
    }

    /// The alignment of the optimal codes under this corruption. Additive noise with a given covariance is not
    /// supported, because the covariance is `d × d`.
    ///
    /// Fails if the corruption does not apply to these samples or is additive noise with a covariance, or if no
    /// direction is correlated with the labels.
    pub fn alignment(&self, corruption: &Corruption) -> Result<Alignment> {
        let moments = corruption.moments(self.x.ncols())?;
        if let Added::Any(_) = moments.added {
            return Err(Error::shape(
                "corruption",
                "a corruption without a covariance matrix",
                "additive noise with a covariance matrix",
            ));
        }
        let energy = self.frequencies.iter().map(|p| p * (1.0 - p)).sum();
        let labels = Labels { frequencies: self.frequencies.view(), energy, rounding: self.rounding(energy) };
        if moments.patches.is_empty() {
            return labels.alignment(&self.labels);
        }
        let linalg::Eigen { values, vectors } =
            linalg::eigen("projections to patches", self.projections(&moments.patches)?)?;
        let inverse =
            values.mapv(|u| (u.max(0.0) / (moments.same_patch + moments.whole * u.max(0.0))).sqrt());
        let deviations = self.variances().mapv(f64::sqrt).insert_axis(Axis(1));
        let root = vectors.t().to_owned() * &deviations * &inverse; // [r, r]
        let gram = linalg::lower_dot(root.view(), root.t());
        let decoded = linalg::eigen("denoised second moment", gram)?.vectors.reversed_axes();
        labels.alignment(&linalg::onto_columns(decoded / &deviations, self.labels.clone()))
    }

    /// `K`, the lower triangle, `[r, r]`.
    fn projections(&self, patches: &[Vec<usize>]) -> Result<Array2<f64>> {
        let mut sum = Array2::zeros([self.rank(); 2]);
        for patch in patches {
            let (_, of_patch) = centred(self.x.select(Axis(1), patch).mapv(Into::into).view());
            let linalg::Singular { left, values, .. } = linalg::singular("patch", of_patch.view())?;
            let rank = values.iter().take_while(|&&value| value > JointOptimum::CUT * values[0]).count();
            let basis = columns(left.view(), ..rank);
            let along = linalg::dot(self.pca.unit_codes(), basis.to_owned().view());
            linalg::add_lower_dot(&mut sum, along.view(), along.t(), 1.0);
        }
        Ok(sum)
    }

    /// A bound on the rounding error of an `E|prediction of y|^2` that is exactly zero. Eigenvectors of `X X^T` are
    /// orthonormal up to `n` epsilons. Directions without variance are mixed into them by as many epsilons, divided by
    /// the eigenvalue as a fraction of the largest one.
    fn rounding(&self, energy: f64) -> f64 {
        let (n, variances) = (self.x.nrows() as f64, self.variances());
        let mixed = |variance: &f64| (n * f64::EPSILON * variances[0] / variance).powi(2);
        energy * (n * f64::EPSILON + variances.iter().map(mixed).sum::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alignment::tests::{CLASSES, corruptions, denoising, gap, problem};

    /// Compares the computations by samples and by pixels, for fewer samples than pixels and for more.
    #[test]
    fn the_alignment_agrees_with_that_from_pixel_covariances() {
        for (n, seed) in [(30, 2), (45, 3), (120, 4)] {
            let (x, labels) = problem(n, seed);
            let by_pixels = denoising(&x, &labels);
            let by_samples = GramDenoising::new(x.view(), &labels, CLASSES).unwrap();
            assert_eq!(by_samples.rank(), by_pixels.rank(), "{n}");
            let variances = by_samples.variances();
            let condition = variances[0] / variances[variances.len() - 1];
            assert!(
                gap(&variances, &by_pixels.variances().to_owned())
                    < 50.0 * f64::EPSILON * 10.0 * variances[0]
            );
            for corruption in corruptions() {
                if matches!(corruption, Corruption::Additive { .. }) {
                    assert!(by_samples.alignment(&corruption).is_err());
                    continue;
                }
                let [got, expected] =
                    [by_samples.alignment(&corruption), by_pixels.alignment(&corruption)].map(Result::unwrap);
                // The eigenvectors of either method have an error of d epsilons times the largest eigenvalue divided by
                // a gap, which is seldom below a hundredth of the smallest eigenvalue here; in percent.
                let tolerance = 100.0 * 50.0 * f64::EPSILON * condition * 100.0;
                assert!(tolerance < 1e-3, "{condition:e}");
                assert!(gap(&got.alignment, &expected.alignment) < tolerance, "{n} {corruption:?}");
                assert!(gap(&got.r2, &expected.r2) < tolerance, "{n} {corruption:?}");
            }
        }
    }

    #[test]
    fn constant_pixels_and_uncorrelated_labels_are_handled() {
        let (mut x, labels) = problem(20, 5);
        x.column_mut(7).fill(0.1);
        let by_pixels = denoising(&x, &labels);
        let by_samples = GramDenoising::new(x.view(), &labels, CLASSES).unwrap();
        let mask = Corruption::PatchMask { image: [2, 5, 5], patch: 1, drop: 0.5 };
        let [got, expected] = [by_samples.alignment(&mask), by_pixels.alignment(&mask)].map(Result::unwrap);
        assert!(gap(&got.alignment, &expected.alignment) < 1e-6);
        let one_class = GramDenoising::new(x.view(), &[1; 20], CLASSES).unwrap().alignment(&mask);
        assert_eq!(
            one_class.unwrap_err().to_string(),
            "labels: expected labels that correlate with the samples, got uncorrelated labels"
        );
        assert!(GramDenoising::new(x.view(), &labels[1..], CLASSES).is_err());
    }
}
