//! Principal component analysis of few high-dimensional samples, from their Gram matrix.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::centred::centred;
use crate::part::{columns, elements, rows};
use crate::{Error, Result, check, linalg};

/// The number of columns that are converted to f64 at a time.
const BLOCK: usize = 1_024;

/// Principal component analysis by the `n × n` Gram matrix, for fewer samples than dimensions (experiment LBR E5 of
/// `book/lbr.md`).
///
/// With centred samples `X: [n, d]` and `X X^T = E diag(l) E^T`, the components are the rows of `diag(l)^(-1/2) E^T X`.
/// All of them would take as much memory as the samples in f64, so they are computed on demand. Projections of the
/// samples onto a set `A` of components do not need the components:
///
/// ```text
/// (projection of X onto A) = E_A E_A^T X
/// ```
///
/// Samples are borrowed in their own type; blocks of 1,024 columns are converted to f64 and centred. Fitting takes
/// about `4 n^2 + 1,024 n` f64 values, 3 GB for 9,469 images, and `n^2 d + 9 n^3` operations.
#[derive(Debug, Clone)]
pub struct GramPca<'a, T> {
    x: ArrayView2<'a, T>,
    mean: Array1<f64>,
    /// `l`, descending, `[r]`.
    energies: Array1<f64>,
    /// `E^T`, `[r, n]`.
    weights: Array2<f64>,
}

impl<'a, T: Copy + Into<f64>> GramPca<'a, T> {
    /// Eigenvalues of at most this fraction of the largest count as zero: centring makes one eigenvalue zero.
    pub const CUT: f64 = 1e-9;

    /// The principal components of the rows of `x: [n, d]`.
    ///
    /// Fails if there are no samples, if a value is not finite, or if all samples are equal.
    pub fn fit(x: ArrayView2<'a, T>) -> Result<Self> {
        let n = x.nrows();
        if x.is_empty() {
            return Err(Error::TooFew { what: "samples", expected: 1, got: [n, x.ncols()] });
        }
        let mut mean = Array1::zeros(x.ncols());
        let mut gram = Array2::zeros((n, n));
        for start in (0..x.ncols()).step_by(BLOCK) {
            let range = start..x.ncols().min(start + BLOCK);
            let block = columns(x, range.clone()).mapv(Into::into);
            check::finite("samples", block.view()).map_err(|error| error.columns_later(start))?;
            let (of_block, block) = centred(block.view());
            mean.slice_axis_mut(Axis(0), range.into()).assign(&of_block);
            linalg::add_lower_dot(&mut gram, block.view(), block.t(), 1.0);
        }
        let linalg::Eigen { values, vectors } = linalg::eigen("Gram matrix", gram)?;
        let rank = values.iter().take_while(|&&value| value > Self::CUT * values[0]).count();
        if values[0] <= 0.0 {
            return Err(Error::Constant { what: "samples", rows: n });
        }
        let energies = elements(values.view(), ..rank).to_owned();
        Ok(Self { x, mean, energies, weights: rows(vectors.view(), ..rank).to_owned() })
    }

    /// The number of components with nonzero variance.
    pub fn rank(&self) -> usize {
        self.energies.len()
    }

    /// The mean of the samples, `[d]`.
    pub fn mean(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }

    /// The codes of the samples, scaled to length 1 along each component: `E^T`, `[rank, n]`.
    pub(crate) fn unit_codes(&self) -> ArrayView2<'_, f64> {
        self.weights.view()
    }

    /// The variances along the components (divided by `n`, not by `n - 1`), descending, `[rank]`.
    pub fn variances(&self) -> Array1<f64> {
        &self.energies / self.x.nrows() as f64
    }

    /// The codes of the samples, `[n, rank]`.
    pub fn codes(&self) -> Array2<f64> {
        self.weights.t().to_owned() * self.energies.mapv(f64::sqrt)
    }

    /// A range of components as orthonormal rows, `[range, d]`.
    ///
    /// Fails if the range is empty or exceeds the rank.
    pub fn components(&self, range: Range<usize>) -> Result<Array2<f64>> {
        self.check(&range)?;
        let energies = elements(self.energies.view(), range.clone()).mapv(f64::sqrt).insert_axis(Axis(1));
        Ok(self.combine((&rows(self.weights.view(), range) / &energies).view()))
    }

    /// The projection of the centred samples with these indices onto a range of components, `[samples, d]`.
    ///
    /// Fails as [`GramPca::components`] does, if `samples` is empty, or if an index is out of bounds.
    pub fn part(&self, samples: &[usize], range: Range<usize>) -> Result<Array2<f64>> {
        self.check(&range)?;
        let n = self.x.nrows();
        match samples.iter().find(|&&sample| sample >= n) {
            Some(sample) => return Err(Error::out_of_range("sample", format!("an index below {n}"), sample)),
            None if samples.is_empty() => {
                return Err(Error::TooFew { what: "samples", expected: 1, got: [0, n] });
            }
            None => {}
        }
        let within = rows(self.weights.view(), range); // [range, n]
        let picked = within.select(Axis(1), samples);
        Ok(self.combine(linalg::dot(picked.t(), within).view()))
    }

    /// The smallest number of leading components after which the remaining ones explain less than `fraction` of the
    /// variance, as in experiment LBR E5 of `book/lbr.md`.
    ///
    /// Fails if `fraction` is not in `[0, 1]`.
    pub fn top_without(&self, fraction: f64) -> Result<usize> {
        check::fraction("fraction of the variance", fraction)?;
        let held: Vec<f64> = self
            .energies
            .iter()
            .rev()
            .scan(0.0, |held, energy| {
                *held += energy;
                Some(*held)
            })
            .collect();
        let total = held.last().copied().unwrap_or(0.0);
        Ok(self.rank() - held.iter().take_while(|&&held| held < fraction * total).count())
    }

    /// `weights (X - mean)` for `weights: [m, n]`, computed in blocks of columns.
    fn combine(&self, weights: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut combined = Array2::zeros((weights.nrows(), self.x.ncols()));
        let weights = weights.as_standard_layout();
        for start in (0..self.x.ncols()).step_by(BLOCK) {
            let range = start..self.x.ncols().min(start + BLOCK);
            let mut block = columns(self.x, range.clone()).mapv(Into::into).as_standard_layout().into_owned();
            block -= &elements(self.mean.view(), range.clone());
            let product = linalg::dot(weights.view(), block.view());
            combined.slice_axis_mut(Axis(1), range.into()).assign(&product);
        }
        combined
    }

    fn check(&self, range: &Range<usize>) -> Result<()> {
        if range.start < range.end && range.end <= self.rank() {
            return Ok(());
        }
        let expected = format!("some of 0..{}", self.rank());
        Err(Error::out_of_range("range of components", expected, format!("{range:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::largest;
    use crate::noise::Noise;
    use crate::{Moments, Pca};

    /// A few samples of 8-bit pixels, with more dimensions than a block and a decreasing spectrum.
    fn images() -> Array2<u8> {
        let mut noise = Noise::new(1);
        let mix = noise.normal(12, 1_500)
            * Array1::from_shape_fn(12, |i| 0.7f64.powi(i as i32)).insert_axis(Axis(1));
        noise.normal(20, 12).dot(&mix).mapv(|value| (128.0 + 12.0 * value) as u8)
    }

    /// The tolerance for sums of 1,500 products of values up to 255, after a division by standard deviations a hundred
    /// times smaller than the largest.
    const TOLERANCE: f64 = 1_500.0 * 255.0 * 100.0 * f64::EPSILON;

    #[test]
    fn components_are_those_of_the_covariance() {
        let images = images();
        let gram = GramPca::fit(images.view()).unwrap();
        let x = images.mapv(f64::from);
        let pca = Pca::fit(&Moments::of(x.view(), &[0; 20], 1).unwrap()).unwrap();
        assert_eq!(gram.rank(), 19);
        let variances = gram.variances();
        let expected = pca.variances();
        assert!((0..19).all(|i| (variances[i] / expected[i] - 1.0).abs() < TOLERANCE), "{variances}");
        let components = gram.components(0..19).unwrap();
        assert!(largest(&(components.dot(&components.t()) - Array2::<f64>::eye(19))) < TOLERANCE);
        let cosines = components.dot(&rows(pca.components(), ..19).t());
        assert!((0..19).all(|i| (cosines[[i, i]].abs() - 1.0).abs() < 1e-6), "{cosines}");
        assert!(largest(&(gram.codes() - (&x - &gram.mean()).dot(&components.t()))) < TOLERANCE);
    }

    #[test]
    fn the_parts_of_a_sample_add_up_to_it() {
        let images = images();
        let gram = GramPca::fit(images.view()).unwrap();
        let top = gram.top_without(0.25).unwrap();
        let variances = gram.variances();
        let below = |from: usize| variances.iter().skip(from).sum::<f64>() / variances.sum();
        assert!(below(top) < 0.25 && below(top - 1) >= 0.25);
        assert_eq!((gram.top_without(0.0).unwrap(), gram.top_without(1.0).unwrap()), (19, 1));
        let samples = [7, 3];
        let [upper, lower] = [0..top, top..19].map(|range| gram.part(&samples, range).unwrap());
        let whole = images.mapv(f64::from).select(Axis(0), &samples);
        assert!(largest(&(&upper + &lower + gram.mean() - whole)) < TOLERANCE);
        let components = gram.components(0..top).unwrap();
        let projected = (images.mapv(f64::from).select(Axis(0), &samples) - gram.mean())
            .dot(&components.t())
            .dot(&components);
        assert!(largest(&(upper - projected)) < TOLERANCE);
    }

    #[test]
    fn invalid_samples_and_arguments_are_refused() {
        let complaint = |x: ArrayView2<'_, f32>| GramPca::fit(x).map(|_| ()).unwrap_err().to_string();
        let same = complaint(Array2::from_elem((3, 5), 0.1).view());
        assert_eq!(same, "samples: expected at least two different rows, got 3 identical ones");
        assert!(complaint(Array2::zeros((0, 5)).view()).starts_with("samples: expected a matrix"));
        let mut broken = Array2::ones((3, 1_500));
        broken[[1, 1_300]] = f32::NAN;
        assert_eq!(
            complaint(broken.view()),
            "samples: expected finite values, got NaN in row 1, column 1300"
        );
        let images = images();
        let gram = GramPca::fit(images.view()).unwrap();
        let message = gram.components(3..20).unwrap_err().to_string();
        assert_eq!(message, "range of components: expected some of 0..19, got 3..20");
        assert!(gram.components(3..3).is_err() && gram.top_without(1.5).is_err());
        assert_eq!(
            gram.part(&[20], 0..1).unwrap_err().to_string(),
            "sample: expected an index below 20, got 20"
        );
        assert!(gram.part(&[], 0..1).is_err());
    }
}
