//! Corruptions of images with known first two moments (`book/lbr.md`, section 2.3).

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use theory::Corruption;

/// A corruption of images with known first two moments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Noise {
    /// No corruption.
    None,
    /// Independent normal noise on each pixel.
    Gaussian {
        /// The standard deviation relative to that of all pixels.
        #[serde(serialize_with = "models::range::non_negative")]
        deviation: f64,
    },
    /// Isotropic noise, passed as a general covariance, so that its effect is computed and not assumed (LBR 8).
    Isotropic {
        /// The standard deviation relative to that of all pixels.
        #[serde(serialize_with = "models::range::non_negative")]
        deviation: f64,
    },
    /// Patches dropped independently.
    Mask {
        /// The side of a patch in pixels.
        #[serde(serialize_with = "models::range::side")]
        patch: usize,
        /// The probability that a patch is dropped.
        #[serde(serialize_with = "models::range::below_one")]
        drop: f64,
    },
    /// Masks that keep a fixed fraction of the patches, as in masked autoencoders.
    FixedCount {
        /// The side of a patch in pixels.
        #[serde(serialize_with = "models::range::side")]
        patch: usize,
        /// The fraction kept.
        #[serde(serialize_with = "models::range::fraction")]
        kept: f64,
    },
}

impl Noise {
    /// The label.
    pub fn label(self) -> String {
        match self {
            Self::None => "no noise".into(),
            Self::Gaussian { deviation } | Self::Isotropic { deviation } => {
                format!("Gaussian, σ = {deviation}")
            }
            Self::Mask { patch, drop } => format!("masks of {patch} x {patch}, p = {drop}"),
            Self::FixedCount { patch, kept } => format!("{kept} of the patches of {patch} x {patch} kept"),
        }
    }

    /// The corruption of images `[c, h, w]` whose pixels have this standard deviation.
    pub(super) fn corruption(self, image: [usize; 3], deviation_of_pixels: f64) -> Corruption {
        let [_, h, w] = image;
        match self {
            Self::None => Corruption::None,
            Self::Gaussian { deviation } => Corruption::Gaussian { std: deviation * deviation_of_pixels },
            Self::Isotropic { deviation } => {
                let variance = (deviation * deviation_of_pixels).powi(2);
                Corruption::Additive { covariance: variance * Array2::<f64>::eye(image.iter().product()) }
            }
            Self::Mask { patch, drop } => Corruption::PatchMask { image, patch, drop },
            Self::FixedCount { patch, kept } => {
                let patches = (h / patch.max(1) * (w / patch.max(1))) as f64;
                Corruption::FixedCount { image, patch, kept: (kept * patches).round() as usize }
            }
        }
    }
}
