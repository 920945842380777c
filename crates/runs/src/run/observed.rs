//! What is measured now and then beside the losses: the conflict layer by layer, and what the encoder listens to.

use std::collections::BTreeMap;

use models::{Cre, CreTrainer, listening};
use tensor::Tensor;
use tensor::random::Stream;

use super::Run;
use crate::Result;
use crate::images::{Images, LARGEST_DECOMPOSED};

/// Numbers by name, as they stand in the journal.
pub(super) type Scalars = BTreeMap<String, f64>;

/// So many of the first principal components are asked for.
pub(super) const COMPONENTS: usize = 16;

/// Test images over which the encoder's Jacobian is averaged.
const IMAGES: usize = 128;

/// Whether an epoch is observed: the untrained model, epochs 1, 2, 4, 8 and so on, and the last.
pub(super) fn is_due(epoch: u32, last: u32) -> bool {
    epoch == 0 || epoch.is_power_of_two() || epoch == last
}

/// The name of the scalar that says how much the encoder listens to a principal component.
pub(super) fn listening_name(component: usize) -> String {
    format!("listening/{component:02}")
}

/// The conflict of the two losses in each layer of the encoder on the first training images, and the mean of
/// ‖J v‖² over test images for each of the first principal components v, where J is the derivative of z by the image;
/// the latter for images whose principal components take no longer than the training.
pub(super) fn of_cre(run: &Run, images: &Images, model: &Cre, trainer: &CreTrainer<'_>) -> Result<Scalars> {
    let mut scalars = Scalars::new();
    let batch: Vec<u32> = (0..run.config.batch.min(images.train.len()) as u32).collect();
    let batch = data::gather(&images.train, batch)?;
    for (layer, conflict) in trainer.layer_conflicts(&batch.images, &batch.labels)? {
        scalars.insert(format!("layer_cosine/{layer}"), conflict.cosine);
        scalars.insert(format!("layer_norm_ratio/{layer}"), conflict.norm_ratio);
    }
    if images.train.image_shape().iter().product::<usize>() > LARGEST_DECOMPOSED {
        return Ok(scalars);
    }
    let shown: Vec<u32> = (0..IMAGES.min(images.test.len()) as u32).collect();
    let shown = data::gather(&images.test, shown)?;
    let pca = images.pca()?;
    let n = COMPONENTS.min(pca.components().nrows());
    let rows = pca
        .components()
        .slice_axis(ndarray::Axis(0), ndarray::Slice::from(..n))
        .iter()
        .map(|&x| x as f32)
        .collect();
    let directions = Tensor::from_vec(rows, &[n, pca.mean().len()])?;
    let heard = listening(model, &shown.images, &directions, &Stream::new(run.seed, "listening"))?;
    scalars.extend(heard.into_iter().enumerate().map(|(index, value)| (listening_name(index), value)));
    Ok(scalars)
}
