//! The data that results record of each run, besides the metrics of all experiments.

use crate::metric::{ArrayMetric, Metric};
use runs::run::compute::MASKED_TEST;

/// The data that results record of each run, besides the metrics of all experiments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// The first test image of each class and its reconstruction by the first seed.
    pub images: bool,
    /// The first seed's test latents, in two dimensions.
    pub latents: bool,
    /// The metrics of every epoch, with those of each layer and principal component.
    pub epochs: bool,
    /// The exact linear CRE at every point.
    pub linear_front: bool,
    /// Projections of images on bands of variance.
    pub bands: bool,
    /// Further metrics of the last epoch, with descriptions.
    pub scalars: &'static [(Metric, &'static str)],
    /// Arrays over a coordinate that is not an axis of the grid.
    pub along: Option<Along>,
}

/// Final arrays of a run over a coordinate that it also stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Along {
    /// The name of the coordinate's array, and its description.
    pub coordinate: (&'static str, &'static str),
    /// The arrays: name, description and unit. Arrays that a run lacks are left out.
    pub arrays: &'static [(ArrayMetric, &'static str, &'static str)],
}

impl Recorded {
    /// No further data.
    pub const NUMBERS: Self = Self {
        images: false,
        latents: false,
        epochs: false,
        linear_front: false,
        bands: false,
        scalars: &[],
        along: None,
    };
    /// With images.
    pub const IMAGES: Self = Self { images: true, ..Self::NUMBERS };
    /// With latents.
    pub const LATENTS: Self = Self { latents: true, ..Self::NUMBERS };
    /// With every epoch.
    pub const EPOCHS: Self = Self { epochs: true, ..Self::NUMBERS };
    /// With the exact linear CRE.
    pub const LINEAR_FRONT: Self = Self { linear_front: true, ..Self::NUMBERS };

    /// With the test metrics on images with patches removed.
    pub const MASKED: Self = Self::scalars(&[
        (Metric::MaskedLoss, MASKED_TEST[0].1),
        (Metric::MaskedMse, MASKED_TEST[1].1),
        (Metric::MaskedCrossEntropy, MASKED_TEST[2].1),
        (Metric::MaskedAccuracy, MASKED_TEST[3].1),
    ]);

    /// With these metrics of the last epoch.
    pub const fn scalars(scalars: &'static [(Metric, &'static str)]) -> Self {
        Self { scalars, ..Self::NUMBERS }
    }

    /// With these arrays.
    pub const fn along(along: Along) -> Self {
        Self { along: Some(along), ..Self::NUMBERS }
    }
}
