//! Samples without their mean.

use ndarray::{Array1, Array2, ArrayView2, Axis};

/// The mean of the rows and the rows without it; `x` has at least one.
pub(crate) fn centred(x: ArrayView2<'_, f64>) -> (Array1<f64>, Array2<f64>) {
    let mean = x.sum_axis(Axis(0)) / x.nrows() as f64;
    let centred = &x - &mean;
    (mean, centred)
}
