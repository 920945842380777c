//! The backward pass of a matrix multiplication.

use learn::matrix::Matrix;

/// The gradients of the loss with respect to A and B, where `C = A B` and `dc` is the gradient with respect to C.
pub fn matmul_backward(a: &Matrix, b: &Matrix, dc: &Matrix) -> (Matrix, Matrix) {
    let _ = dc;
    // Fill these: `dc.at(i, j)` is an element, `*da.at_mut(i, p) += ...` changes one.
    let da = Matrix::zeros(a.rows, a.columns);
    let db = Matrix::zeros(b.rows, b.columns);
    (da, db)
}
