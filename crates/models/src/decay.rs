//! The selection of parameters for weight decay.

use serde::{Deserialize, Serialize};

/// The parameters that weight decay applies to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decayed {
    /// All parameters, as in PyTorch's `AdamW` with one parameter group.
    #[default]
    All,
    /// Parameters with at least two axes: matrices and convolution kernels. Biases, the scales and shifts of norms, and
    /// learned tokens are not decayed, as in most recipes for transformers.
    Weights,
}

impl Decayed {
    /// Whether a parameter of this shape is decayed.
    pub fn includes(self, shape: &[usize]) -> bool {
        match self {
            Self::All => true,
            Self::Weights => shape.len() >= 2,
        }
    }

    /// Whether this is [`Decayed::All`], the default, which configs omit.
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }
}
