//! The interval of a paired difference.
//!
//! One line is wrong. Find it.

/// The lower and the upper end of the confidence interval of the mean of `a - b`. Element i of both belongs to seed i; `t` is the
/// quantile of Student's distribution.
pub fn paired_interval(a: &[f64], b: &[f64], t: f64) -> (f64, f64) {
    let n = a.len() as f64;
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let mean = differences.iter().sum::<f64>() / n;
    let squares: f64 = differences.iter().map(|x| (x - mean) * (x - mean)).sum();
    let half = t * (squares / (n * n)).sqrt();
    (mean - half, mean + half)
}
