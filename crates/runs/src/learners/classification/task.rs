//! The settings of classifiers and what they see.

use models::{Decayed, Sequential, mlp, resnet9};
use serde::{Deserialize, Serialize};
use tensor::DType;
use tensor::random::Stream;

use crate::images::LARGEST_DECOMPOSED;
use crate::subspaces::Seen;

/// A classifier, what it sees, and how it learns: by AdamW in one cycle of the learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The network.
    pub network: Classifier,
    /// What it minimises.
    pub loss: ClassificationLoss,
    /// What is left of the images.
    pub seen: Seen,
    /// The border in pixels out of which training images are cropped at random, and mirrored every other time; they
    /// stay as they are where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "models::range::offset")]
    pub crop: Option<u32>,
    /// AdamW's decay.
    #[serde(serialize_with = "models::range::non_negative")]
    pub weight_decay: f64,
    /// Which parameters it applies to: all, or `weights`, which leaves out biases and norms.
    #[serde(default, skip_serializing_if = "Decayed::is_all")]
    pub decayed: Decayed,
}

/// The networks of the experiment (section 3.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Classifier {
    /// A perceptron whose widths fall in equal steps.
    Mlp {
        /// The number of widths; 4 in the paper.
        #[serde(serialize_with = "models::range::depth")]
        depth: usize,
    },
    /// ResNet9.
    Resnet9 {
        /// What the widths of the paper are divided by.
        #[serde(serialize_with = "models::range::width")]
        narrower: usize,
    },
}

/// What a classifier minimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassificationLoss {
    /// The cross-entropy, as in the paper's first version.
    CrossEntropy,
    /// The mean squared error to the one-hot label, as in its last.
    OneHotMse,
}

impl Classifier {
    /// Words for a label.
    pub fn label(self) -> String {
        match self {
            Self::Mlp { depth } => format!("MLP, depth {depth}"),
            Self::Resnet9 { narrower: 1 } => "ResNet9".into(),
            Self::Resnet9 { narrower } => format!("ResNet9/{narrower}"),
        }
    }

    /// Builds the network for images `[c, h, w]`.
    ///
    /// # Errors
    /// If a size is zero.
    pub(super) fn build(
        self,
        [c, h, w]: [usize; 3],
        classes: usize,
        stream: &Stream,
    ) -> models::Result<Sequential> {
        match self {
            Self::Mlp { depth } => {
                mlp::classifier(&mlp::Config { inputs: c * h * w, classes, depth }, stream, DType::F32)
            }
            Self::Resnet9 { narrower } => {
                let widths = resnet9::WIDTHS.map(|width| width / narrower.max(1));
                resnet9::classifier(&resnet9::Config { channels: c, widths, classes }, stream, DType::F32)
            }
        }
    }
}

impl Task {
    /// Whether images of `d` pixels are taken whole, without their principal components.
    pub(super) fn is_undivided(&self, d: usize) -> bool {
        self.seen == Seen::Whole && d > LARGEST_DECOMPOSED
    }
}
