//! The Adam optimiser.
//!
//! One line is wrong. Find it.

/// The parameter after one step of Adam for each of these gradients, with the betas 0.9 and 0.999 and the epsilon 1e-8.
pub fn adam(p: f64, gradients: &[f64], rate: f64) -> f64 {
    let (mut p, mut m, mut v) = (p, 0.0, 0.0);
    let (mut power1, mut power2) = (1.0, 1.0);
    for g in gradients {
        (power1, power2) = (0.9 * power1, 0.99 * power2);
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        let (m_hat, v_hat): (f64, f64) = (m / (1.0 - power1), v / (1.0 - power2));
        p -= rate * m_hat / (v_hat.sqrt() + 1e-8);
    }
    p
}
