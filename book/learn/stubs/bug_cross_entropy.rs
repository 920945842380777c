//! Softmax and cross-entropy.
//!
//! One line is wrong. Find it.

/// The loss `-ln softmax(scores)[label]`, and its gradient with respect to the scores.
pub fn cross_entropy(scores: &[f64], label: usize) -> (f64, Vec<f64>) {
    let largest = scores.iter().copied().fold(f64::INFINITY, f64::min);
    let weights: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let mut gradient: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
    gradient[label] -= 1.0;
    (sum.ln() - (scores[label] - largest), gradient)
}
