//! Fixed sine-cosine positional encodings of tokens.

use std::sync::{Mutex, PoisonError};

use autograd::{Param, Var};
use tensor::{DType, Device, Tensor};

use crate::error::require;
use crate::{Mode, Module, Result};

/// Adds the two-dimensional sine-cosine positional encoding to each token of `[n, t, d]` (`book/cre.md`, section 3.4;
/// the one-dimensional encoding is that of Vaswani et al., 2017, arXiv 1706.03762).
///
/// The first half of an encoding depends on the column `p`, the second half on the row: `sin(p w_i)` for all `i` below
/// `d / 4`, then `cos(p w_i)`, with `w_i = 10000^(-i / (d / 4))`.
#[derive(Debug)]
pub struct PositionalEncoding {
    /// The encodings `[t, d]`, on the device that used them last.
    code: Mutex<Tensor>,
}

impl PositionalEncoding {
    /// The encodings of the patches of a square grid in row-major order; `d` must be a multiple of 4.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if `d` is not a multiple of 4.
    pub fn of_patches(grid: usize, d: usize, dtype: DType) -> Result<Self> {
        Self::from_rows((0..grid * grid).map(|patch| code_of(patch, grid, d)), d, dtype)
    }

    /// The encodings for a class token, which is zero, followed by the patches.
    ///
    /// # Errors
    /// As [`PositionalEncoding::of_patches`].
    pub fn of_tokens(grid: usize, d: usize, dtype: DType) -> Result<Self> {
        let patches = (0..grid * grid).map(|patch| code_of(patch, grid, d));
        Self::from_rows(std::iter::once(vec![0.0; d]).chain(patches), d, dtype)
    }

    fn from_rows(rows: impl Iterator<Item = Vec<f64>>, d: usize, dtype: DType) -> Result<Self> {
        let in_range = d > 0 && d.is_multiple_of(4);
        require(in_range, "width of a positional encoding", "a positive multiple of 4", d as f64)?;
        let values: Vec<f64> = rows.flatten().collect();
        let shape = [values.len() / d, d];
        Ok(Self { code: Mutex::new(Tensor::from_vec(values, &shape)?.to_dtype(dtype)) })
    }

    /// The encodings on this device, cached there.
    fn on(&self, device: &Device) -> Result<Tensor> {
        // The change is one assignment, so the tensor is valid even if the lock is poisoned.
        let mut code = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        if code.device() != *device {
            *code = code.to_device(&Device::Cpu)?.constant_on(device)?;
        }
        Ok(code.clone())
    }
}

fn code_of(patch: usize, grid: usize, d: usize) -> Vec<f64> {
    let quarter = d / 4;
    let half = |place: usize| {
        let angle = move |i: usize| place as f64 * 10_000f64.powf(-(i as f64) / quarter as f64);
        (0..quarter).map(move |i| angle(i).sin()).chain((0..quarter).map(move |i| angle(i).cos()))
    };
    half(patch % grid).chain(half(patch / grid)).collect()
}

impl Module for PositionalEncoding {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        let code = x.tape().constant(&self.on(&x.value().device())?);
        Ok(x.add(&code.to_dtype(x.value().dtype())?)?)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(code: &PositionalEncoding) -> Vec<Vec<f64>> {
        let code = code.on(&Device::Cpu).unwrap();
        code.to_f64_vec().chunks(code.shape()[1]).map(<[f64]>::to_vec).collect()
    }

    #[test]
    fn a10_the_class_row_is_zero_and_every_other_row_is_distinct_with_squares_that_sum_to_half_the_width() {
        for (grid, d) in [(4, 8), (4, 4), (1, 12), (8, 64)] {
            let rows = rows(&PositionalEncoding::of_tokens(grid, d, DType::F64).unwrap());
            assert_eq!(rows.len(), 1 + grid * grid);
            assert!(rows[0].iter().all(|&x| x == 0.0));
            for (place, row) in rows.iter().enumerate().skip(1) {
                assert!(row.iter().all(|x| x.abs() <= 1.0));
                // The squares of each pair of sine and cosine sum to 1 within two roundings.
                let squares: f64 = row.iter().map(|x| x * x).sum();
                assert!((squares - d as f64 / 2.0).abs() < d as f64 * f64::EPSILON, "{squares}");
                assert!(
                    rows[..place].iter().all(|other| other != row),
                    "grid {grid}, width {d}, row {place}"
                );
            }
        }
    }

    #[test]
    fn the_column_comes_first_and_sines_come_before_cosines() {
        let rows = rows(&PositionalEncoding::of_patches(3, 8, DType::F64).unwrap());
        assert!(PositionalEncoding::of_patches(3, 6, DType::F64).is_err());
        // Row 1, column 2; the two frequencies are 1 and 1 / 100.
        let expected = [2f64.sin(), 0.02f64.sin(), 2f64.cos(), 0.02f64.cos()];
        assert_eq!(rows[5][..4], expected);
        assert_eq!(rows[5][4..], [1f64.sin(), 0.01f64.sin(), 1f64.cos(), 0.01f64.cos()]);
    }
}
