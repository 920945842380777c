//! The backward pass of layer normalisation.

/// The gradient of the loss with respect to the row x, where `z = (x - m) / sqrt(v + eps)` with the mean m and the variance v of x,
/// and `dz` is the gradient with respect to z.
pub fn layer_norm_backward(x: &[f64], dz: &[f64], eps: f64) -> Vec<f64> {
    let _ = (dz, eps);
    vec![0.0; x.len()] // replace this
}
