//! Matrix factorisations by `faer`, in place for matrices that may be large.

use std::num::NonZeroUsize;

use faer::diag::{Diag, DiagRef};
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::cholesky::llt::factor::{LltRegularization, cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::evd::tridiag::{tridiag_in_place, tridiag_in_place_scratch};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd_scratch, tridiagonal_self_adjoint_evd};
use faer::linalg::householder;
use faer::linalg::qr::no_pivoting::factor::{qr_in_place, qr_in_place_scratch, recommended_block_size};
use faer::linalg::{triangular_inverse, triangular_solve};
use faer::reborrow::ReborrowMut;
use faer::{Conj, Mat, MatRef, Par};
use ndarray::{Array1, Array2, ArrayView2, Axis, CowArray, Ix2, ShapeBuilder};

use crate::{Error, Result, check};

mod products;

pub(crate) use products::{add_lower_dot, dot, gram_of_lower, lower_dot, mirrored};
use products::{view, view_mut};

/// The number of parts into which work on a large matrix is split, on any number of threads, so that sums over the
/// parts have the same bits on one thread and on many. More than four parts help little, because memory bandwidth is
/// the limit.
const PARTS: NonZeroUsize = NonZeroUsize::new(4).expect("4 is above 0");

/// Matrices with fewer rows or columns are not split, because starting threads would take longer.
const LARGE: usize = 256;

/// The parallelism for matrices of this many rows or columns.
fn parts(size: usize) -> Par {
    if size < LARGE { Par::Seq } else { Par::Rayon(PARTS) }
}

/// Sets the global parallelism of `faer` to one thread, for functions that read this process-wide setting. With all
/// cores, the bits would differ between machines.
fn on_one_thread() {
    faer::set_global_parallelism(Par::Seq);
}

/// The eigenvalues of a symmetric matrix in descending order, and its orthonormal eigenvectors as rows.
pub(crate) struct Eigen {
    pub(crate) values: Array1<f64>,
    pub(crate) vectors: Array2<f64>,
}

/// The eigendecomposition of a symmetric matrix, whose lower triangle is read.
///
/// An owned matrix is overwritten; then at most four matrices of its size are allocated at a time. The sign of each
/// eigenvector is fixed: its largest entry in magnitude is positive.
///
/// Fails if a value is not finite.
pub(crate) fn eigen<'a>(what: &'static str, symmetric: impl Into<CowArray<'a, f64, Ix2>>) -> Result<Eigen> {
    let symmetric = symmetric.into();
    check::finite(what, symmetric.view())?;
    let (n, par) = (symmetric.nrows(), parts(symmetric.nrows()));
    let mut factored = by_columns_in_place(mirrored(symmetric.into_owned()));
    let mut factors = Mat::zeros(recommended_block_size::<f64>(n, n), n.saturating_sub(1));
    let scratch = tridiag_in_place_scratch::<f64>(n, par, Default::default());
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);
    tridiag_in_place(view_mut(&mut factored), factors.as_mut(), par, stack, Default::default());
    let diagonal = factored.diag().to_vec();
    let beside: Vec<f64> = (0..n).map(|i| if i + 1 < n { factored[[i + 1, i]] } else { 0.0 }).collect();

    let mut rising = Diag::zeros(n);
    let mut vectors = Array2::zeros((n, n));
    let mut columns = view_mut(&mut vectors).transpose_mut();
    // This is an upper bound; unused memory is never accessed.
    let scratch = self_adjoint_evd_scratch::<f64>(n, ComputeEigenvectors::Yes, par, Default::default());
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);
    let (diagonal, beside) = (DiagRef::from_slice(&diagonal), DiagRef::from_slice(&beside));
    let into = Some(columns.rb_mut());
    tridiagonal_self_adjoint_evd(diagonal, beside, rising.as_mut(), into, par, stack, Default::default())
        .map_err(|_| Error::NoConvergence { what, n })?;
    if n > 1 {
        let reflectors = view(factored.view()).submatrix(1, 0, n - 1, n - 1);
        let columns = columns.subrows_mut(1, n - 1);
        householder::apply_block_householder_sequence_on_the_left_in_place_with_conj(
            reflectors,
            factors.as_ref(),
            Conj::No,
            columns,
            par,
            MemStack::new(&mut memory),
        );
    }

    let values = Array1::from_shape_fn(n, |i| rising[n - 1 - i]);
    reverse_rows(&mut vectors);
    for mut vector in vectors.rows_mut() {
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
    /// Descending, `[q]`.
    pub(crate) values: Array1<f64>,
    /// `[q, d]`, orthonormal rows.
    pub(crate) right: Array2<f64>,
}

/// The thin singular value decomposition of `x`.
///
/// Fails if a value is not finite.
pub(crate) fn singular(what: &'static str, x: ArrayView2<'_, f64>) -> Result<Singular> {
    check::finite(what, x)?;
    on_one_thread();
    let n = x.nrows().max(x.ncols());
    let factored = view(x).thin_svd().map_err(|_| Error::NoConvergence { what, n })?;
    let values = factored.S().column_vector();
    Ok(Singular {
        left: array(factored.U()),
        values: Array1::from_shape_fn(values.nrows(), |i| values[i]),
        right: array(factored.V()).reversed_axes(),
    })
}

/// The lower triangular `l` with `l l^T = a` (Cholesky) for a positive definite `a`, whose lower triangle is read; an
/// owned matrix is overwritten.
///
/// Fails if a value is not finite, or `a` is not positive definite; `hint` is the next step in that error.
pub(crate) fn cholesky<'a>(
    what: &'static str,
    hint: &'static str,
    a: impl Into<CowArray<'a, f64, Ix2>>,
) -> Result<Array2<f64>> {
    let a = a.into();
    check::finite(what, a.view())?;
    let (n, par) = (a.nrows(), parts(a.nrows()));
    let mut l = by_columns_in_place(mirrored(a.into_owned()));
    let mut memory = MemBuffer::new(cholesky_in_place_scratch::<f64>(n, par, Default::default()));
    let (stack, raise) = (MemStack::new(&mut memory), LltRegularization::default());
    cholesky_in_place(view_mut(&mut l), raise, par, stack, Default::default())
        .map_err(|_| Error::NotPositiveDefinite { what, n, hint })?;
    for (column, mut entries) in l.columns_mut().into_iter().enumerate() {
        entries.iter_mut().take(column).for_each(|above| *above = 0.0);
    }
    Ok(l)
}

/// The Cholesky factor `l` with `l l^T = a`, as [`cholesky`], for a system of equations.
///
/// Fails if a value is not finite, or `a` is not positive definite beyond rounding errors; `hint` is the next step in
/// that error.
pub(crate) fn factor_positive(
    what: &'static str,
    hint: &'static str,
    a: ArrayView2<'_, f64>,
) -> Result<Array2<f64>> {
    let l = cholesky(what, hint, a)?;
    let n = a.nrows();
    // If the row is linearly dependent, the pivot is only rounding error.
    let rounding = n as f64 * f64::EPSILON;
    if l.diag().iter().zip(a.diag()).any(|(pivot, &entry)| pivot * pivot <= rounding * entry) {
        return Err(Error::NotPositiveDefinite { what, n, hint });
    }
    Ok(l)
}

/// The `x` with `l l^T x = b` for a lower triangular `l` without zeros on its diagonal.
///
/// Fails if a value of `b` is not finite.
pub(crate) fn solve_factored(l: ArrayView2<'_, f64>, mut b: Array2<f64>) -> Result<Array2<f64>> {
    check::finite("right-hand side", b.view())?;
    triangular_solve::solve_lower_triangular_in_place(view(l), view_mut(&mut b), parts(l.nrows()));
    Ok(solve_transposed_lower(l, b))
}

/// `l^-1` of a lower triangular matrix without zeros on its diagonal.
pub(crate) fn inverse_of_lower(l: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut inverse = Array2::zeros(l.dim().f());
    triangular_inverse::invert_lower_triangular(view_mut(&mut inverse), view(l), parts(l.nrows()));
    inverse
}

/// `l^-T b` for a lower triangular `l` without zeros on its diagonal.
pub(crate) fn solve_transposed_lower(l: ArrayView2<'_, f64>, mut b: Array2<f64>) -> Array2<f64> {
    let par = parts(l.nrows());
    triangular_solve::solve_upper_triangular_in_place(view(l).transpose(), view_mut(&mut b), par);
    b
}

/// `Q^T b` for the orthonormal `Q` of a square `a = Q R`. `Q` is not formed, and `a` is overwritten.
pub(crate) fn onto_columns(mut a: Array2<f64>, mut b: Array2<f64>) -> Array2<f64> {
    let ((n, k), par) = (a.dim(), parts(a.nrows()));
    let block = recommended_block_size::<f64>(n, k);
    let mut factors = Mat::zeros(block, n.min(k));
    let mut memory = MemBuffer::new(StackReq::any_of(&[
        qr_in_place_scratch::<f64>(n, k, block, par, Default::default()),
        householder::apply_block_householder_sequence_transpose_on_the_left_in_place_scratch::<f64>(
            n,
            block,
            b.ncols(),
        ),
    ]));
    qr_in_place(view_mut(&mut a), factors.as_mut(), par, MemStack::new(&mut memory), Default::default());
    householder::apply_block_householder_sequence_transpose_on_the_left_in_place_with_conj(
        view(a.view()),
        factors.as_ref(),
        Conj::No,
        view_mut(&mut b),
        par,
        MemStack::new(&mut memory),
    );
    b
}

/// The orthonormal `Q: [n, k]` of `a = Q R`, where `a: [n, k]` has no more columns than rows.
pub(crate) fn orthonormal(a: ArrayView2<'_, f64>) -> Array2<f64> {
    on_one_thread();
    array(view(a).qr().compute_thin_Q().as_ref())
}

/// A symmetric matrix in column-major order, without a copy, because its rows are its columns.
fn by_columns_in_place(symmetric: Array2<f64>) -> Array2<f64> {
    if symmetric.is_standard_layout() { symmetric.reversed_axes() } else { symmetric }
}

/// Reverses the order of the rows in place, for a row-major matrix.
fn reverse_rows(x: &mut Array2<f64>) {
    let (rows, width) = x.dim();
    let mut left = x.as_slice_mut().expect("these rows are contiguous");
    for _ in 0..rows / 2 {
        let (first, rest) = left.split_at_mut(width);
        let (rest, last) = rest.split_at_mut(rest.len() - width);
        first.swap_with_slice(last);
        left = rest;
    }
}

/// A column-major copy, the layout of `faer`.
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
    use crate::gap::largest;
    use crate::noise::Noise;

    #[test]
    fn eigenvectors_diagonalise_the_matrix_and_eigenvalues_descend() {
        let x = Noise::new(1).normal(9, 6);
        let symmetric = x.t().dot(&x);
        let Eigen { values, vectors } = eigen("a", symmetric.view()).unwrap();
        assert!(values.windows(2).into_iter().all(|pair| pair[0] >= pair[1]));
        let again = (vectors.t().to_owned() * &values).dot(&vectors);
        // The error of a backward stable factorisation is a small multiple of n epsilons times the norm.
        let tolerance = 10.0 * 6.0 * f64::EPSILON * values[0];
        assert!(again.iter().zip(&symmetric).all(|(got, expected)| (got - expected).abs() < tolerance));
        let gram = vectors.dot(&vectors.t());
        assert!(gram.indexed_iter().all(|((i, j), g)| (g - f64::from(i == j)).abs() < 60.0 * f64::EPSILON));
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let mut noise = Noise::new(6);
        // Large enough that each of these operations is split into parts.
        let (x, b) = (noise.normal(600, 400), noise.normal(400, 3));
        let a = dot(x.t(), x.view());
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let Eigen { values, vectors } = eigen("a", a.view()).unwrap();
                let l = cholesky("a", "", a.view()).unwrap();
                let solved = solve_transposed_lower(l.view(), a.clone());
                let onto = onto_columns(a.clone(), b.clone());
                let Singular { left, right, .. } = singular("x", x.view()).unwrap();
                let products = [dot(x.t(), x.view()), lower_dot(x.t(), x.view()), gram_of_lower(l.view())];
                let all = [vectors, inverse_of_lower(l.view()), l, solved, onto, left, right];
                let numbers = all.into_iter().chain(products).flatten().chain(values);
                numbers.map(f64::to_bits).collect::<Vec<u64>>()
            })
        };
        let one = on(1);
        assert!([2, 3, 7].into_iter().all(|threads| on(threads) == one));
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

    /// The tolerance for a few operations on 7 × 7 matrices with condition numbers below 100.
    const TOLERANCE: f64 = 49.0 * 100.0 * f64::EPSILON;

    fn assert_close(got: &Array2<f64>, expected: &Array2<f64>) {
        let worst = largest(&(got - expected));
        assert!(worst < TOLERANCE, "{worst:e}");
    }

    #[test]
    fn a_cholesky_factor_reproduces_its_matrix_and_has_an_inverse() {
        let x = Noise::new(3).normal(40, 7);
        let a = x.t().dot(&x) / 40.0;
        let l = cholesky("a", "", a.view()).unwrap();
        assert_close(&l.dot(&l.t()), &a);
        assert_close(&inverse_of_lower(l.view()).dot(&l), &Array2::eye(7));
        assert_close(&solve_transposed_lower(l.view(), l.t().to_owned()), &Array2::eye(7));
        let factored = factor_positive("a", "", a.view()).unwrap();
        assert_close(&solve_factored(factored.view(), a.clone()).unwrap(), &Array2::eye(7));
    }

    #[test]
    fn orthonormal_columns_span_the_columns_in_order() {
        let mut noise = Noise::new(4);
        let [a, b] = [7, 2].map(|columns| noise.normal(7, columns));
        let q = orthonormal(a.view());
        assert_close(&q.t().dot(&q), &Array2::eye(7));
        let r = q.t().dot(&a);
        assert!(r.indexed_iter().all(|((i, j), value)| j >= i || value.abs() < TOLERANCE));
        assert_close(&onto_columns(a.clone(), b.clone()), &q.t().dot(&b));
    }

    #[test]
    fn singular_vectors_reconstruct_wide_and_tall_matrices() {
        for (n, d) in [(9, 5), (5, 9)] {
            let x = Noise::new(5).normal(n, d);
            let Singular { left, values, right } = singular("x", x.view()).unwrap();
            assert_eq!((left.dim(), right.dim()), ((n, 5), (5, d)));
            assert_close(&(left * &values).dot(&right), &x);
        }
    }

    #[test]
    fn matrices_that_are_not_finite_or_not_positive_definite_are_refused() {
        let mut a = Array2::eye(3);
        a[[2, 1]] = f64::NAN;
        let message = eigen("covariance", a.view()).map(|_| ()).unwrap_err().to_string();
        assert_eq!(message, "covariance: expected finite values, got NaN in row 2, column 1");
        assert!(singular("x", a.view()).is_err());
        a[[2, 1]] = 0.0;
        a[[1, 1]] = -1.0;
        let message = factor_positive("a", "help", a.view()).unwrap_err().to_string();
        let expected =
            "a: expected a positive definite 3 × 3 matrix, got one that is singular or indefinite; help";
        assert_eq!(message, expected);
        assert_eq!(cholesky("a", "help", a.view()).unwrap_err().to_string(), expected);
    }
}
