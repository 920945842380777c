//! Optimal linear codes of corrupted samples in closed form.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::corruption::Corruption;
use crate::part::{columns, rows};
use crate::{Error, Moments, Pca, Result, check, linalg};

mod corrupted;

use corrupted::Corrupted;

/// The optimal linear denoisers of samples (sections 2.3 to 2.7 of `book/lbr.md`).
///
/// A code `V x~` of a corrupted sample `x~` is decoded to `W V x~` and classified by `U V x~`, with clean targets:
///
/// ```text
/// L = a E|W V x~ - x|^2 + b E|U V x~ - y|^2
/// ```
///
/// The means are over samples and noise (`book/lbr.md` uses sums), samples are centred, labels `y` are one-hot, and
/// `a`, `b` are the [`Weights`]. With `S = E[x x^T]`, `G = E[x y^T]`, `E[x~] = c x` and `M = E[x~ x~^T]`, the rows of
/// the optimal `V` are the generalised eigenvectors for the largest eigenvalues `mu` of
///
/// ```text
/// c^2 (a S^2 + b G G^T) v = mu M v,   and   min L = a tr S + b E|y|^2 - sum of mu
/// ```
///
/// The left side has the squared condition number of `S`, so it is not formed. In the basis of principal components `S`
/// is `diag(s)`, `M = L L^T` is the Cholesky factorisation, and the eigenvectors follow from those of `T T^T` with
/// `T = L^-1 c [sqrt(a) diag(s), sqrt(b) G]`.
///
/// If the samples have no variance along some directions, `T` is restricted to the span of the others, and `M` is
/// replaced by its Schur complement there: the part of the noise that cannot be predicted from the noise outside of the
/// span.
#[derive(Debug, Clone)]
pub struct Denoising {
    mean: Array1<f64>,
    frequencies: Array1<f64>,
    /// `S`, `[d, d]`.
    covariance: Array2<f64>,
    /// All principal components as rows, `[d, d]`; the first `r` span the samples.
    components: Array2<f64>,
    /// `s`, `[r]`.
    variances: Array1<f64>,
    /// `G` in the basis of the first `r` components, `[r, classes]`.
    labels: Array2<f64>,
    /// `E|y|^2` of centred `y`.
    label_energy: f64,
    /// A bound on the rounding error of an `E|prediction of y|^2` that is exactly zero.
    label_rounding: f64,
}

/// The weights of the reconstruction and the classification error; see [`Denoising`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// `a`, the weight of the squared distance to the clean sample, summed over its elements.
    pub reconstruction: f64,
    /// `b`, the weight of the squared distance to the one-hot label, summed over classes.
    pub labels: f64,
}

impl Weights {
    /// Reconstruction only.
    pub const RECONSTRUCTION: Self = Self { reconstruction: 1.0, labels: 0.0 };
}

/// An optimal linear denoiser with its heads; see [`Denoising`].
#[derive(Debug, Clone)]
pub struct Denoiser {
    /// `V`, `[k, d]`, the best direction first; the codes of corrupted samples are uncorrelated and have variance 1.
    pub encoder: Array2<f64>,
    /// `W`, `[d, k]`.
    pub decoder: Array2<f64>,
    /// `U`, `[classes, k]`.
    pub classifier: Array2<f64>,
    /// `mu`, the reduction of the loss by each direction, descending, `[k]`.
    pub gains: Array1<f64>,
    /// `L`.
    pub loss: f64,
    /// `E|W V x~ - x|^2`, a mean over samples and noise and a sum over elements.
    pub reconstruction_error: f64,
    /// `E|U V x~ - y|^2`, a mean over samples and noise and a sum over classes.
    pub label_error: f64,
}

impl Denoising {
    /// Prepares the closed form for the samples of these moments: one eigendecomposition, which any noise can use.
    ///
    /// Fails if there are no samples, or if they are all equal.
    pub fn new(moments: &Moments) -> Result<Self> {
        let pca = Pca::fit(moments)?;
        let rank = pca.rank();
        if rank == 0 {
            return Err(Error::Constant { what: "samples", rows: moments.n() });
        }
        let span = rows(pca.components(), ..rank);
        let frequencies = moments.class_frequencies()?;
        let label_energy = frequencies.iter().map(|p| p * (1.0 - p)).sum();
        let variances: Array1<f64> = pca.variances().iter().take(rank).copied().collect();
        // An entry of the label covariance of pixel j has an error of `relative sqrt(S_jj)`. Along any component the
        // error is at most `relative sqrt(tr S)`, and it is divided by the standard deviation there. The energies of
        // `d` directions are summed.
        let d = moments.d() as f64;
        let relative = (moments.n_roundings() as f64 + d) * f64::EPSILON;
        let label_rounding = d * f64::EPSILON * label_energy
            + relative * relative * variances.sum() * variances.mapv(f64::recip).sum();
        Ok(Self {
            labels: linalg::dot(span, moments.label_covariance()?.view()),
            mean: pca.mean().to_owned(),
            covariance: moments.covariance()?,
            variances,
            label_energy,
            label_rounding,
            frequencies,
            components: pca.components().to_owned(),
        })
    }

    /// The number of directions whose variance exceeds rounding errors, the largest number of dimensions of a code.
    pub fn rank(&self) -> usize {
        self.variances.len()
    }

    /// The mean of the samples, `[d]`: subtracted before the corruption, added after decoding.
    pub fn mean(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }

    /// The class frequencies, `[classes]`, which must be added to the scores.
    pub fn frequencies(&self) -> ArrayView1<'_, f64> {
        self.frequencies.view()
    }

    /// The variances along the principal components, descending, `[rank]`.
    pub fn variances(&self) -> ArrayView1<'_, f64> {
        self.variances.view()
    }

    /// `s^(-1/2)` as a column, `[rank, 1]`, which scales components to variance 1.
    pub(crate) fn to_unit(&self) -> Array2<f64> {
        self.variances.mapv(|variance| variance.sqrt().recip()).insert_axis(Axis(1))
    }

    /// The components that span the samples, as rows, `[rank, d]`.
    pub(crate) fn span(&self) -> ArrayView2<'_, f64> {
        rows(self.components.view(), ..self.rank())
    }

    /// `G` in the basis of the components that span the samples, `[rank, classes]`.
    pub(crate) fn label_covariance(&self) -> &Array2<f64> {
        &self.labels
    }

    /// `E|y - E y|^2`.
    pub(crate) fn label_energy(&self) -> f64 {
        self.label_energy
    }

    /// A bound on the rounding error of an `E|prediction of y|^2` that is exactly zero.
    pub(crate) fn label_rounding(&self) -> f64 {
        self.label_rounding
    }

    /// See [`Corrupted::embedded`].
    pub(crate) fn embedded(&self, corruption: &Corruption) -> Result<Option<Array2<f64>>> {
        Corrupted::new(self, corruption)?.embedded(self)
    }

    /// See [`Corrupted::decoded`].
    pub(crate) fn decoded(&self, corruption: &Corruption) -> Result<Option<Array2<f64>>> {
        Corrupted::new(self, corruption)?.decoded(self)
    }

    /// The optimal denoiser with a code of `k` dimensions.
    ///
    /// If the weight of reconstruction is zero, directions beyond the rank of the labels do not reduce the loss and are
    /// arbitrary.
    ///
    /// Fails if the corruption does not apply to these samples, if `k` is not between 1 and [`Denoising::rank`], if a
    /// weight is negative or not finite, or if both are zero.
    pub fn solve(&self, corruption: &Corruption, weights: Weights, k: usize) -> Result<Denoiser> {
        let Weights { reconstruction: a, labels: b } = weights;
        let allowed = |weight: f64| weight >= 0.0 && weight.is_finite();
        if !(allowed(a) && allowed(b) && a + b > 0.0) {
            let expected = "two finite weights of at least 0, not both 0";
            return Err(Error::out_of_range("weights of the loss", expected, format!("{a} and {b}")));
        }
        check::dimensions("dimensions of the code", k, 1..=self.rank())?;
        let corrupted = Corrupted::new(self, corruption)?;
        let c = corrupted.mean_factor;

        let (gains, directions) = corrupted.directions(self, a, b)?;
        let directions = columns(directions.view(), ..k); // [r, k]
        let along = &directions.t() * &self.variances; // S V^T along the components, [k, r]
        let decoder = c * linalg::dot(along.view(), self.span()).reversed_axes();
        let classifier = c * linalg::dot(self.labels.t(), directions.to_owned().view());
        let energy = |of: &Array2<f64>| of.iter().map(|value| value * value).sum::<f64>();
        let gains = gains.iter().take(k).copied().collect::<Array1<f64>>();
        Ok(Denoiser {
            loss: (a * self.variances.sum() + b * self.label_energy - gains.sum()).max(0.0),
            reconstruction_error: (self.variances.sum() - energy(&decoder)).max(0.0),
            label_error: (self.label_energy - energy(&classifier)).max(0.0),
            encoder: corrupted.encoder(self, directions),
            decoder,
            classifier,
            gains,
        })
    }

    /// The expected loss `E|W V x~ - x|^2` of any linear autoencoder with `encoder` `V: [k, d]` and `decoder`
    /// `W: [d, k]`, a mean over samples and noise and a sum over elements:
    ///
    /// ```text
    /// tr S - 2 c tr(W V S) + tr(W V M V^T W^T)
    /// ```
    ///
    /// Fails if the corruption does not apply to these samples, if shapes do not match, or if a value is not finite.
    pub fn expected_loss(
        &self,
        corruption: &Corruption,
        encoder: ArrayView2<'_, f64>,
        decoder: ArrayView2<'_, f64>,
    ) -> Result<f64> {
        check::samples_of_width("encoder", encoder, self.mean.len())?;
        check::samples_of_width("decoder", decoder, encoder.nrows())?;
        if decoder.nrows() != self.mean.len() {
            return Err(Error::shape("decoder", format!("{} rows", self.mean.len()), decoder.nrows()));
        }
        let (v, w) = (encoder.as_standard_layout(), decoder.as_standard_layout());
        let noise = corruption.moments(self.mean.len())?;
        let second = noise.second_moment(self.covariance.view());
        let codes = linalg::dot(linalg::dot(v.view(), second.view()).view(), v.t()); // V M V^T, [k, k]
        let cross = linalg::dot(v.view(), self.covariance.view()); // V S, [k, d]
        let heads = linalg::dot(w.t(), w.view()); // W^T W, [k, k]
        let c = noise.mean_factor;
        let inner = |a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>| (&a * &b).sum();
        Ok(self.covariance.diag().sum() - 2.0 * c * inner(w.t(), cross.view())
            + inner(heads.view(), codes.view()))
    }

    /// The largest angle, in degrees, between the span of the `k` optimal directions for denoising and that of the
    /// first `k` principal components, for each `k` of `ks` (`book/lbr.md`, section 2.6).
    ///
    /// If it is zero for every `k`, training with this noise has no effect on the code for any labels: the code of `k`
    /// dimensions equals that of reconstruction without noise, as for isotropic noise. An angle above zero does not
    /// imply that the noise helps; see [`Denoising::alignment`]. A gap `e` between two adjacent `mu` causes an error of
    /// about `EPSILON mu_1 / e` radians.
    ///
    /// Fails if the corruption does not apply to these samples, or if a `k` is not between 1 and [`Denoising::rank`].
    pub fn angles_to_principal_components(&self, corruption: &Corruption, ks: &[usize]) -> Result<Vec<f64>> {
        for &k in ks {
            check::dimensions("dimensions of the code", k, 1..=self.rank())?;
        }
        let corrupted = Corrupted::new(self, corruption)?;
        let (_, directions) = corrupted.directions(self, 1.0, 0.0)?;
        let outside = corrupted.outside(directions.view()); // [q, r]
        let all = ndarray::concatenate![Axis(0), directions, outside];
        let basis = linalg::orthonormal(all.view());
        ks.iter()
            .map(|&k| {
                // The sines of the angles are the singular values of the part outside of the first k components.
                let beside = rows(columns(basis.view(), ..k), k..).as_standard_layout().into_owned();
                if beside.is_empty() {
                    return Ok(0.0);
                }
                let sine =
                    linalg::singular("directions orthogonal to the components", beside.view())?.values[0];
                Ok(sine.min(1.0).asin().to_degrees())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
