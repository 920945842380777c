//! A CRE trained by backpropagation (`book/cre.md`).

mod full_cosines;
mod observed;

use models::{Architecture, CreTrainer, Mixing, fc};
use serde::{Deserialize, Serialize};
use tensor::DType;

use crate::Result;
use crate::images::{Images, LARGEST_DECOMPOSED};
use crate::learner::{Learner, and_lambda, given, weighted};
use crate::learners::frozen_probe::{heads_on_components, on_components};
use crate::pixels::matrices;
use crate::store::Arrays;
use crate::training::with_batches::WithBatches;
use crate::training::{Setup, Training};

/// A CRE and the rule that combines the gradients of its losses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cre {
    /// The model.
    pub model: Architecture,
    /// The weight λ of the reconstruction loss in the encoder's loss, in [0, 1]; a grid gives it to each of its runs.
    #[serde(serialize_with = "models::range::probability")]
    pub lambda: Option<f64>,
    /// The rule that combines the two gradients at z.
    #[serde(default, skip_serializing_if = "is_weighted")]
    pub mixing: Mixing,
    /// The number of labelled training images; all if absent. A tenth of each batch, at least two, is then drawn from
    /// these, and the other images are only reconstructed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "models::range::positive_count")]
    pub labelled: Option<usize>,
}

fn is_weighted(mixing: &Mixing) -> bool {
    *mixing == Mixing::Weighted
}

impl Cre {
    /// Whether the encoder minimises a weighted sum of both losses of all images.
    fn mixes_two_losses(&self) -> bool {
        let is_between = self.lambda.is_some_and(|lambda| lambda > 0.0 && lambda < 1.0);
        is_between && is_weighted(&self.mixing) && self.labelled.is_none()
    }

    /// The config of an autoencoder that is compared with PCA heads: λ = 1, fully connected, one latent for both heads,
    /// and images for which principal components are computed anyway.
    fn compared_with_pca(&self, images: &Images) -> Option<fc::Config> {
        let Architecture::Fc(config) = self.model else { return None };
        let d = images.n_pixels();
        let is_pure = self.lambda == Some(1.0) && is_weighted(&self.mixing) && self.labelled.is_none();
        let is_compared =
            is_pure && config.classified.is_none() && config.latent <= d && d <= LARGEST_DECOMPOSED;
        is_compared.then_some(config)
    }
}

impl Learner for Cre {
    fn label(&self) -> String {
        self.model.label() + &and_lambda(self.lambda)
    }

    fn lambda(&self) -> Option<f64> {
        self.lambda
    }

    fn set_lambda(&mut self, lambda: f64) {
        self.lambda = Some(lambda);
    }

    /// The number of labels does not affect the time of a step.
    fn time_alike(&mut self) {
        (self.lambda, self.labelled) = (Some(0.5), None);
    }

    fn architecture(&self) -> Option<Architecture> {
        Some(self.model)
    }

    fn observed_bytes(&self, images: &Images) -> u64 {
        match images.n_pixels() {
            d if d <= LARGEST_DECOMPOSED => matrices(d),
            _ => 0,
        }
    }

    /// Input sensitivity is measured along the principal components.
    fn fits_components(&self, images: &Images) -> bool {
        images.n_pixels() <= LARGEST_DECOMPOSED
    }

    fn heads_at_end(&self, images: &Images, epochs: u32) -> Option<(Architecture, u32)> {
        Some((on_components(self.compared_with_pca(images)?), epochs))
    }

    fn epochs_at_end(&self) -> f64 {
        if self.mixes_two_losses() { full_cosines::EPOCHS } else { 0.0 }
    }

    fn loss(&self, mse: Option<f64>, cross_entropy: Option<f64>) -> Option<f64> {
        match self.mixing {
            Mixing::Weighted => weighted(self.lambda, mse, cross_entropy),
            _ => None,
        }
    }

    /// Other rules than the weighted sum combine the gradients on the CPU.
    fn trains_together(&self) -> bool {
        is_weighted(&self.mixing)
    }

    fn train(&self, setup: &Setup<'_>, work: &mut dyn FnMut(&mut dyn Training)) -> Result<()> {
        let model = self.model.build(&setup.init(), DType::F32)?;
        let trainer = CreTrainer::new(&model, setup.optimiser, given(self.lambda)?)?.mixing(self.mixing)?;
        let training = WithBatches::new(trainer, setup, self.labelled.filter(|_| setup.trains))?;
        let training =
            training.masked(model.is_masked()).observed(|trainer| observed::of(setup, &model, trainer));
        let mut training = training.measured_at_end(|trainer| match self.compared_with_pca(setup.images) {
            _ if self.mixes_two_losses() => full_cosines::of(setup, trainer),
            Some(config) => heads_on_components(setup, on_components(config)),
            None => Ok(Arrays::new()),
        });
        work(&mut training);
        Ok(())
    }
}
