//! The `Learner` trait: what a run trains or computes, and the properties that schedulers and commands need of it.

use models::{Architecture, range};

use crate::images::Images;
use crate::store::Arrays;
use crate::training::{Scalars, Setup, Training};
use crate::{Error, Result};

/// The shape of a latent that is a set of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    /// The number of features of a token.
    pub width: usize,
    /// The number of attention heads of the encoder.
    pub heads: usize,
}

/// The config key of the optimiser that trains most learners.
pub const OPTIMISER: &str = "optimiser";

/// A model and its training procedure. Each implementation is a file of `learners/` and a line of the list in `learners.rs`.
///
/// The defaults are those of a network with a latent, trained on labelled images.
pub trait Learner {
    /// A short description for progress lines.
    fn label(&self) -> String;

    /// The weight λ of the reconstruction loss in the encoder's loss; `None` for learners without one, and in the base
    /// config of a grid, which sets λ for each run.
    fn lambda(&self) -> Option<f64> {
        None
    }

    /// Sets λ; does nothing for learners without one.
    fn set_lambda(&mut self, _lambda: f64) {}

    /// Sets all fields that do not affect the time of a step to fixed values, so that equally fast learners are timed once.
    fn time_alike(&mut self) {
        self.set_lambda(0.5);
    }

    /// Checks that the learner accepts images `[c, h, w]` of `n_classes` classes. Learners that build their model from
    /// the images restrict the sides only.
    ///
    /// # Errors
    /// A description of the images that it accepts, if it rejects these.
    fn takes(&self, image: [usize; 3], n_classes: usize) -> std::result::Result<(), String> {
        self.architecture().map_or(Ok(()), |model| built_for(model, image, n_classes))
    }

    /// The architecture of its CRE, or of the CRE whose heads it trains.
    fn architecture(&self) -> Option<Architecture> {
        None
    }

    /// The latent dimensions for images `[c, h, w]`; `None` for learners without a latent, of which no final measures are
    /// computed.
    fn latent_len(&self, _image: [usize; 3]) -> Option<usize> {
        self.architecture().map(|model| model.latent_len())
    }

    /// The tokens of its latent; `None` unless it is a set of tokens.
    fn tokens(&self) -> Option<Tokens> {
        match self.architecture()? {
            Architecture::Vit(config) => {
                Some(Tokens { width: config.encoder.width, heads: config.encoder.heads })
            }
            Architecture::Fc(_)
            | Architecture::Linear { .. }
            | Architecture::CnnS { .. }
            | Architecture::CnnL { .. } => None,
        }
    }

    /// Estimates of the number of parameters, and of the activations stored per image of `d` pixels.
    fn sizes(&self, d: usize) -> [u64; 2] {
        let Some(model) = self.architecture() else { return [0; 2] };
        let layers = match model {
            Architecture::Fc(_) | Architecture::Linear { .. } => 10,
            Architecture::CnnS { .. } => 60,
            Architecture::CnnL { width_divisor, .. } => 400 / width_divisor.max(1) as u64,
            Architecture::Vit(config) => (config.encoder.width * 2) as u64,
        };
        [model.n_params(), layers * d as u64]
    }

    /// An estimate of the bytes that training needs besides the model: principal components, projections, closed forms.
    fn image_bytes(&self, _images: &Images) -> u64 {
        0
    }

    /// An estimate of the bytes that [`Training::observe`] needs; observations that do not fit are skipped.
    fn observed_bytes(&self, _images: &Images) -> u64 {
        0
    }

    /// Whether it fits the principal components of the training images, which runs on the same images share; for estimates of
    /// time.
    fn fits_components(&self, _images: &Images) -> bool {
        false
    }

    /// The FLOP of a closed form of `n` training images of `d` pixels, besides the principal components of
    /// [`Learner::fits_components`]; for estimates of time.
    fn closed_form_flops(&self, _n: f64, _d: f64) -> f64 {
        0.0
    }

    /// The heads trained on a frozen encoder after the last of `epochs` epochs: their architecture and the maximum
    /// number of epochs; for estimates of time.
    fn heads_at_end(&self, _images: &Images, _epochs: u32) -> Option<(Architecture, u32)> {
        None
    }

    /// The cost of the measures on the training images after the last epoch, in epochs; for estimates of time.
    fn epochs_at_end(&self) -> f64 {
        0.0
    }

    /// The encoder's loss computed from the two losses, where it is their weighted sum or one of them.
    fn loss(&self, _mse: Option<f64>, _cross_entropy: Option<f64>) -> Option<f64> {
        None
    }

    /// The config key of the optimiser that trains it.
    fn optimiser_key(&self) -> &'static str {
        OPTIMISER
    }

    /// Whether its learning-rate schedule depends on the total number of steps, so that a shorter run is not a prefix of a
    /// longer one.
    fn is_scheduled(&self) -> bool {
        false
    }

    /// Whether evaluation needs the training images besides the parameters: their mean or principal components.
    fn reads_training_images(&self) -> bool {
        false
    }

    /// Whether it needs images of at least two classes.
    fn classifies(&self) -> bool {
        true
    }

    /// Whether a GPU records its training steps, so that runs of it that differ in λ and seed can be trained as one
    /// program ([`Training::recorded`]).
    fn trains_together(&self) -> bool {
        false
    }

    /// Whether it is trained; false for closed forms.
    fn learns(&self) -> bool {
        true
    }

    /// The scalars and arrays of a closed form.
    ///
    /// # Errors
    /// If it cannot be computed, or the learner is not a closed form.
    fn answer(&self, _images: &Images) -> Result<(Scalars, Arrays)> {
        Err(Error::Usage(format!("{}: expected a closed form, got a learner that is trained", self.label())))
    }

    /// Initialises the learner and calls `work` once with it.
    ///
    /// # Errors
    /// If it cannot be built from this config and these images, or is not trained.
    fn train(&self, setup: &Setup<'_>, work: &mut dyn FnMut(&mut dyn Training)) -> Result<()>;
}

/// Checks that the shape of the images and the number of classes are those of the model.
pub(crate) fn built_for(
    model: Architecture,
    image: [usize; 3],
    n_classes: usize,
) -> std::result::Result<(), String> {
    let (pixels, classes) = match model {
        Architecture::Fc(config) => (Some(config.pixels), config.classes),
        Architecture::Linear { pixels, classes, .. } => (Some(pixels), classes),
        Architecture::Vit(config) => (None, config.classes),
        Architecture::CnnS { classes, .. } | Architecture::CnnL { classes, .. } => (None, classes),
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
        Architecture::Vit(config) => divided_by(image, config.patch),
        _ => Ok(()),
    }
}

/// The loss that a CRE with this λ minimises: λ MSE + (1 - λ) CE.
pub(crate) fn weighted(lambda: Option<f64>, mse: Option<f64>, cross_entropy: Option<f64>) -> Option<f64> {
    Some(lambda? * mse? + (1.0 - lambda?) * cross_entropy?)
}

/// Returns λ, or an error if it is not set.
pub(crate) fn given(lambda: Option<f64>) -> Result<f64> {
    let unset =
        || Error::Usage(format!("`learner.lambda` is not set: expected a number {}", range::PROBABILITY));
    lambda.ok_or_else(unset)
}

/// The suffix of a label with λ, such as `, λ = 0.5`; empty without λ.
pub(crate) fn and_lambda(lambda: Option<f64>) -> String {
    lambda.map_or(String::new(), |lambda| format!(", λ = {lambda}"))
}

/// Checks that both sides of an image are divisible by `divisor`.
///
/// # Errors
/// A description of the accepted sides, with the nearest ones.
pub(crate) fn divided_by([_, h, w]: [usize; 3], divisor: usize) -> std::result::Result<(), String> {
    let step = divisor.max(1);
    let nearest = |side: usize| ((side + (step - 1) / 2) / step * step).max(step);
    match [h, w].iter().all(|side| side.is_multiple_of(divisor)) {
        true => Ok(()),
        false => Err(format!(
            "images with sides divisible by {divisor} (nearest to {h} x {w}: {} x {})",
            nearest(h),
            nearest(w)
        )),
    }
}
