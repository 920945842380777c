//! The backward pass of layer normalisation.

/// The gradient of the loss with respect to the row x, where `z = (x - m) / sqrt(v + eps)` with the mean m and the variance v of x,
/// and `dz` is the gradient with respect to z.
pub fn layer_norm_backward(x: &[f64], dz: &[f64], eps: f64) -> Vec<f64> {
    let d = x.len() as f64;
    let m = x.iter().sum::<f64>() / d;
    let v = x.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / d;
    let s = 1.0 / (v + eps).sqrt();
    let z: Vec<f64> = x.iter().map(|x| (x - m) * s).collect();
    let mean_g = dz.iter().sum::<f64>() / d;
    let mean_gz = dz.iter().zip(&z).map(|(g, z)| g * z).sum::<f64>() / d;
    dz.iter().zip(&z).map(|(g, z)| s * (g - mean_g - z * mean_gz)).collect()
}
