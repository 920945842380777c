//! Training examples.

use tensor::{Indices, Tensor};

/// A batch of images with reconstruction targets and labels.
#[derive(Debug, Clone)]
pub struct Example {
    /// The input of the encoder, `[n, ...]`.
    pub images: Tensor,
    /// The reconstruction target, if it differs from the input; it has the same shape.
    pub target: Option<Tensor>,
    /// The labels of the first images; further images are unlabelled and only reconstructed.
    pub labels: Indices,
}

impl Example {
    /// The reconstruction target.
    pub fn target(&self) -> &Tensor {
        self.target.as_ref().unwrap_or(&self.images)
    }
}

impl From<(Tensor, Indices)> for Example {
    /// Labelled images that are their own reconstruction targets.
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
