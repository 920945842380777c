//! The config of an autoencoder: network, objective, masking.

use models::guidance::{PROBE_WIDTH, linear_probe, nonlinear_probe};
use models::{Autoencoder, Decayed, Guided, dcae, mlpae, resnet_autoencoder};
use serde::{Deserialize, Serialize};
use tensor::DType;
use tensor::random::Stream;

use crate::images::Images;

/// An autoencoder and its training: objective, masking, and AdamW with a one-cycle learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The network.
    pub network: Network,
    /// The training objective.
    pub objective: Objective,
    /// Masking of the encoder's input; the target is the whole image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked: Option<Masked>,
    /// The weight decay of AdamW.
    #[serde(serialize_with = "models::range::non_negative")]
    pub weight_decay: f64,
    /// The parameters that decay: all, or `weights`, which excludes biases and norms.
    #[serde(default, skip_serializing_if = "Decayed::is_all")]
    pub decayed: Decayed,
    /// Whether the spectrum of the reconstructions is measured during training.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spectrum: bool,
}

/// The autoencoder architectures (`book/lbr.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Network {
    /// The fully connected autoencoder.
    Mlpae {
        /// The dimensions of the latent.
        #[serde(serialize_with = "models::range::width")]
        latent: usize,
        /// The number of layer widths of the encoder.
        #[serde(serialize_with = "models::range::depth")]
        encoder_depth: usize,
        /// The number of layer widths of the decoder.
        #[serde(serialize_with = "models::range::depth")]
        decoder_depth: usize,
        /// Whether the output passes through a sigmoid.
        sigmoid: bool,
    },
    /// The convolutional autoencoder.
    Dcae {
        /// The number of latent channels.
        #[serde(serialize_with = "models::range::width")]
        latent: usize,
        /// The number of convolutions.
        #[serde(serialize_with = "models::range::depth")]
        depth: usize,
    },
    /// The autoencoder with the residual blocks of ResNet-34.
    Resnet {
        /// The dimensions of the latent.
        #[serde(serialize_with = "models::range::width")]
        latent: usize,
        /// The divisor of the paper's widths.
        #[serde(rename = "narrower", serialize_with = "models::range::width")]
        width_divisor: usize,
    },
}

/// The loss of an autoencoder and its two probes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Objective {
    /// The reconstruction error alone; the probes are trained on the detached latent.
    Reconstruction,
    /// The reconstruction error plus the weighted cross-entropies of both probes, which reach the encoder.
    Guided {
        /// The weight of the cross-entropies.
        #[serde(serialize_with = "models::range::non_negative")]
        weight: f64,
    },
    /// The cross-entropies alone; the decoder is not trained.
    Supervised,
}

/// Random masking of patches: each is set to the mean of the training images with the same probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Masked {
    /// The side of a patch, which covers all channels.
    #[serde(serialize_with = "models::range::side")]
    pub patch: usize,
    /// The probability that a patch is dropped.
    #[serde(serialize_with = "models::range::below_one")]
    pub drop: f64,
}

impl Network {
    /// The network, for a label.
    pub fn label(self) -> String {
        match self {
            Self::Mlpae { latent, encoder_depth, decoder_depth, .. } => {
                format!("MLPAE, latent {latent}, depths {encoder_depth} and {decoder_depth}")
            }
            Self::Dcae { latent, depth } => format!("DCAE, latent {latent}, depth {depth}"),
            Self::Resnet { latent, .. } => format!("ResNet autoencoder, latent {latent}"),
        }
    }

    fn build(self, image: [usize; 3], stream: &Stream) -> models::Result<Autoencoder> {
        match self {
            Self::Mlpae { latent, encoder_depth, decoder_depth, sigmoid } => {
                let config = mlpae::Config { image, latent, encoder_depth, decoder_depth, sigmoid };
                mlpae::autoencoder(&config, stream, DType::F32)
            }
            Self::Dcae { latent, depth } => {
                dcae::autoencoder(&dcae::Config { image, latent, depth }, stream, DType::F32)
            }
            Self::Resnet { latent, width_divisor } => {
                let plan = resnet_autoencoder::Plan::ResNet34;
                let config = resnet_autoencoder::Config { plan, image, latent, width_divisor };
                resnet_autoencoder::autoencoder(&config, stream, DType::F32)
            }
        }
    }

    /// The latent dimensions for images `[c, h, w]`.
    pub(super) fn latent_len(self, [_, h, w]: [usize; 3]) -> usize {
        match self {
            Self::Mlpae { latent, .. } | Self::Resnet { latent, .. } => latent,
            Self::Dcae { latent, depth } => latent * (h >> depth) * (w >> depth),
        }
    }
}

impl Task {
    /// Builds the autoencoder with its probes, for these images.
    ///
    /// # Errors
    /// If a size is zero or does not fit the images.
    pub(super) fn build(&self, images: &Images, stream: &Stream) -> models::Result<Guided> {
        let (image, classes) = (images.train.image_shape(), images.classes.len());
        let (network, k) = (self.network, self.network.latent_len(image));
        let (width, nonlinear) = (PROBE_WIDTH.min(4 * k), stream.child("nonlinear"));
        Ok(Guided::new(
            network.build(image, &stream.child("autoencoder"))?,
            linear_probe(k, classes, &stream.child("linear"), DType::F32)?,
            nonlinear_probe(k, width, classes, &nonlinear, DType::F32)?,
        ))
    }
}
