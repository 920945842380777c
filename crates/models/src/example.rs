//! A batch as training sees it.

use tensor::{Indices, Tensor};

/// A batch of images with what is asked of each.
#[derive(Debug, Clone)]
pub struct Example {
    /// What the encoder sees, `[n, ...]`.
    pub images: Tensor,
    /// What the decoder is asked for, where that is not what the encoder sees, in the same shape.
    pub target: Option<Tensor>,
    /// The classes of the first images; images beyond them have none, and are only reconstructed.
    pub labels: Indices,
}

impl Example {
    /// What the decoder is asked for.
    pub fn target(&self) -> &Tensor {
        self.target.as_ref().unwrap_or(&self.images)
    }
}

impl From<(Tensor, Indices)> for Example {
    /// Images that all have a class and are to be reconstructed as they are.
    fn from((images, labels): (Tensor, Indices)) -> Self {
        Self { images, target: None, labels }
    }
}

impl From<(&Tensor, &Indices)> for Example {
    fn from((images, labels): (&Tensor, &Indices)) -> Self {
        (images.clone(), labels.clone()).into()
    }
}

impl From<&Self> for Example {
    fn from(example: &Self) -> Self {
        example.clone()
    }
}
