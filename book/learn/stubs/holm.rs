//! Holm's procedure.

/// Whether each hypothesis is rejected, such that the probability of any wrong rejection is at most `alpha`.
pub fn holm(p_values: &[f64], alpha: f64) -> Vec<bool> {
    let _ = alpha;
    vec![false; p_values.len()] // replace this
}
