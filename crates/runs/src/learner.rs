//! The interface of learners: what a run, its schedulers and the program ask of whatever learns in it.

use models::Architecture;

use crate::images::Images;
use crate::store::Arrays;
use crate::training::{Scalars, Setup, Training};
use crate::{Error, Result};

/// Latents that are sets of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    /// The number of features of a token.
    pub width: usize,
    /// The heads by which the encoder attends to them.
    pub heads: usize,
}

/// The key of the optimiser that most learners are trained with, in the config of a run.
pub const OPTIMISER: &str = "optimiser";

/// What learns in a run. Each implementation is a file of `learners/`, and a line of the list in `learners.rs`.
///
/// The defaults are those of a network with a latent that learns from labelled images.
pub trait Learner {
    /// A few words, as in lines of progress.
    fn label(&self) -> String;

    /// The weight λ of reconstruction in the encoder's loss; `None` where nothing is weighed.
    fn lambda(&self) -> Option<f64> {
        None
    }

    /// Sets λ, where there is one.
    fn set_lambda(&mut self, _lambda: f64) {}

    /// Sets what changes nothing about the time of a step to one value, so that such learners are timed once.
    fn time_alike(&mut self) {
        self.set_lambda(0.5);
    }

    /// Checks that it takes images `[c, h, w]` of so many classes. What is built for the images that it gets depends on
    /// their sides alone.
    ///
    /// # Errors
    /// What it takes, in words, if it does not take them.
    fn takes(&self, image: [usize; 3], n_classes: usize) -> std::result::Result<(), String>;

    /// The architecture of its CRE, or of the CRE whose heads it trains.
    fn architecture(&self) -> Option<Architecture> {
        None
    }

    /// The dimensions of its latent for images `[c, h, w]`; `None` where there is none, and then nothing is measured of it
    /// after training.
    fn latent_len(&self, _image: [usize; 3]) -> Option<usize> {
        self.architecture().map(|model| model.latent_len())
    }

    /// The tokens of its latent, where it is a set of tokens.
    fn tokens(&self) -> Option<Tokens> {
        match self.architecture()? {
            Architecture::Vit(config) => {
                Some(Tokens { width: config.encoder.width, heads: config.encoder.heads })
            }
            _ => None,
        }
    }

    /// About how many parameters it has, and how many elements its layers keep of an image of `d` pixels.
    fn sizes(&self, d: usize) -> [u64; 2] {
        let Some(model) = self.architecture() else { return [0; 2] };
        let layers = match model {
            Architecture::Fc(_) | Architecture::Linear { .. } => 10,
            Architecture::CnnS { .. } => 60,
            Architecture::CnnL { narrower, .. } => 400 / narrower.max(1) as u64,
            Architecture::Vit(config) => (config.encoder.width * 2) as u64,
        };
        [model.n_params(), layers * d as u64]
    }

    /// About the bytes of what is computed of the images as a whole, without which it cannot be trained: principal
    /// components, projections, closed forms.
    fn image_bytes(&self, _images: &Images) -> u64 {
        0
    }

    /// About the bytes of what its observation computes of the images as a whole, and leaves out where it does not fit.
    fn observed_bytes(&self, _images: &Images) -> u64 {
        0
    }

    /// What the encoder minimises, from the two losses, where it is a weighted sum of them or one of them alone.
    fn loss(&self, _mse: Option<f64>, _cross_entropy: Option<f64>) -> Option<f64> {
        None
    }

    /// The key of the optimiser that trains it, in the config of a run.
    fn optimiser_key(&self) -> &'static str {
        OPTIMISER
    }

    /// Whether its learning rate follows a schedule over all steps, so that fewer epochs are not the beginning of more.
    fn is_scheduled(&self) -> bool {
        false
    }

    /// Whether what it learned is read again by other runs, figures or the page.
    fn is_reread(&self) -> bool {
        true
    }

    /// Whether it takes more from the training images than what it learned: a mean, or principal components.
    fn reads_training_images(&self) -> bool {
        false
    }

    /// Whether it needs images of two classes or more.
    fn classifies(&self) -> bool {
        true
    }

    /// Whether it can be trained on a GPU.
    fn runs_on_gpu(&self) -> bool {
        false
    }

    /// Whether it is trained; a closed form is not.
    fn learns(&self) -> bool {
        true
    }

    /// The scalars and arrays of a closed form.
    ///
    /// # Errors
    /// If it cannot be computed, or the learner is none.
    fn answer(&self, _images: &Images) -> Result<(Scalars, Arrays)> {
        Err(Error::Usage(format!("{} is no closed form; train it", self.label())))
    }

    /// Makes the learner as it is before training, and hands it to `work` once.
    ///
    /// # Errors
    /// If it cannot be made of this config and these images, or is not trained.
    fn train(&self, setup: &Setup<'_>, work: &mut dyn FnMut(&mut dyn Training)) -> Result<()>;
}

/// Checks that these are the images and classes that a model is built for.
pub(crate) fn built_for(
    model: Architecture,
    image: [usize; 3],
    n_classes: usize,
) -> std::result::Result<(), String> {
    let (pixels, classes) = match model {
        Architecture::Fc(config) => (Some(config.pixels), config.classes),
        Architecture::Linear { pixels, classes, .. } => (Some(pixels), classes),
        Architecture::Vit(config) => (None, config.classes),
        Architecture::CnnS { .. } | Architecture::CnnL { .. } => (None, 10),
    };
    let is_of_size = match pixels {
        Some(pixels) => pixels == image.iter().product::<usize>(),
        None => model.image_shape() == image,
    };
    match model {
        _ if !is_of_size || classes != n_classes => {
            let image = pixels.map_or_else(
                || model.image_shape().map(|size| size.to_string()).join(" x "),
                |pixels| format!("{pixels} pixels"),
            );
            Err(format!("images of {image} and {classes} classes"))
        }
        Architecture::Vit(config) if !config.side.is_multiple_of(config.patch) => {
            Err(format!("images whose sides {} divides", config.patch))
        }
        _ => Ok(()),
    }
}

/// The weighted sum of both losses that a CRE with this λ minimises.
pub(crate) fn weighted(lambda: f64, mse: Option<f64>, cross_entropy: Option<f64>) -> Option<f64> {
    Some(lambda * mse? + (1.0 - lambda) * cross_entropy?)
}

/// Checks that both sides of an image are multiples of this.
pub(crate) fn divided_by([_, h, w]: [usize; 3], divisor: usize) -> std::result::Result<(), String> {
    match [h, w].iter().all(|side| side.is_multiple_of(divisor)) {
        true => Ok(()),
        false => Err(format!("images whose sides {divisor} divides")),
    }
}
