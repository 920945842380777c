//! Matrix products in `f32`, by the `gemm` crate: AVX-512, AVX2 or plain, chosen at run time.

use gemm::Parallelism;

/// A matrix in row-major storage, or the transpose of one.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// `data` holds `stored_rows * stored_columns` numbers, row after row; with `transposed` the matrix is
    /// the transpose of what is stored.
    pub fn new(data: &'a [f32], stored_rows: usize, stored_columns: usize, transposed: bool) -> Self {
        assert_eq!(data.len(), stored_rows * stored_columns, "a matrix has rows times columns numbers");
        let (rows, columns) = (stored_rows, stored_columns);
        if transposed {
            Self { data, rows: columns, columns: rows, row_stride: 1, column_stride: stored_columns }
        } else {
            Self { data, rows, columns, row_stride: stored_columns, column_stride: 1 }
        }
    }
}

/// `out = a b`, or `out += a b` with `add`, where `out` is row-major.
///
/// The bits of the result do not depend on the number of threads: each element is one sum in one order.
pub fn gemm_f32(out: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, add: bool) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    assert_eq!(k, b.rows, "the inner sizes of a product agree");
    assert_eq!(out.len(), m * n, "the output has rows times columns numbers");
    if m * n == 0 {
        return;
    }
    // SAFETY: the strides come from `Matrix::new`, which checked them against the slices' lengths; `out`
    // has `m * n` elements and is borrowed alone.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            add,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::Rayon(0),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        (0..count as u32).map(|i| ((i * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0).collect()
    }

    #[test]
    fn transposes_and_adding_agree_with_plain_loops() {
        let (m, k, n) = (5, 7, 3);
        for (transpose_a, transpose_b, add) in
            [(false, false, false), (true, false, true), (false, true, true), (true, true, false)]
        {
            let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
            let at = |i: usize, l: usize| if transpose_a { a[l * m + i] } else { a[i * k + l] };
            let bt = |l: usize, j: usize| if transpose_b { b[j * k + l] } else { b[l * n + j] };
            let mut out = numbers(m * n, 3);
            let before = out.clone();
            let (a_rows, a_columns) = if transpose_a { (k, m) } else { (m, k) };
            let (b_rows, b_columns) = if transpose_b { (n, k) } else { (k, n) };
            gemm_f32(
                &mut out,
                Matrix::new(&a, a_rows, a_columns, transpose_a),
                Matrix::new(&b, b_rows, b_columns, transpose_b),
                add,
            );
            for i in 0..m {
                for j in 0..n {
                    let sum: f32 = (0..k).map(|l| at(i, l) * bt(l, j)).sum();
                    let expected = sum + if add { before[i * n + j] } else { 0.0 };
                    // Eight terms below 1 in size, so eight roundings of at most half an epsilon of 8.
                    assert!((out[i * n + j] - expected).abs() <= 32.0 * f32::EPSILON);
                }
            }
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let (m, k, n) = (512, 784, 616);
        let (a, b) = (numbers(m * k, 5), numbers(n * k, 6));
        let product = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut out = vec![0.0; m * n];
            pool.install(|| {
                gemm_f32(&mut out, Matrix::new(&a, m, k, false), Matrix::new(&b, n, k, true), false)
            });
            out
        };
        let one = product(1);
        for threads in [2, 3, 7] {
            assert!(one == product(threads), "{threads} threads gave other bits than one");
        }
    }

    #[test]
    fn an_empty_inner_size_gives_zero() {
        let mut out = [7.0; 2];
        gemm_f32(&mut out, Matrix::new(&[], 1, 0, false), Matrix::new(&[], 0, 2, false), false);
        assert_eq!(out, [0.0; 2]);
    }
}
