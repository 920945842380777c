//! Softmax and cross-entropy.

/// The loss `-ln softmax(scores)[label]`, and its gradient with respect to the scores.
pub fn cross_entropy(scores: &[f64], label: usize) -> (f64, Vec<f64>) {
    let _ = label;
    (0.0, vec![0.0; scores.len()]) // replace this
}
