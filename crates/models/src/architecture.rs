//! Serializable descriptions of CRE architectures (`book/cre.md`).

mod size;

use serde::{Deserialize, Serialize};
use tensor::DType;
use tensor::random::Stream;

use crate::cnn::{self, PAPER_DROPOUT};
use crate::error::positive;
use crate::{Activation, Cre, Linear, Result, Sequential, fc, vit};

/// The architecture of a CRE, from one of the families of `book/cre.md`, section 3.
///
/// It is serialized as one table: `family = "cnn-l"` with the settings of the family.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Architecture {
    /// FC-S, FC-M or FC-L, or a combination with parts of different sizes (section 3.1).
    Fc(fc::Config),
    /// CNN-S for images of 1 x 28 x 28 (section 3.2).
    CnnS {
        /// The channels of the latent, which has 4 x 4 positions: 16 in the paper.
        #[serde(serialize_with = "crate::range::width")]
        latent_channels: usize,
        /// The number of classes: 10 in the paper.
        #[serde(default = "ten", skip_serializing_if = "is_ten", serialize_with = "crate::range::outputs")]
        classes: usize,
    },
    /// CNN-L for images of 3 x 32 x 32 (section 3.3).
    CnnL {
        /// The divisor of all widths: 1 in the paper.
        #[serde(rename = "narrower", serialize_with = "crate::range::width")]
        width_divisor: usize,
        /// The probability of dropping a channel in training: 0.2 in the paper.
        #[serde(serialize_with = "crate::range::below_one")]
        dropout: f64,
        /// The number of classes: 10 in the paper.
        #[serde(default = "ten", skip_serializing_if = "is_ten", serialize_with = "crate::range::outputs")]
        classes: usize,
    },
    /// A transformer for square images (section 3.4).
    Vit(vit::Config),
    /// An affine encoder and affine heads with a squared error to one-hot labels, which has a closed-form optimum
    /// (section 6.3, fact T13).
    Linear {
        /// The number of pixels of an image.
        #[serde(serialize_with = "crate::range::outputs")]
        pixels: usize,
        /// The number of classes.
        #[serde(serialize_with = "crate::range::outputs")]
        classes: usize,
        /// The size k of the latent.
        #[serde(serialize_with = "crate::range::width")]
        latent: usize,
    },
}

/// The default number of classes, that of the paper's data sets, which configs omit.
fn ten() -> usize {
    10
}

fn is_ten(classes: &usize) -> bool {
    *classes == ten()
}

impl Architecture {
    /// Builds the model. Every parameter is initialised from its own substream of `stream`.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if a setting is invalid, see [`fc::cre`], [`cnn::cnn_s`], [`cnn::cnn_l`]
    /// and [`vit::cre`].
    pub fn build(&self, stream: &Stream, dtype: DType) -> Result<Cre> {
        match self {
            Self::Fc(config) => fc::cre(config, stream, dtype),
            Self::CnnS { latent_channels, classes } => cnn::cnn_s(*latent_channels, *classes, stream, dtype),
            Self::CnnL { width_divisor, dropout, classes } => {
                cnn::cnn_l(*width_divisor, *dropout, *classes, stream, dtype)
            }
            Self::Vit(config) => vit::cre(config, stream, dtype),
            Self::Linear { pixels, classes, latent } => linear([*pixels, *classes, *latent], stream, dtype),
        }
    }

    /// The channels, rows and columns of the input images.
    ///
    /// A fully connected model has only a number of pixels, from which a shape is inferred: a square image of one channel
    /// if possible, else of three, else a single row.
    pub fn image_shape(&self) -> [usize; 3] {
        match self {
            Self::Fc(fc::Config { pixels, .. }) | Self::Linear { pixels, .. } => {
                let square = |channels: usize| {
                    let side = (pixels / channels).isqrt();
                    (channels * side * side == *pixels).then_some([channels, side, side])
                };
                square(1).or_else(|| square(3)).unwrap_or([1, 1, *pixels])
            }
            Self::CnnS { .. } => [1, 28, 28],
            Self::CnnL { .. } => [3, 32, 32],
            Self::Vit(config) => [config.channels, config.side, config.side],
        }
    }

    /// The number of latent dimensions of an image: `k` of [`Representation::z`](crate::Representation::z).
    ///
    /// It is meaningful only if [`Architecture::build`] succeeds.
    pub fn latent_len(&self) -> usize {
        match self {
            Self::Fc(fc::Config { latent, .. }) | Self::Linear { latent, .. } => *latent,
            Self::CnnS { latent_channels, .. } => 16 * latent_channels,
            Self::CnnL { width_divisor, .. } => 2048usize.checked_div(*width_divisor).unwrap_or(0),
            Self::Vit(config) => config.latent_len(),
        }
    }

    /// A short display name, with the differences from the paper.
    ///
    /// Examples: `FC-M, k = 16`; `FC-L/M/S, k = 16` if encoder, decoder and classifier differ in size;
    /// `FC-M, k = 4 + 12` if 4 of 16 dimensions are reserved for the classifier; `CNN-S, 16 channels`; `CNN-L/4`;
    /// `ViT-S` for any masking; and `ViT, width 16` for a transformer without a name in the paper.
    pub fn label(&self) -> String {
        match self {
            Self::Fc(config) => of_fully_connected(config),
            Self::CnnS { latent_channels: 1, .. } => "CNN-S, 1 channel".into(),
            Self::CnnS { latent_channels, .. } => format!("CNN-S, {latent_channels} channels"),
            Self::CnnL { width_divisor, dropout, .. } => {
                let width_divisor =
                    if *width_divisor == 1 { String::new() } else { format!("/{width_divisor}") };
                let dropout =
                    if *dropout == PAPER_DROPOUT { String::new() } else { format!(", dropout {dropout}") };
                format!("CNN-L{width_divisor}{dropout}")
            }
            Self::Vit(config) => of_transformer(config),
            Self::Linear { latent, .. } => format!("linear, k = {latent}"),
        }
    }
}

/// A CRE with one affine layer in each part, for `[pixels, classes, latent]`.
fn linear([pixels, classes, latent]: [usize; 3], stream: &Stream, dtype: DType) -> Result<Cre> {
    positive(&[("pixels", pixels), ("classes", classes), ("latent", latent)])?;
    let part = |name: &str, from: usize, to: usize| {
        Sequential::new().then_with(&stream.child(name), |stream| Linear::new(from, to, stream, dtype))
    };
    let (encoder, decoder) = (part("encoder", pixels, latent), part("decoder", latent, pixels));
    Ok(Cre::new(encoder, decoder, part("classifier", latent, classes), &[pixels]).with_squared_labels())
}

fn of_fully_connected(config: &fc::Config) -> String {
    let fc::Config { encoder, decoder, classifier, latent, classified, latent_activation, .. } = config;
    let size = if encoder == decoder && decoder == classifier {
        format!("{encoder:?}")
    } else {
        format!("{encoder:?}/{decoder:?}/{classifier:?}")
    };
    let activation = match latent_activation {
        Activation::Relu => String::new(),
        other => format!(", {}", format!("{other:?}").to_lowercase()),
    };
    let k = match classified {
        None => latent.to_string(),
        Some(classified) => format!("{classified} + {}", latent.saturating_sub(*classified)),
    };
    format!("FC-{size}, k = {k}{activation}")
}

fn of_transformer(config: &vit::Config) -> String {
    let named = [
        (vit::Config::S, "ViT-S"),
        (vit::Config::M, "ViT-M"),
        (vit::Config::L, "ViT-L"),
        (vit::Config::CIFAR10, "ViT for CIFAR-10"),
    ];
    let own = named.iter().find(|(named, _)| *named == vit::Config { masking: named.masking, ..*config });
    own.map_or_else(|| format!("ViT, width {}", config.encoder.width), |(_, name)| (*name).into())
}

#[cfg(test)]
mod tests {
    use tensor::Tensor;

    use super::*;
    use crate::fc::Size;
    use crate::{MaskedLoss, Masking};

    fn every_family() -> [Architecture; 7] {
        let masking = Masking { ratio: 0.5, loss: MaskedLoss::Whole };
        [
            Architecture::Fc(fc::Config::of(Size::S, 5)),
            Architecture::Fc(fc::Config { classified: Some(2), ..fc::Config::of(Size::M, 5) }),
            Architecture::CnnS { latent_channels: 2, classes: 10 },
            Architecture::CnnL { width_divisor: 32, dropout: 0.0, classes: 10 },
            Architecture::Vit(vit::Config::S),
            Architecture::Vit(vit::Config { masking, ..vit::Config::S }),
            Architecture::Linear { pixels: 784, classes: 10, latent: 3 },
        ]
    }

    #[test]
    fn the_model_has_the_declared_image_shape_and_latent_size() {
        for architecture in every_family() {
            let model = architecture.build(&Stream::new(1, "init"), DType::F32).unwrap();
            let [c, h, w] = architecture.image_shape();
            let of = model.represent(&Tensor::zeros(&[2, c * h * w], DType::F32)).unwrap();
            assert_eq!(of.z.shape(), [2, architecture.latent_len()], "{}", architecture.label());
        }
    }

    #[test]
    fn the_pixels_of_a_fully_connected_model_form_a_square_if_possible() {
        for (pixels, shape) in [(784, [1, 28, 28]), (3072, [3, 32, 32]), (12, [3, 2, 2]), (30, [1, 1, 30])] {
            let config = fc::Config { pixels, ..fc::Config::of(Size::S, 2) };
            assert_eq!(Architecture::Fc(config).image_shape(), shape);
        }
    }

    #[test]
    fn labels_name_the_paper_s_models_and_what_differs_from_them() {
        let fc_m = fc::Config::of(Size::M, 16);
        let larger = fc::Config { encoder: Size::L, classifier: Size::S, ..fc_m };
        let split = fc::Config { classified: Some(4), ..fc_m };
        let identity = fc::Config { latent_activation: Activation::Identity, ..fc_m };
        let masking = Masking { ratio: 0.5, loss: MaskedLoss::Whole };
        let masked = vit::Config { masking, ..vit::Config::M };
        let stack = vit::Stack { width: 16, ..vit::Config::S.encoder };
        let wider = vit::Config { encoder: stack, decoder: stack, ..vit::Config::S };
        let labels = [
            (Architecture::Fc(fc_m), "FC-M, k = 16"),
            (Architecture::Fc(larger), "FC-L/M/S, k = 16"),
            (Architecture::Fc(split), "FC-M, k = 4 + 12"),
            (Architecture::Fc(identity), "FC-M, k = 16, identity"),
            (Architecture::CnnS { latent_channels: 16, classes: 10 }, "CNN-S, 16 channels"),
            (Architecture::CnnS { latent_channels: 1, classes: 10 }, "CNN-S, 1 channel"),
            (Architecture::CnnL { width_divisor: 1, dropout: 0.2, classes: 10 }, "CNN-L"),
            (Architecture::CnnL { width_divisor: 4, dropout: 0.2, classes: 10 }, "CNN-L/4"),
            (Architecture::CnnL { width_divisor: 4, dropout: 0.0, classes: 10 }, "CNN-L/4, dropout 0"),
            (Architecture::Vit(masked), "ViT-M"),
            (Architecture::Vit(vit::Config::CIFAR10), "ViT for CIFAR-10"),
            (Architecture::Vit(wider), "ViT, width 16"),
        ];
        for (architecture, label) in labels {
            assert_eq!(architecture.label(), label);
        }
    }

    #[test]
    fn invalid_sizes_are_errors_and_no_panics() {
        let no_patches = vit::Config { patch: 0, ..vit::Config::S };
        for (refused, message) in [
            (Architecture::Fc(fc::Config::of(Size::S, 0)), "latent: expected at least 1, got 0"),
            (
                Architecture::CnnS { latent_channels: 0, classes: 10 },
                "latent_channels: expected at least 1, got 0",
            ),
            (
                Architecture::CnnL { width_divisor: 0, dropout: 0.2, classes: 10 },
                "narrower: expected a divisor of 64, got 0",
            ),
            (
                Architecture::CnnL { width_divisor: 5, dropout: 0.2, classes: 10 },
                "narrower: expected a divisor of 64, got 5",
            ),
            (Architecture::Vit(no_patches), "patch: expected at least 1, got 0"),
        ] {
            let error = refused.build(&Stream::new(0, "init"), DType::F32).err().unwrap();
            assert_eq!(error.to_string(), message);
            // These methods must not panic either.
            let _ = (refused.image_shape(), refused.latent_len(), refused.label());
        }
    }

    #[test]
    fn a_description_round_trips_and_unknown_settings_are_refused() {
        for architecture in every_family() {
            let table = serde_json::to_value(architecture).unwrap();
            assert_eq!(serde_json::from_value::<Architecture>(table).unwrap(), architecture);
        }
        // Without a split, the field is omitted from the table, so that the keys of stored runs stay the same.
        let without_split = serde_json::to_value(every_family()[0]).unwrap();
        assert!(without_split.get("classified").is_none());
        let table = serde_json::json!({ "family": "cnn-l", "narrower": 4, "dropout": 0.2 });
        let cnn_l = Architecture::CnnL { width_divisor: 4, dropout: 0.2, classes: 10 };
        assert_eq!(serde_json::to_value(cnn_l).unwrap(), table);
        let mut fc_m = serde_json::to_value(Architecture::Fc(fc::Config::of(Size::M, 4))).unwrap();
        for mut table in [table, fc_m.take()] {
            table["wider"] = 2.into();
            let refused = serde_json::from_value::<Architecture>(table).unwrap_err().to_string();
            assert!(refused.starts_with("unknown field `wider`"), "{refused}");
        }
    }
}
