//! Which parameters weight decay applies to.

use serde::{Deserialize, Serialize};

/// Which parameters weight decay applies to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decayed {
    /// All, as in PyTorch's `AdamW` with one parameter group.
    #[default]
    All,
    /// Those of two axes or more: matrices and the kernels of convolutions. Biases, the scales and shifts of norms, and
    /// learned tokens stay as they are, as most recipes for transformers have it.
    Weights,
}

impl Decayed {
    /// Whether a parameter of this shape decays.
    pub fn includes(self, shape: &[usize]) -> bool {
        match self {
            Self::All => true,
            Self::Weights => shape.len() >= 2,
        }
    }

    /// Whether it is [`Decayed::All`]: for configs, which leave the default out.
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }
}
