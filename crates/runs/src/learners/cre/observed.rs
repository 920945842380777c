//! Observations of a CRE during training: gradient conflict by layer, and the encoder's input sensitivity.

use models::{Cre, CreTrainer, input_sensitivity};
use tensor::Tensor;
use tensor::random::Stream;

use crate::Result;
use crate::images::LARGEST_DECOMPOSED;
use crate::training::{Scalars, Setup};

/// The number of leading principal components along which input sensitivity is measured.
const COMPONENTS: usize = 16;

/// The number of test images over which the Jacobian is averaged.
const IMAGES: usize = 128;

/// The gradient conflict of the two losses in each layer of the encoder on the first training images, and the input
/// sensitivity: the mean of ‖J v‖² over test images for each leading principal component v, where J is the Jacobian of z
/// with respect to the image. The latter is skipped for images of more than [`LARGEST_DECOMPOSED`] pixels.
pub(super) fn of(setup: &Setup<'_>, model: &Cre, trainer: &CreTrainer<'_>) -> Result<Scalars> {
    let (images, mut scalars) = (setup.images, Scalars::new());
    let batch: Vec<u32> = (0..setup.batch.min(images.train.len()) as u32).collect();
    let batch = data::gather(&images.train, batch)?;
    for (layer, conflict) in trainer.layer_conflicts(&batch.images.to_device(setup.device)?, &batch.labels)? {
        scalars.insert(format!("layer_cosine/{layer}"), conflict.cosine);
        scalars.insert(format!("layer_norm_ratio/{layer}"), conflict.norm_ratio);
    }
    if images.n_pixels() > LARGEST_DECOMPOSED {
        return Ok(scalars);
    }
    let shown: Vec<u32> = (0..IMAGES.min(images.test.len()) as u32).collect();
    let shown = data::gather(&images.test, shown)?.images.to_device(setup.device)?;
    let pca = images.pca()?;
    let n = COMPONENTS.min(pca.components().nrows());
    let rows = pca
        .components()
        .slice_axis(ndarray::Axis(0), ndarray::Slice::from(..n))
        .iter()
        .map(|&x| x as f32)
        .collect();
    let directions = Tensor::from_vec(rows, &[n, pca.mean().len()])?;
    let sensitivity = input_sensitivity(model, &shown, &directions, &Stream::new(setup.seed, "listening"))?;
    let named = |(component, value)| (format!("listening/{component:02}"), value);
    scalars.extend(sensitivity.into_iter().enumerate().map(named));
    Ok(scalars)
}
