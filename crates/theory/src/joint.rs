//! The optimal linear encoder with a linear decoder and a linear classifier, as sums over samples.

use ndarray::{Array1, Array2, ArrayView2};

use crate::part::{columns, elements, rows};
use crate::{Error, Result, check, linalg};

/// The minima of the joint objective of classification and reconstruction (section 2.1 of `book/lbr.md`):
///
/// ```text
/// L = |X V^T W^T - Y|^2 + lambda |X V^T Z^T - X|^2
/// ```
///
/// as sums over samples, the rows of `X: [n, d]`, for any targets `Y: [n, m]`; nothing is centred. With the singular
/// value decomposition `X = Q diag(sigma) P^T`, restricted to singular values above [`JointOptimum::CUT`] times the
/// largest, optimal codes are spanned by the eigenvectors `E` for the largest eigenvalues `mu` of
///
/// ```text
/// H = (Q^T Y) (Q^T Y)^T + lambda diag(sigma)^2,   and   min L = |Y|^2 + lambda |X|^2 - sum of mu
/// ```
///
/// One thin SVD suffices for `d < n` and `d >= n`, and no matrix with the squared condition number of `X` is formed.
/// [`LinearFront`](crate::LinearFront) is the same optimum for centred samples and one-hot labels, in means instead of
/// sums, computed from moments in one pass over the data. Use it if the samples do not fit into memory.
#[derive(Debug, Clone)]
pub struct JointOptimum {
    /// `sigma`, descending, `[r]`.
    singular: Array1<f64>,
    /// `P^T`, `[r, d]`.
    basis: Array2<f64>,
    /// `Q^T Y`, `[r, m]`.
    targets: Array2<f64>,
    /// `|X|^2`
    energy: f64,
    /// `|Y|^2`
    target_energy: f64,
}

/// An optimal linear code; see [`JointOptimum`].
#[derive(Debug, Clone)]
pub struct JointCode {
    /// `V`, `[k, d]`, the best direction first; the codes are orthonormal, `V X^T X V^T = I`.
    pub encoder: Array2<f64>,
    /// `Z`, `[d, k]`.
    pub decoder: Array2<f64>,
    /// `W`, `[m, k]`.
    pub classifier: Array2<f64>,
    /// `mu`, the reduction of the loss by each direction, descending, `[k]`.
    pub gains: Array1<f64>,
    /// `L`.
    pub loss: f64,
}

impl JointOptimum {
    /// Singular values of at most this fraction of the largest count as zero.
    pub const CUT: f64 = 1e-10;

    /// Prepares the closed form for any `lambda` and `k`: one singular value decomposition of `x: [n, d]`.
    ///
    /// Fails if there are no samples, if the number of targets differs, if a value is not finite, or if all values are
    /// zero.
    pub fn new(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<Self> {
        check::samples("samples", x, 1)?;
        check::samples("targets", y, 1)?;
        check::rows("targets", y.nrows(), x.nrows())?;
        let (x, y) = (x.as_standard_layout(), y.as_standard_layout());
        let linalg::Singular { left, values, right } = linalg::singular("samples", x.view())?;
        let rank = values.iter().take_while(|&&value| value > Self::CUT * values[0]).count();
        if rank == 0 {
            return Err(Error::Constant { what: "samples", rows: x.nrows() });
        }
        let energy = |of: ArrayView2<'_, f64>| of.iter().map(|value| value * value).sum::<f64>();
        Ok(Self {
            targets: linalg::dot(columns(left.view(), ..rank).t(), y.view()),
            singular: elements(values.view(), ..rank).to_owned(),
            basis: rows(right.view(), ..rank).as_standard_layout().into_owned(),
            energy: energy(x.view()),
            target_energy: energy(y.view()),
        })
    }

    /// The number of nonzero singular values, the largest number of dimensions of a code.
    pub fn rank(&self) -> usize {
        self.singular.len()
    }

    /// The optimal code of `k` dimensions with its heads, where `lambda` is the weight of the reconstruction.
    ///
    /// At `lambda = 0`, directions beyond the rank of the targets do not reduce the loss and are arbitrary.
    ///
    /// Fails if `lambda` is negative or not finite, or if `k` is not between 1 and [`JointOptimum::rank`].
    // ANCHOR: solve
    pub fn solve(&self, lambda: f64, k: usize) -> Result<JointCode> {
        if !(lambda >= 0.0 && lambda.is_finite()) {
            return Err(Error::out_of_range("lambda", "at least 0 and finite", lambda));
        }
        check::dimensions("dimensions of the code", k, 1..=self.rank())?;
        let objective = objective(&self.targets, 1.0, &self.singular.mapv(|value| value * value), lambda);
        let eigen = linalg::eigen("objective in whitened coordinates", objective)?;
        let directions = rows(eigen.vectors.view(), ..k); // E^T, [k, r]
        let gains = elements(eigen.values.view(), ..k).mapv(|gain| gain.max(0.0));
        let total = self.target_energy + lambda * self.energy;
        Ok(JointCode {
            encoder: linalg::dot((&directions / &self.singular).view(), self.basis.view()),
            decoder: linalg::dot((&directions * &self.singular).view(), self.basis.view()).reversed_axes(),
            classifier: linalg::dot(directions, self.targets.view()).reversed_axes(),
            loss: (total - gains.sum()).max(0.0),
            gains,
        })
    }
    // ANCHOR_END: solve
}

/// The lower triangle of `b U U^T + a diag(s)`, whose eigenvalues are the reductions of a joint objective by directions
/// of whitened samples, for targets `U: [r, m]` and variances `s: [r]` in this basis.
pub(crate) fn objective(targets: &Array2<f64>, b: f64, energies: &Array1<f64>, a: f64) -> Array2<f64> {
    let mut objective = b * linalg::lower_dot(targets.view(), targets.t());
    objective.diag_mut().scaled_add(a, energies);
    objective
}

#[cfg(test)]
mod tests;
