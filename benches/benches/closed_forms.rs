//! Closed forms for samples of the size of CIFAR-10 images; the baseline is LAPACK.

use ndarray::Array2;
use tensor::random::Stream;
use theory::{Corruption, Denoising, Moments, Pca};

use crate::Result;
use crate::operations::Operation;

/// Channels, rows and columns.
const IMAGE: [usize; 3] = [3, 32, 32];
const D: usize = 3 * 32 * 32;
const SAMPLES: usize = 4_000;
const CLASSES: usize = 10;

/// Patches of 4 x 4 pixels, dropped with these probabilities.
const DROPS: [f64; 2] = [0.5, 0.75];

/// Sides of patches and how many probabilities of each, for the thirty noise settings of [`alignment_of_photographs`].
const PATCHES: [usize; 3] = [2, 4, 8];
const PROBABILITIES: usize = 10;

/// Images converted to f64 at a time.
const CHUNK: usize = 2_000;

/// Moments of samples with correlated neighbours, as in images: cumulative sums of noise along each sample. The class is
/// the argmax of ten elements.
fn moments() -> Result<Moments> {
    let mut words = Stream::new(0, "samples").sequence(0);
    let mut moments = Moments::new(D, CLASSES)?;
    for _ in 0..4 {
        let mut x = Array2::from_shape_simple_fn((SAMPLES / 4, D), || words.uniform() - 0.5);
        let mut labels = Vec::with_capacity(x.nrows());
        for mut sample in x.rows_mut() {
            sample.accumulate_axis_inplace(ndarray::Axis(0), |&before, number| *number += 0.95 * before);
            let of = |class: usize| sample[class * D / CLASSES];
            let largest = (0..CLASSES).max_by(|&a, &b| of(a).total_cmp(&of(b)));
            labels.push(largest.unwrap_or_default() as u8);
        }
        moments.add(x.view(), &labels)?;
    }
    Ok(moments)
}

/// All principal components: the eigendecomposition of a 3,072 x 3,072 covariance.
pub(crate) fn components() -> Result<Operation> {
    let moments = moments()?;
    let run = move || {
        Pca::fit(&moments)?;
        Ok(())
    };
    Ok(Operation::new(D * D, run))
}

/// The task alignment at every size of the code for two noise settings.
pub(crate) fn alignment() -> Result<Operation> {
    let denoising = Denoising::new(&moments()?)?;
    Ok(Operation::new(D * D, move || {
        DROPS.iter().try_for_each(|&drop| {
            denoising.alignment(&Corruption::PatchMask { image: IMAGE, patch: 4, drop })?;
            Ok(())
        })
    }))
}

/// The task alignment of the training images of CIFAR-10 (in the folder `AGON_DATA`), from bytes: one pass over 50,000
/// images, the preparation, thirty noise settings.
pub(crate) fn alignment_of_photographs() -> Result<Operation> {
    let train = data::open("cifar10", None)?.train;
    let elements = train.pixels().len();
    let run = move || {
        let mut moments = Moments::new(D, CLASSES)?;
        for start in (0..train.len()).step_by(CHUNK) {
            let part = train.rows(start..(start + CHUNK).min(train.len()))?;
            let pixels = part.pixels().iter().map(|&byte| f64::from(byte)).collect();
            moments.add(Array2::from_shape_vec((part.len(), D), pixels)?.view(), part.labels())?;
        }
        let denoising = Denoising::new(&moments)?;
        drop(moments);
        for patch in PATCHES {
            for step in 0..PROBABILITIES {
                let drop = (step as f64 + 0.5) / PROBABILITIES as f64;
                denoising.alignment(&Corruption::PatchMask { image: IMAGE, patch, drop })?;
            }
        }
        Ok(())
    };
    Ok(Operation::new(elements, run))
}
