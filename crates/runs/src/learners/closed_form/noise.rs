//! Corruptions of images with known first two moments (`book/lbr.md`, section 2.3).

use ndarray::{Array2, Axis, concatenate};
use serde::{Deserialize, Serialize};
use theory::Corruption;

use crate::images::background_modes;

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
    /// A random background with the modes of [`Change::Background`](crate::images::Change::Background), and independent
    /// normal noise on each pixel.
    Background {
        /// The standard deviation of the background, relative to that of all pixels.
        #[serde(serialize_with = "models::range::non_negative")]
        deviation: f64,
        /// That of the independent noise.
        #[serde(serialize_with = "models::range::non_negative")]
        pixel_deviation: f64,
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
            Self::Background { deviation, pixel_deviation } => {
                format!("background, σ = {deviation}, and Gaussian, σ = {pixel_deviation}")
            }
            Self::FixedCount { patch, kept } => format!("{kept} of the patches of {patch} x {patch} kept"),
        }
    }

    /// The corruption of images `[c, h, w]` whose pixels have this standard deviation.
    pub(super) fn corruption(self, image: [usize; 3], deviation_of_pixels: f64) -> Corruption {
        let [c, h, w] = image;
        match self {
            Self::None => Corruption::None,
            Self::Gaussian { deviation } => Corruption::Gaussian { std: deviation * deviation_of_pixels },
            Self::Isotropic { deviation } => {
                let variance = (deviation * deviation_of_pixels).powi(2);
                Corruption::Additive { covariance: variance * Array2::<f64>::eye(image.iter().product()) }
            }
            Self::Background { deviation, pixel_deviation } => {
                let modes = background_modes(h, w);
                // The modes are equal in all channels. Their variances add up to that of all pixels times the square.
                let modes =
                    concatenate(Axis(1), &vec![modes.view(); c]).expect("the parts have equally many rows");
                let pixels = (c * h * w) as f64;
                let energy = c as f64 * modes.nrows() as f64;
                let [background, independent] =
                    [deviation, pixel_deviation].map(|deviation| (deviation * deviation_of_pixels).powi(2));
                let mut covariance = background * pixels / energy * modes.t().dot(&modes);
                covariance.diag_mut().mapv_inplace(|variance| variance + independent);
                Corruption::Additive { covariance }
            }
            Self::Mask { patch, drop } => Corruption::PatchMask { image, patch, drop },
            Self::FixedCount { patch, kept } => {
                let patches = (h / patch.max(1) * (w / patch.max(1))) as f64;
                Corruption::FixedCount { image, patch, kept: (kept * patches).round() as usize }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_background_has_six_directions_and_the_variance_of_its_deviation() {
        let image = [3, 8, 6];
        let covariance = |pixel_deviation| {
            let noise = Noise::Background { deviation: 0.5, pixel_deviation };
            match noise.corruption(image, 2.0) {
                Corruption::Additive { covariance } => covariance,
                other => panic!("{other:?}"),
            }
        };
        let background = covariance(0.0);
        // The mean variance of a pixel is (0.5 * 2)^2, and 0.01 * 2^2 is added to each.
        assert!((background.diag().mean().unwrap() - 1.0).abs() < 1e-12);
        assert!((covariance(0.1).diag().mean().unwrap() - 1.04).abs() < 1e-12);
        // A projection onto six directions of equal variance: the square is a multiple.
        let variance = background.diag().sum() / 6.0;
        let square = background.dot(&background);
        assert!(
            (&square - &(variance * &background)).iter().all(|gap| gap.abs() < 1e-12 * variance * variance)
        );
        // All channels of a pixel have the same background.
        assert_eq!(background.row(0), background.row(48));
    }
}
