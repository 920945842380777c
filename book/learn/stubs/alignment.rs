//! The task alignment of orthonormal codes.

use learn::matrix::Matrix;

/// The alignment a(k) in percent for k = 1, 2, and so on. The columns of `codes` are orthonormal, the best first; `labels` has the
/// class of each row.
pub fn alignment(codes: &Matrix, labels: &[usize], classes: usize) -> Vec<f64> {
    let _ = (labels, classes);
    vec![0.0; codes.columns] // replace this
}
