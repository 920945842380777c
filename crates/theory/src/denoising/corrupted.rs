//! Moments of corrupted samples in the basis of the principal components of the clean ones.

use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate};

use super::Denoising;
use crate::corruption::{Added, Corruption};
use crate::part::{columns, rows};
use crate::{Result, linalg};

/// The second moment `M` of corrupted samples in the span of the clean ones, and its coupling to the complement.
pub(super) struct Corrupted {
    pub(super) mean_factor: f64,
    second: Second,
    outside: Option<Outside>,
}

/// The Schur complement of `M` in the span, in the basis of the components.
enum Second {
    /// Isotropic noise: the diagonal, `[r]`.
    Diagonal(Array1<f64>),
    /// The Cholesky factor, `[r, r]`.
    Factored(Array2<f64>),
}

/// Directions in which only the corrupted samples have variance.
struct Outside {
    /// Orthonormal rows, `[q, d]`.
    directions: Array2<f64>,
    /// The matrix of the best prediction of the noise in the span from the noise outside, transposed: `[q, r]`.
    response: Array2<f64>,
}

impl Corrupted {
    pub(super) fn new(samples: &Denoising, corruption: &Corruption) -> Result<Self> {
        let (r, d) = (samples.rank(), samples.mean.len());
        let moments = corruption.moments(d)?;
        let mut diagonal = moments.whole * &samples.variances;
        if let Added::Isotropic(variance) = moments.added {
            diagonal += variance;
        }
        let components = samples.components.view();
        let Some(along) = moments.along(components, samples.covariance.view()) else {
            let second = Second::Diagonal(diagonal);
            return Ok(Self { mean_factor: moments.mean_factor, second, outside: None });
        };
        let noise = linalg::lower_dot(along.view(), components.t());
        drop(along);
        let (mut second, outside) = match r < d {
            true => {
                let mut second = block(noise.view(), 0, 0, [r, r]);
                let outside = take_outside(&mut second, noise.view(), samples)?;
                drop(noise);
                (second, Some(outside))
            }
            false => (noise, None),
        };
        second.diag_mut().scaled_add(1.0, &diagonal);
        let what = "second moment of the corrupted samples";
        let hint = "some directions have no variance after the corruption; add a little noise to the samples";
        let second = Second::Factored(linalg::cholesky(what, hint, second)?);
        Ok(Self { mean_factor: moments.mean_factor, second, outside })
    }

    /// All `mu`, descending, and the columns of `V^T` in the basis of the first `r` components, `[r, r]`, with
    /// `V M V^T = I`.
    pub(super) fn directions(
        &self,
        samples: &Denoising,
        a: f64,
        b: f64,
    ) -> Result<(Array1<f64>, Array2<f64>)> {
        let c = self.mean_factor;
        let clean = c * a.sqrt() * &samples.variances;
        let labels = c * b.sqrt() * &samples.labels;
        match &self.second {
            Second::Diagonal(diagonal) if b == 0.0 => {
                let gains = &clean * &clean / diagonal;
                let order = falling(&gains);
                let directions = Array2::from_shape_fn((order.len(), order.len()), |(i, k)| {
                    if i == order[k] { diagonal[i].sqrt().recip() } else { 0.0 }
                });
                Ok((order.iter().map(|&i| gains[i]).collect(), directions))
            }
            Second::Diagonal(diagonal) => {
                let deviations = diagonal.mapv(f64::sqrt).insert_axis(Axis(1));
                let targets = concatenate![Axis(1), Array2::from_diag(&clean), labels];
                let (gains, vectors) = left_vectors((targets / &deviations).view())?;
                Ok((gains, vectors.reversed_axes() / deviations))
            }
            Second::Factored(l) => {
                let inverse = linalg::inverse_of_lower(l.view());
                let targets =
                    concatenate![Axis(1), &inverse * &clean, linalg::dot(inverse.view(), labels.view())];
                let (gains, vectors) = left_vectors(targets.view())?;
                let vectors = vectors.reversed_axes().as_standard_layout().into_owned();
                Ok((gains, linalg::solve_transposed_lower(l.view(), vectors)))
            }
        }
    }

    /// An orthonormal basis `W: [r, r]` of columns, best first, such that the codes of *clean* samples, scaled to
    /// variance 1 along each component, span the columns of `diag(s)^(-1/2) W`.
    ///
    /// With `T = L^-1 diag(s) = U sigma W^T`, the best encoder is `L^-T U`. For a whitened clean sample the encoder is
    /// `diag(s)^(1/2) L^-T U = diag(s)^(-1/2) T^T U = diag(s)^(-1/2) W sigma`, so neither `U` nor another solve with
    /// `L` is needed. `None` if the basis is that of the components, in their order.
    pub(super) fn decoded(self, samples: &Denoising) -> Result<Option<Array2<f64>>> {
        match self.second {
            // s^2 / (whole s + variance) increases with s, so the order of the components is kept.
            Second::Diagonal(_) => Ok(None),
            Second::Factored(l) => {
                let t = linalg::inverse_of_lower(l.view()) * &samples.variances;
                drop(l);
                let gram = linalg::gram_of_lower(t.view());
                drop(t);
                let vectors = linalg::eigen("denoised second moment", gram)?.vectors;
                Ok(Some(vectors.reversed_axes()))
            }
        }
    }

    /// An orthonormal basis of columns, `[r, r]`, best first, that the codes of joint embedding span for *clean* samples,
    /// scaled to variance 1 along each component.
    ///
    /// With `T = L^-1 diag(s)^(1/2) = U sigma W^T`, the best encoder is `L^-T U`, and for a whitened clean sample it is
    /// `diag(s)^(1/2) L^-T U = T^T U = W sigma`. `None` if the basis is that of the components, in their order.
    pub(super) fn embedded(self, samples: &Denoising) -> Result<Option<Array2<f64>>> {
        match self.second {
            // s / (whole s + variance) does not decrease with s, so the order of the components is kept.
            Second::Diagonal(_) => Ok(None),
            Second::Factored(l) => {
                let t = linalg::inverse_of_lower(l.view()) * &samples.variances.mapv(f64::sqrt);
                drop(l);
                let gram = linalg::gram_of_lower(t.view());
                drop(t);
                let vectors = linalg::eigen("agreement of two views", gram)?.vectors;
                Ok(Some(vectors.reversed_axes()))
            }
        }
    }

    /// The encoder `V`, `[k, d]`, whose directions in the span are the columns of `directions: [r, k]`.
    pub(super) fn encoder(&self, samples: &Denoising, directions: ArrayView2<'_, f64>) -> Array2<f64> {
        let directions = directions.to_owned();
        let span = rows(samples.components.view(), ..samples.rank());
        let mut encoder = linalg::dot(directions.t(), span);
        if let Some(outside) = &self.outside {
            encoder += &linalg::dot(self.outside(directions.view()).t(), outside.directions.view());
        }
        encoder
    }

    /// The components outside of the span, `[q, k]`, for directions in the span, `[r, k]`.
    pub(super) fn outside(&self, directions: ArrayView2<'_, f64>) -> Array2<f64> {
        match &self.outside {
            Some(outside) => -linalg::dot(outside.response.view(), directions.to_owned().view()),
            None => Array2::zeros((0, directions.ncols())),
        }
    }
}

/// Subtracts from `second: [r, r]` the part of the noise that is predictable from the noise outside of the span.
///
/// `noise: [d, d]` is the lower triangle of the noise covariance in the basis of all components. Directions in which it
/// is zero are ignored.
fn take_outside(
    second: &mut Array2<f64>,
    noise: ArrayView2<'_, f64>,
    samples: &Denoising,
) -> Result<Outside> {
    let (r, d) = (samples.rank(), samples.mean.len());
    let eigen = linalg::eigen("noise outside of the samples", block(noise, r, r, [d - r, d - r]))?;
    let rounding = d as f64 * f64::EPSILON * samples.variances[0].max(eigen.values[0]);
    let q = eigen.values.iter().take_while(|&&variance| variance > rounding).count();
    let directions = rows(eigen.vectors.view(), ..q);
    let variances = eigen.values.iter().take(q).copied().collect::<Array1<f64>>().insert_axis(Axis(1));
    let cross = linalg::dot(directions, block(noise, r, 0, [d - r, r]).view()); // [q, r]
    let response = &cross / &variances;
    linalg::add_lower_dot(second, cross.t(), response.view(), -1.0);
    let beside = rows(samples.components.view(), r..);
    Ok(Outside { directions: linalg::dot(directions, beside), response })
}

fn block(x: ArrayView2<'_, f64>, row: usize, column: usize, [height, width]: [usize; 2]) -> Array2<f64> {
    rows(columns(x, column..column + width), row..row + height).as_standard_layout().into_owned()
}

/// The eigenvalues of `t t^T`, descending and at least 0, and its eigenvectors as rows.
fn left_vectors(t: ArrayView2<'_, f64>) -> Result<(Array1<f64>, Array2<f64>)> {
    let product = linalg::lower_dot(t, t.t());
    let eigen = linalg::eigen("whitened second moment", product)?;
    Ok((eigen.values.mapv(|gain| gain.max(0.0)), eigen.vectors))
}

/// The indices of the values in descending order; equal values keep their order.
fn falling(values: &Array1<f64>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[j].total_cmp(&values[i]));
    order
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn equal_values_keep_their_order() {
        assert_eq!(falling(&array![1.0, 3.0, 2.0, 3.0]), [1, 3, 2, 0]);
    }
}
