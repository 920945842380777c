//! The micro-kernel of a matrix multiplication.
//!
//! One line is wrong. Find it.

use learn::tile::{COLUMNS, ROWS};

/// Adds the product of two packed panels to a tile of C: `c[stride i + j] += sum over p of A[i, p] B[p, j]`, for i below `ROWS` and j
/// below `COLUMNS`. Element `A[i, p]` is `a[ROWS p + i]`, and `B[p, j]` is `b[COLUMNS p + j]`.
pub fn tile(a: &[f64], b: &[f64], c: &mut [f64], stride: usize) {
    let mut sums = [[0.0; COLUMNS]; ROWS];
    for (a, b) in a.chunks_exact(ROWS).zip(b.chunks_exact(COLUMNS)) {
        for (sums, a) in sums.iter_mut().zip(a) {
            for (sum, b) in sums.iter_mut().skip(1).zip(b) {
                *sum += a * b;
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        for (c, sum) in c[stride * row..].iter_mut().zip(sums) {
            *c += sum;
        }
    }
}
