//! Which images a learner takes.

use models::{Architecture, resnet_autoencoder, resnet9};

use super::learner::Features;
use super::{Learner, Network, Recogniser};

impl Learner {
    /// Checks that it takes images `[c, h, w]` of so many classes. What is built for the images that it gets depends on
    /// their sides alone.
    ///
    /// # Errors
    /// What it takes, in words, if it does not take them.
    pub fn takes(&self, image: [usize; 3], n_classes: usize) -> Result<(), String> {
        let [_, h, w] = image;
        let divided_by = |divisor: usize| match [h, w].iter().all(|side| side.is_multiple_of(divisor)) {
            true => Ok(()),
            false => Err(format!("images whose sides {divisor} divides")),
        };
        let at_least = |side: usize| match h.min(w) >= side {
            true => Ok(()),
            false => Err(format!("images whose sides are {side} or more")),
        };
        match self {
            Self::Recognition { task } => match task.network {
                Recogniser::Mlp { .. } => Ok(()),
                Recogniser::Resnet9 { .. } => at_least(resnet9::LEAST_SIDE),
            },
            Self::Autoencoding { task } => match task.network {
                Network::Mlpae { .. } => Ok(()),
                Network::Dcae { depth, .. } => {
                    match u32::try_from(depth).ok().and_then(|depth| 1_usize.checked_shl(depth)) {
                        Some(divisor) => divided_by(divisor),
                        None => Err(format!("images whose sides 2^{depth} divides")),
                    }
                }
                Network::Resnet { .. } => divided_by(resnet_autoencoder::SIDE_DIVISOR),
            },
            Self::ClosedForm { .. } => Ok(()),
            Self::Cre { model, .. } => built_for(*model, image, n_classes),
            Self::PredictiveCoding { network } => {
                built_for(Architecture::Fc(network.model), image, n_classes)
            }
            Self::Recurrent { network } => built_for(Architecture::Fc(network.model), image, n_classes),
            Self::Readout { of, model } => {
                built_for(*model, image, n_classes)?;
                let (k, d) = (model.latent_len(), image.iter().product::<usize>());
                match *of == Features::Pca && k > d {
                    true => Err(format!("images of {k} pixels or more, one for each principal component")),
                    false => Ok(()),
                }
            }
        }
    }
}

/// Checks that these are the images and classes that a model is built for.
fn built_for(model: Architecture, image: [usize; 3], n_classes: usize) -> Result<(), String> {
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
