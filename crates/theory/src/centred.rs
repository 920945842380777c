//! Centring of samples.

use ndarray::{Array1, Array2, ArrayView2, Axis};

/// The mean of the rows and the centred rows; `x` has at least one row.
///
/// A constant column is exactly zero after centring. A rounding error there would look like variance, and ratios of
/// variances would amplify it to a plausible value.
pub(crate) fn centred(x: ArrayView2<'_, f64>) -> (Array1<f64>, Array2<f64>) {
    let n = x.nrows() as f64;
    let mut mean = x.sum_axis(Axis(0)) / n;
    let mut centred = &x - &mean;
    // The correction for the rounding error of the mean.
    let rest = centred.sum_axis(Axis(0)) / n;
    centred -= &rest;
    mean += &rest;
    for column in constant_columns(x) {
        mean[column] = x[[0, column]];
        centred.column_mut(column).fill(0.0);
    }
    (mean, centred)
}

/// The columns in which every row has the value of the first.
fn constant_columns(x: ArrayView2<'_, f64>) -> Vec<usize> {
    let first = x.row(0);
    let mut constant: Vec<usize> = (0..x.ncols()).collect();
    for row in x.outer_iter().skip(1) {
        constant.retain(|&column| row[column] == first[column]);
        if constant.is_empty() {
            break;
        }
    }
    constant
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;

    #[test]
    fn equal_rows_are_zero_after_centring() {
        for n in 1..100 {
            let (mean, rest) = centred(Array2::from_elem((n, 2), 0.1).view());
            assert_eq!((mean[0], rest[[n - 1, 1]]), (0.1, 0.0), "{n}");
        }
    }

    #[test]
    fn a_constant_column_is_exactly_zero_after_centring() {
        for (seed, n) in [997, 1_000, 4_096, 5_001, 20_011].into_iter().enumerate() {
            let values = Noise::new(seed as u64).normal(1, 40);
            let mut x = Array2::from_shape_fn((n, 41), |(_, column)| values[[0, column.min(39)]]);
            x[[n - 1, 40]] += 1.0;
            let (mean, rest) = centred(x.view());
            assert!(rest.outer_iter().all(|row| row.iter().take(40).all(|&value| value == 0.0)), "{n}");
            assert!(mean.iter().zip(x.row(0)).take(40).all(|(mean, value)| mean == value), "{n}");
            assert!(rest[[0, 40]] != 0.0);
        }
    }
}
