//! Corruptions of images of which two moments are known (section 2.3 of the LBR specification).

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use theory::Corruption;

/// A corruption of images of which two moments are known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Noise {
    /// None.
    None,
    /// Independent normal noise on each pixel.
    Gaussian {
        /// Its standard deviation, in that of all pixels.
        #[serde(serialize_with = "models::range::non_negative")]
        deviation: f64,
    },
    /// The same, given as a covariance that nobody says is a multiple of the identity, so that what it changes is
    /// computed and not known beforehand (claim 8).
    Isotropic {
        /// Its standard deviation, in that of all pixels.
        #[serde(serialize_with = "models::range::non_negative")]
        deviation: f64,
    },
    /// Patches that are dropped independently.
    Mask {
        /// The side of a patch in pixels.
        #[serde(serialize_with = "models::range::side")]
        patch: usize,
        /// The probability that a patch is dropped.
        #[serde(serialize_with = "models::range::below_one")]
        drop: f64,
    },
    /// Patches of which a fixed share is kept, as in masked autoencoders.
    FixedCount {
        /// The side of a patch in pixels.
        #[serde(serialize_with = "models::range::side")]
        patch: usize,
        /// The share that is kept.
        #[serde(serialize_with = "models::range::fraction")]
        kept: f64,
    },
}

impl Noise {
    /// Words for a label.
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

    /// The corruption of images `[c, h, w]` whose numbers have this deviation.
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
