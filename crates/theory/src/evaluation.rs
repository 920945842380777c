//! Errors and accuracy of predictions.

use ndarray::{Array2, ArrayView1, ArrayView2};

/// The errors of reconstruction and classification, and the accuracy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// The mean squared error of the reconstruction, over samples and pixels.
    pub mse: f64,
    /// The mean squared error of the scores to one-hot labels, over samples and classes.
    pub one_hot_mse: f64,
    /// Top-1 accuracy in `[0, 1]`.
    pub accuracy: f64,
}

/// The mean of `(x - y)^2` over the elements of two arrays of the same shape, which is not empty.
pub(crate) fn mean_squared_error(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> f64 {
    let squares = x.iter().zip(y).map(|(x, y)| (x - y) * (x - y));
    squares.sum::<f64>() / x.len() as f64
}

/// For each row of `scores: [n, classes]`, whether the highest score, the first in a tie, is that of the label.
pub(crate) fn correct(scores: ArrayView2<'_, f64>, labels: &[u8]) -> Vec<bool> {
    let rows = scores.outer_iter().zip(labels);
    rows.map(|(row, &label)| highest(row) == usize::from(label)).collect()
}

/// Top-1 accuracy of `scores: [n, classes]`: the fraction of rows that are [`correct`].
pub(crate) fn accuracy(scores: ArrayView2<'_, f64>, labels: &[u8]) -> f64 {
    let n_correct = correct(scores, labels).into_iter().filter(|&correct| correct).count();
    n_correct as f64 / labels.len() as f64
}

fn highest(row: ArrayView1<'_, f64>) -> usize {
    (0..row.len()).rev().max_by(|&i, &j| row[i].total_cmp(&row[j])).expect("there is at least one class")
}

/// One-hot labels, `[n, classes]`.
pub(crate) fn one_hot(labels: &[u8], classes: usize) -> Array2<f64> {
    Array2::from_shape_fn((labels.len(), classes), |(row, class)| {
        f64::from(usize::from(labels[row]) == class)
    })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_highest_score_is_the_prediction_and_of_equal_scores_the_first() {
        let scores = array![[0.0, 2.0, 1.0], [-3.0, -1.0, -2.0], [1.0, 1.0, 0.0], [5.0, 5.0, 5.0]];
        assert_eq!(accuracy(scores.view(), &[1, 1, 0, 0]), 1.0);
        assert_eq!(accuracy(scores.view(), &[1, 0, 1, 2]), 0.25);
    }

    #[test]
    fn one_hot_labels_contain_a_single_one() {
        let labels = one_hot(&[2, 0], 3);
        assert_eq!(labels, array![[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]);
        assert_eq!(mean_squared_error(labels.view(), Array2::zeros((2, 3)).view()), 2.0 / 6.0);
    }
}
