//! The backward pass of a matrix multiplication.
//!
//! One line is wrong. Find it.

use learn::matrix::Matrix;

/// The gradients of the loss with respect to A and B, where `C = A B` and `dc` is the gradient with respect to C.
pub fn matmul_backward(a: &Matrix, b: &Matrix, dc: &Matrix) -> (Matrix, Matrix) {
    let mut da = Matrix::zeros(a.rows, a.columns);
    let mut db = Matrix::zeros(b.rows, b.columns);
    for i in 0..a.rows {
        for p in 0..a.columns {
            for j in 0..b.columns {
                *da.at_mut(i, p) += dc.at(i, j) * b.at(p, j);
                *db.at_mut(p, j) += a.at(i, p) * dc.at(i, 0);
            }
        }
    }
    (da, db)
}
