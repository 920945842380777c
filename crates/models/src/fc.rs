//! The fully connected CREs FC-S, FC-M and FC-L (`book/cre.md`, section 3.1).

use serde::{Deserialize, Serialize};
use tensor::DType;
use tensor::random::Stream;

use crate::error::positive;
use crate::{Activation, Cre, Error, Linear, Result, Sequential};

/// The depth and width of one part of a fully connected CRE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Size {
    /// One affine layer in each part.
    S,
    /// One hidden layer of width 616 in encoder and decoder, and of width 12 in the classifier.
    M,
    /// Hidden layers of widths 716, 684 and 616 in encoder and decoder, and of width 64 in the classifier.
    L,
}

impl Size {
    /// The widths of the encoder's hidden layers; the decoder's are the same in reverse.
    fn hidden(self) -> &'static [usize] {
        match self {
            Self::S => &[],
            Self::M => &[616],
            Self::L => &[716, 684, 616],
        }
    }

    /// The widths of the classifier's hidden layers.
    fn classifier_hidden(self) -> &'static [usize] {
        match self {
            Self::S => &[],
            Self::M => &[12],
            Self::L => &[64],
        }
    }
}

/// The configuration of a fully connected CRE.
///
/// Each part has its own size, so that parts can be enlarged separately (`book/cre.md`, section 5, item 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Depth and width of the encoder.
    pub encoder: Size,
    /// Depth and width of the decoder.
    pub decoder: Size,
    /// Depth and width of the classifier.
    pub classifier: Size,
    /// The number of pixels of an image, 784 in the paper.
    #[serde(serialize_with = "crate::range::outputs")]
    pub pixels: usize,
    /// The number of classes, 10 in the paper.
    #[serde(serialize_with = "crate::range::outputs")]
    pub classes: usize,
    /// The size k of the latent.
    #[serde(serialize_with = "crate::range::width")]
    pub latent: usize,
    /// The number of leading latent dimensions reserved for the classifier; the others are reserved for the decoder. By
    /// default both heads take all dimensions, as in the paper (`book/cre.md`, section 7, question 5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "crate::range::width")]
    pub classified: Option<usize>,
    /// The activation of the latent: `relu` in the paper; `identity` avoids dead units.
    pub latent_activation: Activation,
}

impl Config {
    /// The paper's model of this size with `latent` latent dimensions: 784 pixels, 10 classes, a ReLU at the latent.
    pub const fn of(size: Size, latent: usize) -> Self {
        Self {
            encoder: size,
            decoder: size,
            classifier: size,
            pixels: 784,
            classes: 10,
            latent,
            classified: None,
            latent_activation: Activation::Relu,
        }
    }

    /// The layer widths of encoder, decoder and classifier.
    pub(crate) fn widths(&self) -> [Vec<usize>; 3] {
        let Self { pixels, classes, latent, .. } = *self;
        let of_classifier = self.classified.unwrap_or(latent);
        let of_decoder = self.classified.map_or(latent, |classified| latent.saturating_sub(classified));
        let widths = |first, hidden: &mut dyn Iterator<Item = usize>, last| -> Vec<usize> {
            std::iter::once(first).chain(hidden).chain([last]).collect()
        };
        [
            widths(pixels, &mut self.encoder.hidden().iter().copied(), latent),
            widths(of_decoder, &mut self.decoder.hidden().iter().copied().rev(), pixels),
            widths(of_classifier, &mut self.classifier.classifier_hidden().iter().copied(), classes),
        ]
    }
}

/// Builds the model. Every parameter is initialised from its own substream of `stream`.
///
/// # Errors
/// If a size is zero, a split leaves a head without dimensions, or the latent's activation is neither ReLU nor
/// identity.
pub fn cre(config: &Config, stream: &Stream, dtype: DType) -> Result<Cre> {
    let Config { pixels, classes, latent, latent_activation, .. } = *config;
    positive(&[("pixels", pixels), ("classes", classes), ("latent", latent)])?;
    if !matches!(latent_activation, Activation::Identity | Activation::Relu) {
        let (expected, got) = ("relu or identity", format!("{latent_activation:?}").to_lowercase());
        return Err(Error::Setting { setting: "latent_activation", expected, got });
    }
    if let Some(classified) = config.classified.filter(|classified| !(1..latent).contains(classified)) {
        let (expected, got) = ("at least 1 and less than `latent`", classified.to_string());
        return Err(Error::Setting { setting: "classified", expected, got });
    }
    let [encoder, decoder, classifier] = config.widths();
    let part = |name, widths: &[usize], last| stack(widths, last, &stream.child(name), dtype);
    let model = Cre::new(
        part("encoder", &encoder, latent_activation),
        part("decoder", &decoder, Activation::Tanh),
        part("classifier", &classifier, Activation::Identity),
        &[pixels],
    );
    Ok(match config.classified {
        None => model,
        Some(classified) => model.with_split(classified),
    })
}

/// Affine layers with these widths, with ReLU between them and the activation `last` at the end.
fn stack(widths: &[usize], last: Activation, stream: &Stream, dtype: DType) -> Sequential {
    let n_layers = widths.len() - 1;
    let mut layers = Sequential::new();
    for (layer, pair) in widths.windows(2).enumerate() {
        let linear = Linear::new(pair[0], pair[1], &stream.child(&layer.to_string()), dtype);
        let activation = if layer + 1 == n_layers { last } else { Activation::Relu };
        layers = layers.then(linear);
        if activation != Activation::Identity {
            layers = layers.then(activation);
        }
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Module, Part};

    fn built(config: &Config) -> Cre {
        cre(config, &Stream::new(0, "init"), DType::F32).unwrap()
    }

    fn counts(config: &Config) -> [usize; 3] {
        let model = built(config);
        Part::ALL.map(|part| model.part(part).n_params())
    }

    /// Parameter counts (fact A1 of `book/cre.md`).
    #[test]
    fn the_parameter_counts_are_those_of_the_paper() {
        for k in [2, 4, 16, 512] {
            let formulas = [
                (Size::S, [785 * k, 784 * k + 784, 10 * k + 10]),
                (Size::M, [617 * k + 483_560, 616 * k + 484_344, 12 * k + 142]),
                (Size::L, [617 * k + 1_474_448, 616 * k + 1_475_232, 64 * k + 714]),
            ];
            for (size, expected) in formulas {
                assert_eq!(counts(&Config::of(size, k)), expected, "FC-{size:?} with k = {k}");
            }
        }
        assert_eq!(counts(&Config::of(Size::M, 4)), [486_028, 486_808, 190]);
    }

    #[test]
    fn one_part_alone_can_be_enlarged() {
        let (small, large) = (Config::of(Size::M, 4), Config::of(Size::L, 4));
        let enlarged = [
            Config { encoder: Size::L, ..small },
            Config { decoder: Size::L, ..small },
            Config { classifier: Size::L, ..small },
        ];
        for (part, enlarged) in enlarged.iter().enumerate() {
            let mut expected = counts(&small);
            expected[part] = counts(&large)[part];
            assert_eq!(counts(enlarged), expected);
        }
    }

    #[test]
    fn the_heads_of_a_split_latent_have_the_parameters_of_their_parts() {
        let (k, classified) = (16, 5);
        let split = Config { classified: Some(classified), ..Config::of(Size::M, k) };
        let decoder = 616 * (k - classified) + 484_344;
        assert_eq!(counts(&split), [617 * k + 483_560, decoder, 12 * classified + 142]);
    }

    #[test]
    fn parameters_are_named_by_part_and_layer() {
        let model = built(&Config::of(Size::M, 4));
        let names: Vec<String> = model.params().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names[..4], ["encoder.0.weight", "encoder.0.bias", "encoder.2.weight", "encoder.2.bias"]);
        assert_eq!(names[10..], ["classifier.2.weight", "classifier.2.bias"]);
    }

    #[test]
    fn invalid_settings_are_refused_by_name() {
        let message =
            |config: Config| cre(&config, &Stream::new(0, "init"), DType::F32).err().unwrap().to_string();
        assert_eq!(message(Config::of(Size::S, 0)), "latent: expected at least 1, got 0");
        for (latent_activation, name) in [(Activation::Tanh, "tanh"), (Activation::Sigmoid, "sigmoid")] {
            let refused = Config { latent_activation, ..Config::of(Size::S, 2) };
            let expected = format!("latent_activation: expected relu or identity, got {name}");
            assert_eq!(message(refused), expected);
        }
        for classified in [0, 2, 3] {
            let refused = Config { classified: Some(classified), ..Config::of(Size::S, 2) };
            let expected =
                format!("classified: expected at least 1 and less than `latent`, got {classified}");
            assert_eq!(message(refused), expected);
        }
    }
}
