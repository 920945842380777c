//! The models of the shared peers' workloads, which exist for comparison only.

use models::{Activation, Conv2d, ConvTranspose2d, Cre, Flatten, Linear, Sequential};
use tensor::DType;
use tensor::random::Stream;

const DTYPE: DType = DType::F32;

/// Affine layers of these widths with ReLU between them.
fn affine(widths: &[usize], stream: &Stream) -> Sequential {
    let mut layers = Sequential::new();
    for pair in widths.windows(2) {
        if !layers.is_empty() {
            layers = layers.then(Activation::Relu);
        }
        let stream = stream.child(&layers.len().to_string());
        layers = layers.then(Linear::new(pair[0], pair[1], &stream, DTYPE));
    }
    layers
}

/// 784-1000-500-64 and back, and one affine layer from the latent to ten classes.
pub(crate) fn mlp_ae(stream: &Stream) -> Cre {
    let encoder = affine(&[784, 1000, 500, 64], &stream.child("encoder"));
    let decoder = affine(&[64, 500, 1000, 784], &stream.child("decoder"));
    Cre::new(encoder, decoder, affine(&[64, 10], &stream.child("classifier")), &[784])
}

/// Three convolutions of stride 2 to a latent of 128 numbers, and three transposed ones back.
pub(crate) fn cnn_cre(stream: &Stream) -> Cre {
    let of = |part: &str, place: usize| stream.child(part).child(&place.to_string());
    let mut encoder = Sequential::new();
    for pair in [3, 32, 64, 128].windows(2) {
        let stream = of("encoder", encoder.len());
        let conv = Conv2d::new([pair[0], pair[1]], 3, 2, 1, &stream, DTYPE);
        encoder = encoder.then(conv).then(Activation::Relu);
    }
    let stream_of_latent = of("encoder", encoder.len());
    let encoder = encoder.then(Flatten).then(Linear::new(2048, 128, &stream_of_latent, DTYPE));
    let mut decoder = Sequential::new()
        .then(Linear::new(128, 2048, &of("decoder", 0), DTYPE))
        .then(Unflatten([128, 4, 4]));
    for pair in [128, 64, 32, 3].windows(2) {
        let stream = of("decoder", decoder.len());
        let conv = ConvTranspose2d::new([pair[0], pair[1]], [2, 1, 1], &stream, DTYPE);
        decoder = decoder.then(Activation::Relu).then(conv);
    }
    Cre::new(encoder, decoder, affine(&[128, 10], &stream.child("classifier")), &[3, 32, 32])
}

/// Rows of numbers as images of this shape.
struct Unflatten([usize; 3]);

impl models::Module for Unflatten {
    fn forward<'t>(&self, x: &autograd::Var<'t>, _: models::Mode) -> models::Result<autograd::Var<'t>> {
        Ok(x.reshape(&[&x.shape()[..1], &self.0].concat())?)
    }

    fn params(&self) -> Vec<(String, &autograd::Param)> {
        vec![]
    }
}
