//! The Adam optimiser.

/// The parameter after one step of Adam for each of these gradients, with the betas 0.9 and 0.999 and the epsilon 1e-8.
pub fn adam(p: f64, gradients: &[f64], rate: f64) -> f64 {
    let _ = (gradients, rate);
    p // replace this
}
