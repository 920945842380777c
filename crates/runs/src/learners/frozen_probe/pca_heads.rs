//! PCA heads, the baseline of a trained fully connected encoder: the same heads, trained on as many principal
//! components of the images as the latent has dimensions.

use models::fc::{self, Size};
use models::{Activation, Architecture};

use super::{EncoderRun, Features, FrozenProbe};
use crate::Result;
use crate::learner::Learner;
use crate::memory::check_room;
use crate::names::{PCA_HEADS_ACCURACY, PCA_HEADS_MSE};
use crate::pixels::matrices;
use crate::store::{Array, Arrays};
use crate::training::{Setup, Training};

/// An uninhabited config type: principal components come from no run.
enum NoRun {}

impl EncoderRun for NoRun {
    fn learner(&self) -> &dyn Learner {
        match *self {}
    }

    fn learner_mut(&mut self) -> &mut dyn Learner {
        match *self {}
    }
}

/// The architecture of the PCA heads of this configuration.
pub(crate) fn on_components(config: fc::Config) -> Architecture {
    Architecture::Fc(fc::Config { encoder: Size::S, latent_activation: Activation::Identity, ..config })
}

/// The test error and accuracy of heads of this architecture on principal components, trained for the epochs of the
/// run. They equal those of a [`FrozenProbe`] of [`Features::Pca`] with the same seed.
///
/// # Errors
/// If the components do not fit in memory, or training diverges.
pub(crate) fn heads_on_components(setup: &Setup<'_>, model: Architecture) -> Result<Arrays> {
    let hint = "train again with more free memory to compute them";
    check_room("training heads on principal components", matrices(setup.images.n_pixels()), hint)?;
    let probe = FrozenProbe::<NoRun>::new(Features::Pca, model);
    let mut found = Ok(Arrays::new());
    probe.train(setup, &mut |training| found = trained(setup, training))?;
    found
}

fn trained(setup: &Setup<'_>, training: &mut dyn Training) -> Result<Arrays> {
    for epoch in 1..=setup.epochs {
        training.epoch(epoch)?;
    }
    let evaluation = training.evaluate(&setup.images.test)?;
    Ok(Arrays::from([
        (PCA_HEADS_MSE.into(), Array::number(evaluation.mse)),
        (PCA_HEADS_ACCURACY.into(), Array::number(evaluation.accuracy)),
    ]))
}
