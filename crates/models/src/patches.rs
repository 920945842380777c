//! Layers that convert images to tokens and back.

use autograd::{Param, Var};
use tensor::DType;
use tensor::random::Stream;

use crate::{Linear, Mode, Module, Result, init};

/// Patch embedding: maps images `[n, c, h, w]` to tokens `[n, t, d]`, an affine function of each patch in row-major
/// order.
///
/// It is a convolution whose kernel and stride are the patch size. The weight is `[d, side * side * c]` with the
/// channel last, which is PyTorch's `[d, c, side, side]` permuted by `(0, 2, 3, 1)`: the elements of a patch are in the
/// order (row, column, channel) here and in the decoder's output.
pub struct PatchEmbedding {
    side: usize,
    linear: Linear,
}

impl PatchEmbedding {
    /// Creates an embedding of patches of `side * side` pixels and `channels` channels into `d` features. The weight is
    /// initialised by [`init::xavier_uniform`], the bias like that of a convolution.
    pub fn new(side: usize, channels: usize, d: usize, stream: &Stream, dtype: DType) -> Self {
        let values = side * side * channels;
        let weight = init::xavier_uniform([d, values], &stream.child("weight"), dtype);
        let bias = init::uniform_by_fan_in(&[d], values, &stream.child("bias"), dtype);
        Self { side, linear: Linear::from_params(weight, bias) }
    }
}

impl Module for PatchEmbedding {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        self.linear.forward(&x.patchify(self.side)?, mode)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        self.linear.params()
    }
}

/// Assembles tokens `[n, t, patch * patch * c]` into square images `[n, c, side, side]`.
#[derive(Debug, Clone, Copy)]
pub struct Unpatchify {
    /// Rows and columns of a patch.
    pub patch: usize,
    /// Rows and columns of an image.
    pub side: usize,
}

impl Module for Unpatchify {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        Ok(x.unpatchify(self.patch, [self.side; 2])?)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![]
    }
}

#[cfg(test)]
mod tests {
    use autograd::Tape;
    use autograd::ops::conv2d::Geometry;

    use super::*;

    #[test]
    fn the_patch_embedding_is_a_convolution_whose_weight_has_its_channels_first() {
        let (side, c, d) = (2, 3, 5);
        let layer = PatchEmbedding::new(side, c, d, &Stream::new(2, "init"), DType::F64);
        let numbers = |shape: &[usize], name| {
            init::normal(shape, 1.0, &Stream::new(3, name), DType::F64).unwrap().value()
        };
        let tape = Tape::new();
        let images = tape.constant(&numbers(&[2, c, 4, 6], "images"));
        let tokens = layer.forward(&images, Mode::Evaluation).unwrap();

        let params = layer.params();
        let [weight, bias] = [params[0].1, params[1].1].map(|param| tape.constant(&param.value()));
        let weight = weight.reshape(&[d, side, side, c]).unwrap().transpose(&[0, 3, 1, 2]).unwrap();
        let convolved = images.conv2d(&weight, &bias, Geometry::square(side, 0)).unwrap();
        let expected = convolved.reshape(&[2, d, 6]).unwrap().transpose(&[0, 2, 1]).unwrap();
        assert_eq!(tokens.shape(), expected.shape());
        for (x, y) in tokens.value().to_f64_vec().iter().zip(expected.value().to_f64_vec()) {
            // Sums of twelve products of normally distributed values, in another order.
            assert!((x - y).abs() < 1e-13, "{x} {y}");
        }
    }
}
