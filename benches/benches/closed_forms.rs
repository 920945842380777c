//! Closed forms of samples as wide as CIFAR-10's images, which others compute by LAPACK.

use ndarray::Array2;
use rayon::prelude::*;
use tensor::random::Stream;
use theory::{Corruption, Denoising, Moments, Pca};

use crate::Result;
use crate::operations::Operation;

/// Channels, rows and columns.
const IMAGE: [usize; 3] = [3, 32, 32];
const D: usize = 3 * 32 * 32;
const SAMPLES: usize = 4_000;
const CLASSES: usize = 10;

/// Patches of 4 x 4 pixels, dropped with these probabilities: two noise settings, one for each of two threads.
const DROPS: [f64; 2] = [0.5, 0.75];

/// Samples whose neighbouring numbers are alike, as those of images are: sums of noise along each sample. The class is
/// the place of the largest of ten numbers.
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

/// All principal components: the eigendecomposition of a covariance of 3,072 numbers.
pub(crate) fn components() -> Result<Operation> {
    let moments = moments()?;
    let run = move || {
        Pca::fit(&moments)?;
        Ok(())
    };
    Ok(Operation::new(D * D, run))
}

/// The task alignment at every size of the code for two noise settings, one on each thread where there are two.
pub(crate) fn alignment() -> Result<Operation> {
    let denoising = Denoising::new(&moments()?)?;
    Ok(Operation::new(D * D, move || {
        let masked =
            |&drop: &f64| denoising.alignment(&Corruption::PatchMask { image: IMAGE, patch: 4, drop });
        DROPS.par_iter().map(masked).collect::<theory::Result<Vec<_>>>()?;
        Ok(())
    }))
}
