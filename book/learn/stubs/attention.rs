//! Attention of one query.

use learn::matrix::Matrix;

/// The mean of the rows of `values` with the weights `softmax(query . key / sqrt(width))` over the rows of `keys`, which are `[t, width]`.
pub fn attention(query: &[f64], keys: &Matrix, values: &Matrix) -> Vec<f64> {
    let _ = (query, keys);
    vec![0.0; values.columns] // replace this
}
