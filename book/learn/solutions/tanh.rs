//! The backward pass of tanh.

/// The gradient of the loss with respect to x, where `y = tanh(x)` and `dy` is the gradient with respect to y.
pub fn tanh_backward(y: f64, dy: f64) -> f64 {
    (1.0 - y * y) * dy
}
