//! Task alignment: how well a linear classifier can predict the labels from a code that was learned by reconstruction.

use ndarray::{Array1, Array2, ArrayView1, Axis};

use crate::corruption::Corruption;
use crate::denoising::Denoising;
use crate::{Error, Result, linalg};

/// The task alignment of the optimal denoising codes (section 2.7 of `book/lbr.md`).
///
/// Entry `k - 1` is for the code of `k` dimensions, where `k` is from 1 to the rank of the samples. The codes are those
/// of clean samples, even if the encoder is optimal for corrupted ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    /// `a(k)` in percent, non-decreasing up to 100: the square root of the fraction of `sum of n_c (q y_c)^2` due to
    /// the first `k` of all orthonormal code sequences `q`, where `y_c` indicates the `n_c` samples of class `c`. It is
    /// exactly zero if these `k` explain no more of the labels than rounding errors.
    pub alignment: Array1<f64>,
    /// `R^2(k)` in `[0, 1]`, non-decreasing: the fraction of the variance of one-hot labels that least squares explains
    /// from the code. It is exactly zero if the alignment is.
    pub r2: Array1<f64>,
}

impl Alignment {
    /// `R^2(k)` relative to the last `R^2`, that of the samples themselves, in percent. With balanced classes it is
    /// `a(k)^2 / 100`.
    pub fn r2_ratio(&self) -> Array1<f64> {
        let full = self.r2.last().copied().unwrap_or(f64::NAN);
        100.0 * &self.r2 / full
    }

    /// `100 (a(k) - a_0(k)) / a_0(k)` in percent: the relative effect of a noise on the alignment, where `a_0` is the
    /// alignment without noise. It is infinite or NaN where `a_0` is zero.
    ///
    /// Fails if the numbers of dimensions differ.
    pub fn impact(&self, clean: &Self) -> Result<Array1<f64>> {
        let (expected, got) = (self.alignment.len(), clean.alignment.len());
        if got != expected {
            return Err(Error::shape(
                "noise-free reference alignment",
                format!("{expected} dimensions"),
                got,
            ));
        }
        Ok(100.0 * (&self.alignment - &clean.alignment) / &clean.alignment)
    }
}

impl Alignment {
    /// The expected `a(k)` of random labels: `100 sqrt(k / rank)` in percent.
    ///
    /// Permuted labels have the same distribution along any orthonormal code of centred samples, so the first `k` of
    /// `rank` dimensions explain `k / rank` of the whole on average. For few samples with many pixels, the curve is
    /// close to this one for any labels.
    pub fn null(&self) -> Array1<f64> {
        let rank = self.r2.len() as f64;
        Array1::from_shape_fn(self.r2.len(), |place| 100.0 * ((place + 1) as f64 / rank).sqrt())
    }

    /// Adjusted `R^2` (Theil, 1961): `1 - (1 - R^2(k)) (n - 1) / (n - 1 - k)` for `n` training samples. It is zero on
    /// average for permuted labels, of which `k` dimensions explain `k / (n - 1)`, and may be negative. It is undefined
    /// for codes of `n - 1` or more dimensions, which are omitted.
    pub fn adjusted_r2(&self, n: usize) -> Array1<f64> {
        let free = n.saturating_sub(1);
        let defined = self.r2.iter().enumerate().take(free.saturating_sub(1));
        defined.map(|(place, r2)| 1.0 - (1.0 - r2) * free as f64 / (free - place - 1) as f64).collect()
    }

    /// The alignment corrected for chance: `100 sqrt(adjusted R^2(k) / adjusted R^2(rank))` in percent, limited to the
    /// range from 0 to 100. `None` if the samples explain no more than expected by chance, or if there are too few samples.
    pub fn adjusted(&self, n: usize) -> Option<Array1<f64>> {
        let adjusted = self.adjusted_r2(n);
        let full = *adjusted.last().filter(|&&full| adjusted.len() == self.r2.len() && full > 0.0)?;
        Some(adjusted.mapv(|r2| 100.0 * (r2 / full).clamp(0.0, 1.0).sqrt()))
    }
}

impl Denoising {
    /// The alignment of the optimal codes under this corruption, computed from covariances only.
    ///
    /// In coordinates in which clean samples have variance 1 along each principal component, codes are the columns of
    /// `diag(s)^(-1/2) W`. With their orthonormal basis `Q`, the labels `diag(s)^(-1/2) G` become the rows `q_k y_c` of
    /// the definition. In addition to [`Denoising::new`], this costs about `8 d^3` operations for masks (one triangular
    /// inverse, one eigendecomposition and one QR decomposition) and almost nothing for isotropic noise.
    ///
    /// Fails if the corruption does not apply to these samples, or if no direction is correlated with the labels.
    pub fn alignment(&self, corruption: &Corruption) -> Result<Alignment> {
        self.alignment_of(self.decoded_units(corruption)?)
    }

    /// The directions of decoded codes as columns, in coordinates in which samples have variance 1 along each
    /// component; `None` if these directions are the components.
    pub(crate) fn decoded_units(&self, corruption: &Corruption) -> Result<Option<Array2<f64>>> {
        Ok(self.decoded(corruption)?.map(|decoded| decoded * self.to_unit()))
    }

    /// The alignment of the codes whose decoded directions are the columns of `decoded`; those of the components if it
    /// is `None`.
    pub(crate) fn alignment_of(&self, decoded: Option<Array2<f64>>) -> Result<Alignment> {
        let labels = self.label_covariance() * &self.to_unit(); // [r, classes]
        let labels = match decoded {
            Some(decoded) => linalg::onto_columns(decoded, labels),
            None => labels,
        };
        Labels {
            frequencies: self.frequencies(),
            energy: self.label_energy(),
            rounding: self.label_rounding(),
        }
        .alignment(&labels)
    }
}

/// Properties of the labels that the alignment depends on, in addition to their covariance with the codes.
pub(crate) struct Labels<'a> {
    /// The class frequencies, `[classes]`.
    pub(crate) frequencies: ArrayView1<'a, f64>,
    /// `E|y - E y|^2`
    pub(crate) energy: f64,
    /// A bound on the rounding error of an `E|prediction of y|^2` that is exactly zero.
    pub(crate) rounding: f64,
}

impl Labels<'_> {
    /// The alignment of orthonormal codes, in order, whose covariance with the labels is `[r, classes]`.
    ///
    /// Fails if no direction is correlated with the labels.
    pub(crate) fn alignment(&self, covariance: &Array2<f64>) -> Result<Alignment> {
        let squares = covariance.mapv(|product| product * product);
        let (mut weighted, mut plain) =
            (cumulated(squares.dot(&self.frequencies)), cumulated(squares.sum_axis(Axis(1))));
        let last = plain.len() - 1;
        if self.energy == 0.0 || plain[last] <= self.rounding {
            return Err(Error::shape(
                "labels",
                "labels that correlate with the samples",
                "uncorrelated labels",
            ));
        }
        for (weighted, plain) in weighted.iter_mut().zip(&mut plain) {
            if *plain <= self.rounding {
                (*weighted, *plain) = (0.0, 0.0);
            }
        }
        let full = weighted[last];
        Ok(Alignment {
            alignment: weighted.mapv(|held| 100.0 * (held / full).sqrt()),
            r2: plain.mapv(|held| (held / self.energy).min(1.0)),
        })
    }
}

fn cumulated(mut values: Array1<f64>) -> Array1<f64> {
    values.accumulate_axis_inplace(Axis(0), |&before, value| *value += before);
    values
}

#[cfg(test)]
pub(crate) mod tests;
