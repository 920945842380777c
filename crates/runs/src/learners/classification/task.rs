//! The config of a classifier: network, loss, input subspace.

use models::{Decayed, Sequential, mlp, resnet9};
use serde::{Deserialize, Serialize};
use tensor::DType;
use tensor::random::Stream;

use crate::images::{Images, LARGEST_DECOMPOSED};
use crate::subspaces::Seen;

/// A classifier, its input and its training: AdamW with a one-cycle learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The network.
    pub network: Classifier,
    /// The training loss.
    pub loss: ClassificationLoss,
    /// The principal subspace that the images are projected onto.
    pub seen: Seen,
    /// The padding in pixels for random crops of training images, with random horizontal flips; no augmentation if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "models::range::offset")]
    pub crop: Option<u32>,
    /// The weight decay of AdamW.
    #[serde(serialize_with = "models::range::non_negative")]
    pub weight_decay: f64,
    /// The parameters that decay: all, or `weights`, which excludes biases and norms.
    #[serde(default, skip_serializing_if = "Decayed::is_all")]
    pub decayed: Decayed,
}

/// The classifier architectures (`book/lbr.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Classifier {
    /// An MLP whose widths decrease in equal steps.
    Mlp {
        /// The number of layer widths; 4 in the paper.
        #[serde(serialize_with = "models::range::depth")]
        depth: usize,
    },
    /// ResNet9.
    Resnet9 {
        /// The divisor of the paper's widths.
        #[serde(rename = "narrower", serialize_with = "models::range::width")]
        width_divisor: usize,
    },
}

/// The loss of a classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassificationLoss {
    /// The cross-entropy, as in the paper's first version.
    CrossEntropy,
    /// The mean squared error to the one-hot label, as in the paper's last version.
    OneHotMse,
}

impl Classifier {
    /// The network, for a label.
    pub fn label(self) -> String {
        match self {
            Self::Mlp { depth } => format!("MLP, depth {depth}"),
            Self::Resnet9 { width_divisor: 1 } => "ResNet9".into(),
            Self::Resnet9 { width_divisor } => format!("ResNet9/{width_divisor}"),
        }
    }

    /// Builds the network for these images.
    ///
    /// # Errors
    /// If a size is zero.
    pub(super) fn build(self, images: &Images, stream: &Stream) -> models::Result<Sequential> {
        let ([c, h, w], classes) = (images.train.image_shape(), images.classes.len());
        match self {
            Self::Mlp { depth } => {
                mlp::classifier(&mlp::Config { inputs: c * h * w, classes, depth }, stream, DType::F32)
            }
            Self::Resnet9 { width_divisor } => {
                let widths = resnet9::WIDTHS.map(|width| width / width_divisor.max(1));
                resnet9::classifier(&resnet9::Config { channels: c, widths, classes }, stream, DType::F32)
            }
        }
    }
}

impl Task {
    /// Whether images of `d` pixels are used without computing principal components.
    pub(super) fn is_undivided(&self, d: usize) -> bool {
        self.seen == Seen::Whole && d > LARGEST_DECOMPOSED
    }
}
