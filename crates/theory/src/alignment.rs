//! How much of the best linear classifier a code learned by reconstruction keeps.

use ndarray::{Array1, Axis};

use crate::corruption::Corruption;
use crate::denoising::Denoising;
use crate::{Error, Result, linalg};

/// The task alignment of every code that denoising finds: section 2.7 of `book/lbr.md`.
///
/// Entry `k - 1` speaks of the code of `k` dimensions, from 1 to the rank of the samples. Codes are of clean samples,
/// also if they were found for corrupted ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    /// `a(k)` in percent, not falling, the last is 100: the root of the share of `sum of n_c (q y_c)^2` that the first
    /// `k` of all orthonormal code sequences `q` hold, where `y_c` marks the `n_c` samples of class `c`. It is exactly
    /// zero where those `k` explain no more of the labels than rounding alone may make of nothing.
    pub alignment: Array1<f64>,
    /// `R^2(k)`, within 0 and 1, not falling: the share of the energy of centred one-hot labels that least squares
    /// explain from the code; exactly zero as the alignment is.
    pub r2: Array1<f64>,
}

impl Alignment {
    /// `R^2(k)` over the last `R^2`, that of the samples themselves, in percent. With balanced classes it is
    /// `a(k)^2 / 100`.
    pub fn r2_ratio(&self) -> Array1<f64> {
        let full = self.r2.last().copied().unwrap_or(f64::NAN);
        100.0 * &self.r2 / full
    }

    /// `100 (a(k) - a_0(k)) / a_0(k)` in percent, what a noise adds to the alignment `a_0` without it; infinite or NaN
    /// where that is zero.
    ///
    /// Errs if the two are not of as many dimensions.
    pub fn impact(&self, clean: &Self) -> Result<Array1<f64>> {
        let (got, wanted) = (self.alignment.len(), clean.alignment.len());
        if got != wanted {
            return Err(Error::shape("alignment without noise", format!("{got} dimensions"), wanted));
        }
        Ok(100.0 * (&self.alignment - &clean.alignment) / &clean.alignment)
    }
}

impl Denoising {
    /// The alignment of all codes that this corruption leads to, from covariances alone.
    ///
    /// In coordinates where clean samples have variance 1 along each principal component, codes are the columns of
    /// `diag(s)^(-1/2) W`. Their orthonormal basis `Q` turns the labels there, `diag(s)^(-1/2) G`, into the rows
    /// `q_k y_c` of the definition. Beyond the preparation this costs about `8 d^3` operations for masks: one
    /// triangular inverse, one eigendecomposition, one QR decomposition; and none for noise without direction.
    ///
    /// Errs if the corruption is none of these samples, or if no direction says anything of the labels.
    pub fn alignment(&self, corruption: &Corruption) -> Result<Alignment> {
        let to_unit = self.variances().mapv(|variance| variance.sqrt().recip()).insert_axis(Axis(1));
        let labels = self.label_covariance() * &to_unit; // [r, classes]
        let labels = match self.decoded(corruption)? {
            Some(decoded) => linalg::onto_columns(decoded * &to_unit, labels),
            None => labels,
        };
        let weighted = labels.mapv(|product| product * product).dot(&self.frequencies());
        let plain = labels.mapv(|product| product * product).sum_axis(Axis(1));
        let (mut weighted, mut plain) = (cumulated(weighted), cumulated(plain));
        let last = self.rank() - 1;
        if self.label_energy() == 0.0 || plain[last] <= self.label_rounding() {
            return Err(Error::shape("labels", "some that vary with the samples", "none that do"));
        }
        for (weighted, plain) in weighted.iter_mut().zip(&mut plain) {
            if *plain <= self.label_rounding() {
                (*weighted, *plain) = (0.0, 0.0);
            }
        }
        let full = weighted[last];
        Ok(Alignment {
            alignment: weighted.mapv(|held| 100.0 * (held / full).sqrt()),
            r2: plain.mapv(|held| (held / self.label_energy()).min(1.0)),
        })
    }
}

fn cumulated(mut values: Array1<f64>) -> Array1<f64> {
    values.accumulate_axis_inplace(Axis(0), |&before, value| *value += before);
    values
}

#[cfg(test)]
mod tests;
