//! The exact trade-off of classification and reconstruction for linear models (fact T13 of section 6.3 of
//! `book/cre.md`).

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, concatenate};

use crate::evaluation::{accuracy, mean_squared_error, one_hot};
use crate::joint::objective;
use crate::part::{elements, rows};
use crate::{Error, Evaluation, Moments, Pca, Result, check, linalg};

/// The optimal linear codes of samples, for any lambda and any number of dimensions.
///
/// The minimum over all affine encoders to `k` dimensions, with affine heads, of
///
/// ```text
/// lambda * MSE + (1 - lambda) * MSE of one-hot labels
/// ```
///
/// (means over `d` pixels and over classes) is found in whitened coordinates `w = Sx^(-1/2) (x - mean)`. There, the
/// optimal code is spanned by the eigenvectors for the `k` largest eigenvalues of
///
/// ```text
/// H = a Sx + b Sx^(-1/2) Sxy Syx Sx^(-1/2),   a = lambda / d,   b = (1 - lambda) / classes
/// ```
///
/// and each eigenvalue is the reduction of the objective by its direction. At lambda = 1 this is principal component
/// analysis, at lambda = 0 reduced-rank regression.
///
/// Constant pixels make `Sx` singular, so codes are restricted to the span of the leading principal components `P` that
/// explain a given fraction of the variance. In their basis `Sx` is `diag(s)`, and `H = a diag(s) + b U U^T` with
/// `U = diag(s)^(-1/2) P Sxy`. The remaining variance is part of every reconstruction error.
#[derive(Debug, Clone)]
pub struct LinearFront {
    mean: Array1<f64>,
    frequencies: Array1<f64>,
    /// `P`, `[r, d]`.
    basis: Array2<f64>,
    /// `s`, the variance along each row of the basis, `[r]`.
    variances: Array1<f64>,
    /// `U`, `[r, classes]`.
    labels: Array2<f64>,
    /// The mean squared error of predicting every image by the mean image, as a sum over pixels.
    total: f64,
    /// The mean squared error of predicting every one-hot label by the class frequencies, as a sum over classes.
    label_total: f64,
}

/// An optimal linear code with its heads; see [`LinearFront`].
#[derive(Debug, Clone)]
pub struct LinearCre {
    /// The encoder, `[k, d]`; the codes of the training samples have mean zero, variance 1 and no correlation.
    pub encoder: Array2<f64>,
    /// The optimal decoder, `[d, k]`.
    pub decoder: Array2<f64>,
    /// The optimal classifier, `[classes, k]`, by least squares to one-hot labels.
    pub classifier: Array2<f64>,
    /// The mean of the samples, `[d]`: subtracted before encoding, added after decoding.
    pub mean: Array1<f64>,
    /// The class frequencies, `[classes]`: added to the scores.
    pub frequencies: Array1<f64>,
    /// The mean squared error of the reconstruction on the training samples, over pixels.
    pub mse: f64,
    /// The mean squared error of the scores on the training samples, over classes.
    pub one_hot_mse: f64,
}

impl LinearFront {
    /// The fraction of the variance that is kept in section 6.3 of `book/cre.md`.
    pub const FRACTION: f64 = 0.999;

    /// Prepares the closed form for the samples of these moments, in the span of the leading principal components that
    /// explain at least `fraction` of the variance and exceed rounding errors.
    ///
    /// Fails if there are no samples, if they are all equal, or if `fraction` is not in `[0, 1]`.
    pub fn new(moments: &Moments, fraction: f64) -> Result<Self> {
        let pca = Pca::fit(moments)?;
        if pca.rank() == 0 {
            return Err(Error::Constant { what: "samples", rows: moments.n() });
        }
        let r = pca.n_for(fraction)?.clamp(1, pca.rank());
        let basis = rows(pca.components(), ..r).to_owned();
        let variances = elements(pca.variances(), ..r).to_owned();
        let deviations = variances.mapv(f64::sqrt).insert_axis(Axis(1));
        let frequencies = moments.class_frequencies()?;
        Ok(Self {
            mean: pca.mean().to_owned(),
            labels: basis.dot(&moments.label_covariance()?) / deviations,
            total: moments.covariance()?.diag().sum(),
            // A one-hot entry is 1 with probability p, so its variance is p (1 - p).
            label_total: frequencies.mapv(|p| p * (1.0 - p)).sum(),
            frequencies,
            basis,
            variances,
        })
    }

    /// The number of kept principal components, the largest number of dimensions of a code.
    pub fn rank(&self) -> usize {
        self.variances.len()
    }

    /// The optimal code of `k` dimensions at this lambda, with its heads.
    ///
    /// At lambda = 0, no direction beyond the rank of the labels (at most the number of classes minus one) lowers the
    /// objective. The remaining directions minimise the reconstruction error, as in the limit of lambda towards 0.
    ///
    /// Fails if lambda is not between 0 and 1, or `k` not between 1 and [`LinearFront::rank`].
    pub fn solve(&self, lambda: f64, k: usize) -> Result<LinearCre> {
        check::fraction("lambda", lambda)?;
        check::dimensions("dimensions of the code", k, 1..=self.rank())?;
        let [d, classes] = [self.mean.len(), self.frequencies.len()].map(|n| n as f64);
        let directions = self.directions(lambda / d, (1.0 - lambda) / classes, k)?; // [k, r]

        let deviations = self.variances.mapv(f64::sqrt);
        let to_codes = &directions / &deviations;
        let from_codes = &directions * &deviations;
        let classifier = self.labels.t().dot(&directions.t());
        let energy = |of: &Array2<f64>| of.iter().map(|value| value * value).sum::<f64>();
        Ok(LinearCre {
            mse: (self.total - energy(&from_codes)).max(0.0) / d,
            one_hot_mse: (self.label_total - energy(&classifier)).max(0.0) / classes,
            encoder: to_codes.dot(&self.basis),
            decoder: from_codes.dot(&self.basis).reversed_axes(),
            classifier,
            mean: self.mean.clone(),
            frequencies: self.frequencies.clone(),
        })
    }

    /// The first `k` eigenvectors of `H` as rows, `[k, r]`.
    fn directions(&self, a: f64, b: f64, k: usize) -> Result<Array2<f64>> {
        let h = objective(&self.labels, b, &self.variances, a);
        let eigen = linalg::eigen("objective in whitened coordinates", h)?;
        let rounding = self.rank() as f64 * f64::EPSILON * eigen.values[0];
        let decided = eigen.values.iter().take_while(|&&gain| gain > rounding).count();
        if a > 0.0 || k <= decided {
            return Ok(eigen.vectors.slice_axis_move(ndarray::Axis(0), ndarray::Slice::from(..k)));
        }
        let (of_labels, rest) = eigen.vectors.view().split_at(Axis(0), decided);
        let variances = (&rest * &self.variances).dot(&rest.t());
        let order = linalg::eigen("variance orthogonal to the labels", variances)?.vectors;
        let of_variance = rows(order.view(), ..k - decided).dot(&rest);
        Ok(concatenate![Axis(0), of_labels, of_variance])
    }
}

impl LinearCre {
    /// The codes `[n, k]` of `x: [n, d]`.
    ///
    /// Fails if `x` has no rows, does not have `d` columns, or has values that are not finite.
    pub fn codes(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check::samples_of_width("samples", x, self.mean.len())?;
        Ok((&x - &self.mean).dot(&self.encoder.t()))
    }

    /// The reconstruction of `x: [n, d]`, `[n, d]`.
    ///
    /// Fails as [`LinearCre::codes`] does.
    pub fn reconstruct(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        Ok(apply(&self.decoder, &self.codes(x)?, self.mean.view()))
    }

    /// The logits, `[n, classes]`; the highest is the prediction.
    ///
    /// Fails as [`LinearCre::codes`] does.
    pub fn scores(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        Ok(apply(&self.classifier, &self.codes(x)?, self.frequencies.view()))
    }

    /// Evaluates errors and accuracy on samples `x: [n, d]` with labels.
    ///
    /// Fails as [`LinearCre::codes`] does, and if there is not one label per row, below the number of classes.
    pub fn evaluate(&self, x: ArrayView2<'_, f64>, labels: &[u8]) -> Result<Evaluation> {
        check::labels(labels, x.nrows(), self.frequencies.len())?;
        let codes = self.codes(x)?;
        let images = apply(&self.decoder, &codes, self.mean.view());
        let scores = apply(&self.classifier, &codes, self.frequencies.view());
        Ok(Evaluation {
            mse: mean_squared_error(images.view(), x),
            one_hot_mse: mean_squared_error(scores.view(), one_hot(labels, scores.ncols()).view()),
            accuracy: accuracy(scores.view(), labels),
        })
    }
}

/// Applies `head: [m, k]` to the codes `[n, k]`.
fn apply(head: &Array2<f64>, codes: &Array2<f64>, offset: ArrayView1<'_, f64>) -> Array2<f64> {
    codes.dot(&head.t()) + offset
}

#[cfg(test)]
mod tests;
