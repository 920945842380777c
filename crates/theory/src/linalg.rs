//! The factorisations that closed forms need, by `faer` on one thread.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::householder::{
    apply_block_householder_sequence_transpose_on_the_left_in_place_scratch as apply_scratch,
    apply_block_householder_sequence_transpose_on_the_left_in_place_with_conj as apply,
};
use faer::linalg::solvers::Solve;
use faer::linalg::{triangular_inverse, triangular_solve};
use faer::{Conj, Mat, MatRef, Side, get_global_parallelism};
use ndarray::{Array1, Array2, ArrayView2, Axis, ShapeBuilder};

use crate::{Error, Result, check};

mod products;

pub(crate) use products::{add_lower_dot, dot, gram_of_lower, lower_dot, mirrored};
use products::{view, view_mut};

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
        view(symmetric).self_adjoint_eigen(Side::Lower).map_err(|_| Error::NoConvergence { what, n })?;
    let (rising, columns) = (factored.S().column_vector(), factored.U());
    let values = Array1::from_shape_fn(n, |i| rising[n - 1 - i]);
    let mut vectors = Array2::zeros((n, n));
    for (i, mut vector) in vectors.axis_iter_mut(Axis(0)).enumerate() {
        let column = columns.col(n - 1 - i);
        vector.iter_mut().zip(column.iter()).for_each(|(to, &from)| *to = from);
        let largest = vector.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
        if largest.is_some_and(|largest| largest < 0.0) {
            vector.mapv_inplace(|entry| -entry);
        }
    }
    Ok(Eigen { values, vectors })
}

/// The thin singular value decomposition `x = left diag(values) right` of `x: [n, d]`, with `q = min(n, d)`.
pub(crate) struct Singular {
    /// `[n, q]`, orthonormal columns.
    pub(crate) left: Array2<f64>,
    /// Falling, `[q]`.
    pub(crate) values: Array1<f64>,
    /// `[q, d]`, orthonormal rows.
    pub(crate) right: Array2<f64>,
}

/// Errs if a value is not finite.
pub(crate) fn singular(what: &'static str, x: ArrayView2<'_, f64>) -> Result<Singular> {
    check::finite(what, x)?;
    let n = x.nrows().max(x.ncols());
    let factored = view(x).thin_svd().map_err(|_| Error::NoConvergence { what, n })?;
    let values = factored.S().column_vector();
    Ok(Singular {
        left: array(factored.U()),
        values: Array1::from_shape_fn(values.nrows(), |i| values[i]),
        right: array(factored.V()).reversed_axes(),
    })
}

/// The lower triangular `l` with `l l^T = a` for a positive definite `a`, of which the lower triangle is read.
///
/// Errs if a value is not finite, or `a` is not positive definite; `hint` says what to do then.
pub(crate) fn cholesky(
    what: &'static str,
    hint: &'static str,
    a: ArrayView2<'_, f64>,
) -> Result<Array2<f64>> {
    check::finite(what, a)?;
    let n = a.nrows();
    let factored = view(a).llt(Side::Lower).map_err(|_| Error::NotPositiveDefinite { what, n, hint })?;
    Ok(array(factored.L()))
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
    let right = Mat::from_fn(b.nrows(), b.ncols(), |i, j| b[[i, j]]);
    let factored = view(a.as_standard_layout().view())
        .llt(Side::Lower)
        .map_err(|_| Error::NotPositiveDefinite { what, n, hint })?;
    Ok(array(factored.solve(right).as_ref()))
}

/// `l^-1` of a lower triangular matrix without zeros on its diagonal.
pub(crate) fn inverse_of_lower(l: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut inverse = Mat::zeros(l.nrows(), l.ncols());
    triangular_inverse::invert_lower_triangular(inverse.as_mut(), view(l), get_global_parallelism());
    array(inverse.as_ref())
}

/// `l^-T b` for a lower triangular `l` without zeros on its diagonal.
pub(crate) fn solve_transposed_lower(l: ArrayView2<'_, f64>, mut b: Array2<f64>) -> Array2<f64> {
    let par = get_global_parallelism();
    triangular_solve::solve_upper_triangular_in_place(view(l).transpose(), view_mut(&mut b), par);
    b
}

/// `Q^T b` for the orthonormal `Q` of a square `a = Q R`, which is never written out.
pub(crate) fn onto_columns(a: ArrayView2<'_, f64>, mut b: Array2<f64>) -> Array2<f64> {
    let factored = view(a).qr();
    let (basis, factor) = (factored.Q_basis(), factored.Q_coeff());
    let mut memory = MemBuffer::new(apply_scratch::<f64>(basis.nrows(), factor.nrows(), b.ncols()));
    let (stack, par) = (MemStack::new(&mut memory), get_global_parallelism());
    apply(basis, factor, Conj::No, view_mut(&mut b), par, stack);
    b
}

/// The orthonormal `Q: [n, k]` of `a = Q R`, where `a: [n, k]` has no more columns than rows.
pub(crate) fn orthonormal(a: ArrayView2<'_, f64>) -> Array2<f64> {
    array(view(a).qr().compute_thin_Q().as_ref())
}

/// A copy with its columns one after another, as `faer` keeps them.
fn array(x: MatRef<'_, f64>) -> Array2<f64> {
    let mut copy = Array2::zeros(x.shape().f());
    for (mut to, from) in copy.axis_iter_mut(Axis(1)).zip(x.col_iter()) {
        to.iter_mut().zip(from.iter()).for_each(|(to, &from)| *to = from);
    }
    copy
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

    /// Few operations on 7 × 7 matrices whose condition stays below 100.
    const TOLERANCE: f64 = 49.0 * 100.0 * f64::EPSILON;

    fn assert_close(got: &Array2<f64>, wanted: &Array2<f64>) {
        let worst = (got - wanted).iter().fold(0.0f64, |worst, gap| worst.max(gap.abs()));
        assert!(worst < TOLERANCE, "{worst:e}");
    }

    #[test]
    fn a_triangle_squares_to_what_was_factored_and_is_undone_by_its_inverse() {
        let x = Noise::new(3).normal(40, 7);
        let a = x.t().dot(&x) / 40.0;
        let l = cholesky("a", "", a.view()).unwrap();
        assert_close(&l.dot(&l.t()), &a);
        assert_close(&inverse_of_lower(l.view()).dot(&l), &Array2::eye(7));
        assert_close(&solve_transposed_lower(l.view(), l.t().to_owned()), &Array2::eye(7));
        assert_close(&solve_positive("a", "", a.view(), a.view()).unwrap(), &Array2::eye(7));
    }

    #[test]
    fn orthonormal_columns_span_the_columns_in_their_order() {
        let mut noise = Noise::new(4);
        let [a, b] = [7, 2].map(|columns| noise.normal(7, columns));
        let q = orthonormal(a.view());
        assert_close(&q.t().dot(&q), &Array2::eye(7));
        let r = q.t().dot(&a);
        assert!(r.indexed_iter().all(|((i, j), value)| j >= i || value.abs() < TOLERANCE));
        assert_close(&onto_columns(a.view(), b.clone()), &q.t().dot(&b));
    }

    #[test]
    fn singular_vectors_build_matrices_of_either_shape() {
        for (n, d) in [(9, 5), (5, 9)] {
            let x = Noise::new(5).normal(n, d);
            let Singular { left, values, right } = singular("x", x.view()).unwrap();
            assert_eq!((left.dim(), right.dim()), ((n, 5), (5, d)));
            assert_close(&(left * &values).dot(&right), &x);
        }
    }

    #[test]
    fn what_is_not_finite_or_not_positive_definite_is_refused() {
        let mut a = Array2::eye(3);
        a[[2, 1]] = f64::NAN;
        let message = eigen("covariance", a.view()).map(|_| ()).unwrap_err().to_string();
        assert_eq!(message, "covariance: wanted finite values, got NaN in row 2, column 1");
        assert!(singular("x", a.view()).is_err());
        a[[2, 1]] = 0.0;
        a[[1, 1]] = -1.0;
        let message = solve_positive("a", "help", a.view(), Array2::eye(3).view()).unwrap_err().to_string();
        let wanted =
            "a: wanted a positive definite 3 × 3 matrix, got one that is singular or indefinite; help";
        assert_eq!(message, wanted);
        assert_eq!(cholesky("a", "help", a.view()).unwrap_err().to_string(), wanted);
    }
}
