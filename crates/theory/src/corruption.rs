//! Random corruptions of samples and their first two moments, which determine optimal linear denoising.

use ndarray::{Array2, ArrayView2, Axis};

use crate::{Error, Result, check, linalg};

/// A random corruption of centred samples (section 2.3 of `book/lbr.md`).
///
/// A linear code of corrupted samples depends only on `E[x~]` and `E[x~ x~^T]`. Both follow from the samples'
/// covariance `S`, so no corruption has to be sampled. Masked elements become zero, which is the mean of each centred
/// pixel.
///
/// A mask sets patches of `patch × patch` pixels to zero in all channels of an image `[channels, height, width]`.
/// Patches tile the image from its first pixel. For independent masks, the remaining pixels at the right and lower edge
/// are patches of one pixel each.
#[derive(Debug, Clone, PartialEq)]
pub enum Corruption {
    /// No corruption.
    None,
    /// Adds independent normal noise to each element.
    Gaussian {
        /// The standard deviation, in the units of the samples.
        std: f64,
    },
    /// Adds noise with mean zero.
    Additive {
        /// The covariance, `[d, d]`, symmetric and positive semi-definite.
        covariance: Array2<f64>,
    },
    /// Masks each patch independently with the same probability.
    PatchMask {
        /// Channels, height and width.
        image: [usize; 3],
        /// The side of a patch in pixels.
        patch: usize,
        /// The probability that a patch is masked, at least 0 and below 1.
        drop: f64,
    },
    /// Keeps a fixed number of patches, chosen uniformly at random, as masked autoencoders do (He et al., 2022, arXiv
    /// 2111.06377).
    FixedCount {
        /// Channels, height and width; patches must tile it.
        image: [usize; 3],
        /// The side of a patch in pixels.
        patch: usize,
        /// The number of kept patches, at least 1.
        kept: usize,
    },
}

/// The moments of a corruption: `E[x~] = mean_factor x` and `E[x~ x~^T] = whole S + same_patch bd(S) + added`, where
/// `bd(S)` is `S` with the entries between different patches set to zero.
#[derive(Debug)]
pub(crate) struct NoiseMoments<'a> {
    pub(crate) mean_factor: f64,
    pub(crate) whole: f64,
    pub(crate) same_patch: f64,
    /// The element indices of each patch; empty unless `same_patch` is above zero.
    pub(crate) patches: Vec<Vec<usize>>,
    pub(crate) added: Added<'a>,
}

/// The covariance of additive noise.
#[derive(Debug)]
pub(crate) enum Added<'a> {
    /// A multiple of the identity.
    Isotropic(f64),
    Any(ArrayView2<'a, f64>),
}

impl Corruption {
    /// The factor `c` of `E[x~] = c x`.
    ///
    /// Fails if the corruption does not apply to samples of `d` elements, or if a parameter is out of range.
    pub fn mean_factor(&self, d: usize) -> Result<f64> {
        Ok(self.moments(d)?.mean_factor)
    }

    /// `E[x~ x~^T]`, `[d, d]`, averaged over samples with the covariance `S: [d, d]`.
    ///
    /// Fails as [`Corruption::mean_factor`] does, and if `S` is not a square of finite values.
    pub fn second_moment(&self, covariance: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let d = covariance.nrows();
        check::samples_of_width("covariance", covariance, d)?;
        Ok(self.moments(d)?.second_moment(covariance))
    }

    /// Fails as [`Corruption::mean_factor`] does.
    pub(crate) fn moments(&self, d: usize) -> Result<NoiseMoments<'_>> {
        let added =
            |added| NoiseMoments { mean_factor: 1.0, whole: 1.0, same_patch: 0.0, patches: vec![], added };
        match self {
            Self::None => Ok(added(Added::Isotropic(0.0))),
            Self::Gaussian { std } => {
                if !(*std >= 0.0 && (std * std).is_finite()) {
                    let expected = "at least 0, with a finite square";
                    return Err(Error::out_of_range("standard deviation of the noise", expected, std));
                }
                Ok(added(Added::Isotropic(std * std)))
            }
            Self::Additive { covariance } => {
                check_covariance(covariance.view(), d)?;
                Ok(added(Added::Any(covariance.view())))
            }
            Self::PatchMask { image, patch, drop } => {
                if !(0.0..1.0).contains(drop) {
                    let expected = "at least 0 and below 1";
                    return Err(Error::out_of_range("probability to drop a patch", expected, drop));
                }
                let kept = 1.0 - drop;
                masked(patches(*image, *patch, d)?, kept, kept * kept)
            }
            Self::FixedCount { image, patch, kept } => {
                let patches = patches(*image, *patch, d)?;
                let [_, height, width] = *image;
                if height % patch != 0 || width % patch != 0 {
                    let expected = format!("a side that divides {height} and {width}");
                    return Err(Error::out_of_range("patch", expected, patch));
                }
                check::dimensions("kept patches", *kept, 1..=patches.len())?;
                let [kept, of] = [*kept, patches.len()].map(|count| count as f64);
                let both = if of > 1.0 { kept * (kept - 1.0) / (of * (of - 1.0)) } else { 1.0 };
                masked(patches, kept / of, both)
            }
        }
    }
}

/// The moments of a mask that keeps each patch with probability `one` and each pair of patches with probability `two`.
fn masked<'a>(patches: Vec<Vec<usize>>, one: f64, two: f64) -> Result<NoiseMoments<'a>> {
    let same_patch = (one - two).max(0.0);
    let patches = if same_patch > 0.0 { patches } else { vec![] };
    Ok(NoiseMoments { mean_factor: one, whole: two, same_patch, patches, added: Added::Isotropic(0.0) })
}

/// The element indices of each patch: complete patches row by row, then single pixels at the edge.
fn patches([channels, height, width]: [usize; 3], patch: usize, d: usize) -> Result<Vec<Vec<usize>>> {
    if channels.checked_mul(height).and_then(|size| size.checked_mul(width)) != Some(d) {
        let expected = format!("an image of {d} elements, the width of the samples");
        return Err(Error::shape("masked image", expected, format!("{channels} × {height} × {width}")));
    }
    check::dimensions("side of a patch", patch, 1..=height.min(width))?;
    let (rows, columns) = (height / patch, width / patch);
    let covered = |y: usize, x: usize| y / patch < rows && x / patch < columns;
    let mut patches = vec![vec![]; rows * columns];
    for (y, x) in pixels(height, width).filter(|&(y, x)| !covered(y, x)) {
        patches.push((0..channels).map(|channel| (channel * height + y) * width + x).collect());
    }
    for channel in 0..channels {
        for (y, x) in pixels(height, width).filter(|&(y, x)| covered(y, x)) {
            patches[y / patch * columns + x / patch].push((channel * height + y) * width + x);
        }
    }
    Ok(patches)
}

/// The pixel positions in row-major order.
fn pixels(height: usize, width: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..height).flat_map(move |y| (0..width).map(move |x| (y, x)))
}

/// Fails unless the matrix is `d × d`, symmetric, and positive semi-definite up to rounding.
fn check_covariance(covariance: ArrayView2<'_, f64>, d: usize) -> Result<()> {
    let what = "covariance of the noise";
    check::samples_of_width(what, covariance, d)?;
    if covariance.nrows() != d {
        return Err(Error::shape(what, format!("{d} rows"), covariance.nrows()));
    }
    let largest = covariance.iter().fold(0.0f64, |largest, entry| largest.max(entry.abs()));
    let rounding = d as f64 * f64::EPSILON * largest;
    let skew =
        covariance.indexed_iter().find(|&((i, j), entry)| (entry - covariance[[j, i]]).abs() > rounding);
    if let Some(((i, j), entry)) = skew {
        let got = format!("{entry} at [{i}, {j}] and {} at [{j}, {i}]", covariance[[j, i]]);
        return Err(Error::shape(what, "a symmetric matrix", got));
    }
    if largest == 0.0 {
        return Ok(());
    }
    // Rounding may make a zero eigenvalue negative, so twice the bound is tolerated.
    let mut raised = covariance.to_owned();
    raised.diag_mut().mapv_inplace(|variance| variance + 2.0 * d as f64 * rounding);
    linalg::cholesky(what, "a covariance has no negative eigenvalue", raised).map(|_| ())
}

impl NoiseMoments<'_> {
    /// `whole S + same_patch bd(S) + added`, `[d, d]`.
    pub(crate) fn second_moment(&self, covariance: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut second = self.whole * &covariance;
        for patch in &self.patches {
            for (&i, &j) in patch.iter().flat_map(|i| patch.iter().map(move |j| (i, j))) {
                second[[i, j]] += self.same_patch * covariance[[i, j]];
            }
        }
        match self.added {
            Added::Isotropic(variance) => second.diag_mut().mapv_inplace(|entry| entry + variance),
            Added::Any(added) => second += &added,
        }
        second
    }

    /// `rows (same_patch bd(S) + added)` for `rows: [r, d]`, as in [`NoiseMoments`]; `None` if it is a multiple of the
    /// rows.
    pub(crate) fn along(
        &self,
        rows: ArrayView2<'_, f64>,
        covariance: ArrayView2<'_, f64>,
    ) -> Option<Array2<f64>> {
        if let Added::Any(added) = self.added {
            return Some(linalg::dot(rows, added));
        }
        if self.patches.is_empty() {
            return None;
        }
        let mut along = Array2::zeros(rows.dim());
        for patch in &self.patches {
            let block = covariance.select(Axis(0), patch).select(Axis(1), patch) * self.same_patch;
            let product = linalg::dot(rows.select(Axis(1), patch).view(), block.view());
            for (column, &element) in product.columns().into_iter().zip(patch) {
                along.column_mut(element).assign(&column);
            }
        }
        Some(along)
    }
}

#[cfg(test)]
mod tests;
