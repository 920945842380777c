//! The cosine of the encoder's gradients of the two losses over all training images, and the same for permuted labels.

use models::CreTrainer;
use models::train::FullConflict;
use tensor::Indices;
use tensor::random::Stream;

use crate::Result;
use crate::names::{FULL_COSINE, FULL_ENCODER_COSINE};
use crate::store::{Array, Arrays};
use crate::training::Setup;
use crate::training::batches::in_order;
use crate::training::evaluated::until_failure;

/// The number of permutations of the labels.
const DRAWS: u64 = 3;

/// The cost in epochs, of which the forward pass is a third, the backward pass of the heads a third and that of the
/// encoder a third: one forward pass, one backward pass of the heads, and backward passes of the encoder for the MSE,
/// the labels and each draw.
pub(super) const EPOCHS: f64 = (2 + 2 + DRAWS) as f64 / 3.0;

/// The cosines of the gradients of both losses over all training images, with respect to z and to the encoder's
/// parameters, and the same with permuted labels. A cosine that is NaN, because a gradient is zero, is left out.
pub(super) fn of(setup: &Setup<'_>, trainer: &CreTrainer<'_>) -> Result<Arrays> {
    let train = &setup.images.train;
    let own: Vec<u32> = train.labels().iter().map(|&label| u32::from(label)).collect();
    let stream = Stream::new(setup.seed, "permuted labels");
    let permuted = |draw| stream.permutation(own.len(), draw).iter().map(|&row| own[row as usize]).collect();
    let mut kinds: Vec<Vec<u32>> = (0..DRAWS).map(permuted).collect();
    kinds.insert(0, own.clone());
    let mut start = 0;
    let batches = in_order(train)?.map(|(images, labels)| {
        let images = images.to_device(setup.device)?;
        let rows = start..start + labels.len();
        start = rows.end;
        let kinds = kinds.iter().map(|labels| Indices::new(labels[rows.clone()].to_vec()));
        Ok((images, kinds.collect()))
    });
    let conflicts = until_failure(Box::new(batches), |batches| trainer.full_conflict(batches))?;
    let mut finals = Arrays::new();
    for ([name, null], of) in [
        (FULL_COSINE, (|conflict| conflict.at_z) as fn(&FullConflict) -> f64),
        (FULL_ENCODER_COSINE, |conflict| conflict.by_encoder),
    ] {
        let cosines: Vec<f64> = conflicts.iter().map(of).collect();
        if let [own, draws @ ..] = cosines.as_slice()
            && cosines.iter().all(|cosine| cosine.is_finite())
        {
            finals.insert(name.into(), Array::number(*own));
            finals.insert(null.into(), Array::vector(draws.to_vec()));
        }
    }
    Ok(finals)
}
