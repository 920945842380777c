//! Validation of inputs.

use std::ops::RangeInclusive;

use ndarray::ArrayView2;

use crate::{Error, Result};

/// Fails unless there are at least `least` rows and one column, and all values are finite.
pub(crate) fn samples(what: &'static str, x: ArrayView2<'_, f64>, least: usize) -> Result<()> {
    if x.nrows() < least || x.ncols() == 0 {
        return Err(Error::TooFew { what, expected: least, got: [x.nrows(), x.ncols()] });
    }
    finite(what, x)
}

/// Fails at the first value that is not finite.
pub(crate) fn finite(what: &'static str, x: ArrayView2<'_, f64>) -> Result<()> {
    match x.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((row, column), value)) => Err(Error::NonFinite { what, row, column, got: value.to_string() }),
        None => Ok(()),
    }
}

/// Fails unless there is at least one row, there are exactly `d` columns, and all values are finite.
pub(crate) fn samples_of_width(what: &'static str, x: ArrayView2<'_, f64>, d: usize) -> Result<()> {
    if x.ncols() != d {
        return Err(Error::shape(what, format!("{d} columns"), x.ncols()));
    }
    samples(what, x, 1)
}

/// Fails unless `got` equals the number of samples `n`.
pub(crate) fn rows(what: &'static str, got: usize, n: usize) -> Result<()> {
    if got == n { Ok(()) } else { Err(Error::shape(what, format!("{n}, one for each sample"), got)) }
}

/// Fails unless there is one label below `classes` for each of `n` samples.
pub(crate) fn labels(labels: &[u8], n: usize, classes: usize) -> Result<()> {
    rows("labels", labels.len(), n)?;
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        Some(row) => {
            let got = format!("{} in row {row}", labels[row]);
            Err(Error::out_of_range("label", format!("a label below {classes}"), got))
        }
        None => Ok(()),
    }
}

/// Fails unless the number of dimensions is within the range.
pub(crate) fn dimensions(what: &'static str, k: usize, range: RangeInclusive<usize>) -> Result<()> {
    if range.contains(&k) {
        return Ok(());
    }
    Err(Error::out_of_range(what, format!("{} to {}", range.start(), range.end()), k))
}

/// Fails unless the value is in `[0, 1]`.
pub(crate) fn fraction(what: &'static str, fraction: f64) -> Result<()> {
    if (0.0..=1.0).contains(&fraction) { Ok(()) } else { Err(Error::out_of_range(what, "0 to 1", fraction)) }
}
