//! Classifiers of images of which only a part of the variance is left (experiment E3 of the LBR specification).

use models::{Decayed, Result, Sequential, mlp, resnet9};
use serde::{Deserialize, Serialize};
use tensor::DType;
use tensor::random::Stream;

use crate::subspaces::Seen;

/// A classifier, what it sees, and how it learns: by AdamW in one cycle of the learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recognition {
    /// The network.
    pub network: Recogniser,
    /// What it minimises.
    pub loss: RecognitionLoss,
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
pub enum Recogniser {
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
pub enum RecognitionLoss {
    /// The cross-entropy, as in the paper's first version.
    CrossEntropy,
    /// The mean squared error to the one-hot label, as in its last.
    OneHotMse,
}

impl Recogniser {
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
    pub fn build(self, [c, h, w]: [usize; 3], classes: usize, stream: &Stream) -> Result<Sequential> {
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

    /// About how many parameters it has, and how many numbers its layers keep of an image of `d` numbers.
    pub(super) fn sizes(self, d: usize) -> (u64, u64) {
        let d = d as u64;
        match self {
            Self::Mlp { .. } => (d * d, 6 * d),
            Self::Resnet9 { narrower } => {
                let narrower = narrower.max(1) as u64;
                (31_000_000 / narrower.pow(2), 500 * d / narrower)
            }
        }
    }
}

impl Recognition {
    /// Words for a line of progress.
    pub fn label(&self) -> String {
        let seen = match self.seen {
            Seen::Whole => "whole images".to_owned(),
            Seen::Top(bound) => format!("top {} of {}", bound.place + 1, bound.of),
            Seen::Bottom(bound) => format!("bottom {} of {}", bound.place + 1, bound.of),
        };
        format!("{} on {seen}", self.network.label())
    }
}
