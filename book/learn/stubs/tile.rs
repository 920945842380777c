//! The micro-kernel of a matrix multiplication.

use learn::tile::{COLUMNS, ROWS};

/// Adds the product of two packed panels to a tile of C: `c[stride i + j] += sum over p of A[i, p] B[p, j]`, for i below `ROWS` and j
/// below `COLUMNS`. Element `A[i, p]` is `a[ROWS p + i]`, and `B[p, j]` is `b[COLUMNS p + j]`.
pub fn tile(a: &[f64], b: &[f64], c: &mut [f64], stride: usize) {
    let sums = [[0.0; COLUMNS]; ROWS];
    // Fill the sums, one step p after the other, and then add them to C.
    let _ = (a, b, c, stride, sums);
}
