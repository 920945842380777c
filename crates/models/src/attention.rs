//! The self-attention layer.

use autograd::{Param, Var};
use tensor::DType;
use tensor::random::Stream;

use crate::module::params_of;
use crate::{Linear, Mode, Module, Result};

/// Multi-head self-attention (Vaswani et al., 2017, arXiv 1706.03762) over the tokens `[n, t, d]` of each example: an
/// affine layer to queries, keys and values, attention in each head, and an affine output projection.
///
/// The parameters have the layout of PyTorch: the rows of `qkv.weight: [3 d, d]` are those of the queries, then the
/// keys, then the values, each with the heads in order.
pub struct SelfAttention {
    qkv: Linear,
    proj: Linear,
    n_heads: usize,
}

impl SelfAttention {
    /// Creates a layer for tokens of `d` features, a multiple of `n_heads`.
    pub fn new(d: usize, n_heads: usize, stream: &Stream, dtype: DType) -> Self {
        let qkv = Linear::xavier(d, 3 * d, &stream.child("qkv"), dtype);
        Self { qkv, proj: Linear::xavier(d, d, &stream.child("proj"), dtype), n_heads }
    }
}

impl Module for SelfAttention {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        let attended = self.qkv.forward(x, mode)?.attention(self.n_heads)?;
        self.proj.forward(&attended, mode)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        params_of([("qkv", &self.qkv), ("proj", &self.proj)])
    }
}
