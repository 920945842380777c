//! The two factorisations of symmetric matrices that closed forms need, by `faer` on one thread.

use faer::{Mat, Side, linalg::solvers::Solve};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::{Error, Result, check};

/// The eigenvalues of a symmetric matrix, falling, and its orthonormal eigenvectors as rows.
pub(crate) struct Eigen {
    pub(crate) values: Array1<f64>,
    pub(crate) vectors: Array2<f64>,
}

/// Factors a symmetric matrix, of which the lower triangle is read.
///
/// An eigenvector has two signs; here its largest entry is positive, so that pictures do not flip.
///
/// Errs if a value is not finite.
pub(crate) fn eigen(what: &'static str, symmetric: ArrayView2<'_, f64>) -> Result<Eigen> {
    check::finite(what, symmetric)?;
    let n = symmetric.nrows();
    let factored =
        to_faer(symmetric).self_adjoint_eigen(Side::Lower).map_err(|_| Error::NoConvergence { what, n })?;
    let (rising, columns) = (factored.S().column_vector(), factored.U());
    let values = Array1::from_shape_fn(n, |i| rising[n - 1 - i]);
    let mut vectors = Array2::from_shape_fn((n, n), |(i, j)| columns[(j, n - 1 - i)]);
    for mut vector in vectors.axis_iter_mut(Axis(0)) {
        let largest = vector.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
        if largest.is_some_and(|largest| largest < 0.0) {
            vector.mapv_inplace(|entry| -entry);
        }
    }
    Ok(Eigen { values, vectors })
}

/// The `x` with `a x = b` for a positive definite `a`, of which the lower triangle is read.
///
/// Errs if a value is not finite, or `a` is not positive definite; `hint` says what to do then.
pub(crate) fn solve_positive(
    what: &'static str,
    hint: &'static str,
    a: ArrayView2<'_, f64>,
    b: ArrayView2<'_, f64>,
) -> Result<Array2<f64>> {
    check::finite(what, a)?;
    check::finite("right-hand side", b)?;
    let n = a.nrows();
    let factored = to_faer(a).llt(Side::Lower).map_err(|_| Error::NotPositiveDefinite { what, n, hint })?;
    let x = factored.solve(to_faer(b));
    Ok(Array2::from_shape_fn(b.dim(), |(i, j)| x[(i, j)]))
}

fn to_faer(x: ArrayView2<'_, f64>) -> Mat<f64> {
    Mat::from_fn(x.nrows(), x.ncols(), |i, j| x[[i, j]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;

    #[test]
    fn eigenvectors_diagonalise_and_the_values_fall() {
        let x = Noise::new(1).normal(9, 6);
        let symmetric = x.t().dot(&x);
        let Eigen { values, vectors } = eigen("a", symmetric.view()).unwrap();
        assert!(values.windows(2).into_iter().all(|pair| pair[0] >= pair[1]));
        let again = (vectors.t().to_owned() * &values).dot(&vectors);
        // A backward stable factorisation errs by a small multiple of n epsilons of the norm.
        let tolerance = 10.0 * 6.0 * f64::EPSILON * values[0];
        assert!(again.iter().zip(&symmetric).all(|(got, wanted)| (got - wanted).abs() < tolerance));
        let gram = vectors.dot(&vectors.t());
        assert!(gram.indexed_iter().all(|((i, j), g)| (g - f64::from(i == j)).abs() < 60.0 * f64::EPSILON));
    }

    #[test]
    fn the_largest_entry_of_an_eigenvector_is_positive() {
        let x = Noise::new(2).normal(9, 6);
        for vector in eigen("a", x.t().dot(&x).view()).unwrap().vectors.outer_iter() {
            let [low, high] =
                [vector.fold(f64::INFINITY, |a, &b| a.min(b)), vector.fold(0.0, |a, &b| a.max(b))];
            assert!(high >= -low);
        }
    }

    #[test]
    fn what_is_not_finite_or_not_positive_definite_is_refused() {
        let mut a = Array2::eye(3);
        a[[2, 1]] = f64::NAN;
        let message = eigen("covariance", a.view()).map(|_| ()).unwrap_err().to_string();
        assert_eq!(message, "covariance: wanted finite values, got NaN in row 2, column 1");
        a[[2, 1]] = 0.0;
        a[[1, 1]] = -1.0;
        let message = solve_positive("a", "help", a.view(), Array2::eye(3).view()).unwrap_err().to_string();
        let wanted =
            "a: wanted a positive definite 3 × 3 matrix, got one that is singular or indefinite; help";
        assert_eq!(message, wanted);
    }
}
