//! The backward pass of dropout.

/// The gradient with respect to x, where `y[i] = x[i] / (1 - p)` if `kept[i]` and 0 otherwise, and `dy` is the gradient with respect to y.
pub fn dropout_backward(dy: &[f64], kept: &[bool], p: f64) -> Vec<f64> {
    dy.iter().zip(kept).map(|(dy, kept)| if *kept { dy / (1.0 - p) } else { 0.0 }).collect()
}
