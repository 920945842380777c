//! The transformer block.

use autograd::{Param, Var};
use tensor::DType;
use tensor::random::Stream;

use crate::module::params_of;
use crate::{LayerNorm, Linear, Mode, Module, Result, SelfAttention};

/// A pre-norm transformer block for tokens `[n, t, d]`: `x + attention(norm(x))`, then `x + mlp(norm(x))`. The MLP has
/// one hidden layer with exact GELU. There is no dropout and no layer scale.
pub struct Block {
    norm1: LayerNorm,
    attention: SelfAttention,
    norm2: LayerNorm,
    widen: Linear,
    narrow: Linear,
}

impl Block {
    /// Creates a block with an MLP of `mlp_ratio * d` hidden units; `d` is a multiple of `n_heads`.
    pub fn new(d: usize, n_heads: usize, mlp_ratio: usize, stream: &Stream, dtype: DType) -> Self {
        let hidden = mlp_ratio * d;
        Self {
            norm1: LayerNorm::new(d, dtype),
            attention: SelfAttention::new(d, n_heads, &stream.child("attention"), dtype),
            norm2: LayerNorm::new(d, dtype),
            widen: Linear::xavier(d, hidden, &stream.child("widen"), dtype),
            narrow: Linear::xavier(hidden, d, &stream.child("narrow"), dtype),
        }
    }
}

impl Module for Block {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        let attended = self.attention.forward(&self.norm1.forward(x, mode)?, mode)?;
        let x = x.add(&attended)?;
        let hidden = self.widen.forward(&self.norm2.forward(&x, mode)?, mode)?.gelu()?;
        Ok(x.add(&self.narrow.forward(&hidden, mode)?)?)
    }

    /// The output of a block is a representation, because its MLP contains an activation.
    fn is_representation(&self) -> bool {
        true
    }

    fn params(&self) -> Vec<(String, &Param)> {
        params_of([
            ("norm1", &self.norm1),
            ("attn", &self.attention),
            ("norm2", &self.norm2),
            ("mlp.fc1", &self.widen),
            ("mlp.fc2", &self.narrow),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_twelve_d_squared_and_thirteen_d_parameters_in_named_places() {
        let block = Block::new(8, 4, 4, &Stream::new(0, "init"), DType::F32);
        assert_eq!(block.n_params(), 12 * 64 + 13 * 8);
        let names: Vec<String> = block.params().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names[2..6], ["attn.qkv.weight", "attn.qkv.bias", "attn.proj.weight", "attn.proj.bias"]);
        assert_eq!((names[0].as_str(), names[11].as_str()), ("norm1.weight", "mlp.fc2.bias"));
    }
}
