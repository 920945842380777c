//! The task alignment of orthonormal codes.

use learn::matrix::Matrix;

/// The alignment a(k) in percent for k = 1, 2, and so on. The columns of `codes` are orthonormal, the best first; `labels` has the
/// class of each row.
pub fn alignment(codes: &Matrix, labels: &[usize], classes: usize) -> Vec<f64> {
    let mut gains = vec![0.0; codes.columns];
    for (k, gain) in gains.iter_mut().enumerate() {
        let (mut sums, mut counts) = (vec![0.0; classes], vec![0.0; classes]);
        for (i, &class) in labels.iter().enumerate() {
            sums[class] += codes.at(i, k);
            counts[class] += 1.0;
        }
        *gain = sums.iter().zip(&counts).map(|(sum, count)| count * sum * sum).sum();
    }
    let all: f64 = gains.iter().sum();
    (1..=gains.len()).map(|k| 100.0 * (gains[..k].iter().sum::<f64>() / all).sqrt()).collect()
}
