//! Samples without their mean.

use ndarray::{Array1, Array2, ArrayView2, Axis};

/// The mean of the rows and the rows without it; `x` has at least one.
pub(crate) fn centred(x: ArrayView2<'_, f64>) -> (Array1<f64>, Array2<f64>) {
    let n = x.nrows() as f64;
    let mut mean = x.sum_axis(Axis(0)) / n;
    let mut centred = &x - &mean;
    // What the mean was rounded by would be a variance of rows that are all the same.
    let rest = centred.sum_axis(Axis(0)) / n;
    centred -= &rest;
    mean += &rest;
    (mean, centred)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_all_the_same_are_nothing_without_their_mean() {
        for n in 1..100 {
            let (mean, rest) = centred(Array2::from_elem((n, 2), 0.1).view());
            assert_eq!((mean[0], rest[[n - 1, 1]]), (0.1, 0.0), "{n}");
        }
    }
}
