//! The settings of autoencoders and what they minimise.

use models::guidance::{PROBE_WIDTH, linear_probe, nonlinear_probe};
use models::{Autoencoder, Decayed, Guided, dcae, mlpae, resnet_autoencoder};
use serde::{Deserialize, Serialize};
use tensor::DType;
use tensor::random::Stream;

/// An autoencoder, what it minimises, and how it learns: by AdamW in one cycle of the learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The network.
    pub network: Network,
    /// What it minimises.
    pub objective: Objective,
    /// What is done to training images before the encoder sees them; the whole image is to be reconstructed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked: Option<Masked>,
    /// AdamW's decay.
    #[serde(serialize_with = "models::range::non_negative")]
    pub weight_decay: f64,
    /// Which parameters it applies to: all, or `weights`, which leaves out biases and norms.
    #[serde(default, skip_serializing_if = "Decayed::is_all")]
    pub decayed: Decayed,
    /// Whether the spectrum of the reconstructions is measured as it learns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spectrum: bool,
}

/// The networks of the experiments (section 3.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Network {
    /// The fully connected autoencoder.
    Mlpae {
        /// The dimensions of the latent.
        #[serde(serialize_with = "models::range::width")]
        latent: usize,
        /// The number of widths of the encoder.
        #[serde(serialize_with = "models::range::depth")]
        encoder_depth: usize,
        /// The number of widths of the decoder.
        #[serde(serialize_with = "models::range::depth")]
        decoder_depth: usize,
        /// Whether the last layer is a sigmoid.
        sigmoid: bool,
    },
    /// The convolutional autoencoder.
    Dcae {
        /// The channels of the latent.
        #[serde(serialize_with = "models::range::width")]
        latent: usize,
        /// The number of convolutions.
        #[serde(serialize_with = "models::range::depth")]
        depth: usize,
    },
    /// The residual autoencoder of the 34-layer plan.
    Resnet {
        /// The dimensions of the latent.
        #[serde(serialize_with = "models::range::width")]
        latent: usize,
        /// What the widths of the paper are divided by.
        #[serde(serialize_with = "models::range::width")]
        narrower: usize,
    },
}

/// What an autoencoder and its two probes minimise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Objective {
    /// The reconstruction error alone; the probes learn from the detached latent.
    Reconstruction,
    /// The reconstruction error and so many times the cross-entropies of both probes.
    Guided {
        /// The weight of the cross-entropies.
        #[serde(serialize_with = "models::range::non_negative")]
        weight: f64,
    },
    /// The cross-entropies alone; the decoder does not learn.
    Supervised,
}

/// Patches that are set to the mean of the training images, each by itself with the same probability.
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
    /// Words for a label.
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
            Self::Resnet { latent, narrower } => {
                let plan = resnet_autoencoder::Plan::ResNet34;
                let config = resnet_autoencoder::Config { plan, image, latent, narrower };
                resnet_autoencoder::autoencoder(&config, stream, DType::F32)
            }
        }
    }

    /// The dimensions of the latent.
    pub(super) fn latent_len(self, [_, h, w]: [usize; 3]) -> usize {
        match self {
            Self::Mlpae { latent, .. } | Self::Resnet { latent, .. } => latent,
            Self::Dcae { latent, depth } => latent * (h >> depth) * (w >> depth),
        }
    }
}

impl Task {
    /// Builds the autoencoder with its probes, for images `[c, h, w]`.
    ///
    /// # Errors
    /// If a size is zero or does not fit the images.
    pub(super) fn build(&self, image: [usize; 3], classes: usize, stream: &Stream) -> models::Result<Guided> {
        let (network, k) = (self.network, self.network.latent_len(image));
        let (width, nonlinear) = (PROBE_WIDTH.min(4 * k), stream.child("nonlinear"));
        Ok(Guided::new(
            network.build(image, &stream.child("autoencoder"))?,
            linear_probe(k, classes, &stream.child("linear"), DType::F32)?,
            nonlinear_probe(k, width, classes, &nonlinear, DType::F32)?,
        ))
    }
}
