//! The gradient of a latent that two heads share.

/// The encoder's gradient at z, from the gradients of the MSE and of the cross-entropy with respect to z, in a CRE whose weight of
/// reconstruction is `lambda`.
pub fn split_backward(of_mse: &[f64], of_cross_entropy: &[f64], lambda: f64) -> Vec<f64> {
    of_mse.iter().zip(of_cross_entropy).map(|(r, c)| lambda * r + (1.0 - lambda) * c).collect()
}
