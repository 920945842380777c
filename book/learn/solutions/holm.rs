//! Holm's procedure.

/// Whether each hypothesis is rejected, such that the probability of any wrong rejection is at most `alpha`.
pub fn holm(p_values: &[f64], alpha: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut rejected = vec![false; p_values.len()];
    for (place, &which) in order.iter().enumerate() {
        if p_values[which] > alpha / (p_values.len() - place) as f64 {
            break;
        }
        rejected[which] = true;
    }
    rejected
}
