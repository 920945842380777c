//! What is kept of each run beside its numbers.

/// What is kept of each run beside its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The first test image of each class and its reconstruction by the first seed.
    pub images: bool,
    /// The first seed's test latents, in two dimensions.
    pub latents: bool,
    /// The numbers of every epoch, with those of each layer and principal component.
    pub epochs: bool,
    /// The exact linear CRE at every point.
    pub linear_front: bool,
}

impl Kept {
    /// Nothing.
    pub const NUMBERS: Self = Self { images: false, latents: false, epochs: false, linear_front: false };
    /// With images.
    pub const IMAGES: Self = Self { images: true, ..Self::NUMBERS };
    /// With latents.
    pub const LATENTS: Self = Self { latents: true, ..Self::NUMBERS };
    /// With every epoch.
    pub const EPOCHS: Self = Self { epochs: true, ..Self::NUMBERS };
    /// With the exact linear CRE.
    pub const LINEAR_FRONT: Self = Self { linear_front: true, ..Self::NUMBERS };
}
