//! The backward pass of a convolution in one dimension.
//!
//! One line is wrong. Find it.

/// The gradients with respect to x and w, where `y[i] = sum over j of w[j] x[i + j]` for all i for which x has the elements, and
/// `dy` is the gradient with respect to y.
pub fn conv_backward(x: &[f64], w: &[f64], dy: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; w.len()]);
    for (i, dy) in dy.iter().enumerate() {
        for j in 0..w.len() {
            dx[i + j] += w[j] * dy;
            dw[j] += x[i] * dy;
        }
    }
    (dx, dw)
}
