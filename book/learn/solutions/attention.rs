//! Attention of one query.

use learn::matrix::Matrix;

/// The mean of the rows of `values` with the weights `softmax(query . key / sqrt(width))` over the rows of `keys`, which are `[t, width]`.
pub fn attention(query: &[f64], keys: &Matrix, values: &Matrix) -> Vec<f64> {
    let root = (query.len() as f64).sqrt();
    let (mut largest, mut sum, mut total) = (f64::NEG_INFINITY, 0.0, vec![0.0; values.columns]);
    for key in 0..keys.rows {
        let score = query.iter().enumerate().map(|(i, q)| q * keys.at(key, i)).sum::<f64>() / root;
        // One pass: what was added before is rescaled to the new maximum.
        let new = score.max(largest);
        let (old_scale, weight) = ((largest - new).exp(), (score - new).exp());
        sum = old_scale * sum + weight;
        for (i, total) in total.iter_mut().enumerate() {
            *total = old_scale * *total + weight * values.at(key, i);
        }
        largest = new;
    }
    total.iter().map(|total| total / sum).collect()
}
