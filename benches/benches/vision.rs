//! Five small vision models for the comparison with other frameworks.

use autograd::{Param, Var};
use models::{
    Activation, Autoencoder, BatchNorm, Block, ClassToken, Conv2d, ConvTranspose2d, Cre, Flatten,
    GlobalMaxPool, LayerNorm, Linear, MaxPool, Mode, Module, PatchEmbedding, Residual, Result, Sequential,
    Unflatten, Unpatchify, init,
};
use tensor::DType;
use tensor::random::Stream;

const DTYPE: DType = DType::F32;

/// Affine layers of these widths with ReLU between them.
fn perceptron(widths: &[usize], stream: &Stream) -> Sequential {
    let mut layers = Sequential::new();
    for pair in widths.windows(2) {
        if !layers.is_empty() {
            layers = layers.then(Activation::Relu);
        }
        layers = layers.then_with(stream, |stream| Linear::new(pair[0], pair[1], stream, DTYPE));
    }
    layers
}

/// 784-1000-500-64 and back, and one affine layer from the latent to ten classes.
pub(crate) fn mlp_ae(stream: &Stream) -> Cre {
    let encoder = perceptron(&[784, 1000, 500, 64], &stream.child("encoder"));
    let decoder = perceptron(&[64, 500, 1000, 784], &stream.child("decoder"));
    Cre::new(encoder, decoder, perceptron(&[64, 10], &stream.child("classifier")), &[784])
}

/// Three convolutions of stride 2 to a latent of 128 dimensions, and three transposed ones back.
pub(crate) fn cnn_cre(stream: &Stream) -> Cre {
    let (of_encoder, of_decoder) = (stream.child("encoder"), stream.child("decoder"));
    let mut encoder = Sequential::new();
    for pair in [3, 32, 64, 128].windows(2) {
        let conv = |stream: &Stream| Conv2d::new([pair[0], pair[1]], 3, 2, 1, stream, DTYPE);
        encoder = encoder.then_with(&of_encoder, conv).then(Activation::Relu);
    }
    let latent = |stream: &Stream| Linear::new(2048, 128, stream, DTYPE);
    let encoder = encoder.then(Flatten).then_with(&of_encoder, latent);
    let start = |stream: &Stream| Linear::new(128, 2048, stream, DTYPE);
    let mut decoder = Sequential::new().then_with(&of_decoder, start).then(Unflatten(vec![128, 4, 4]));
    for pair in [128, 64, 32, 3].windows(2) {
        let conv = |stream: &Stream| ConvTranspose2d::new([pair[0], pair[1]], [2, 1, 1], stream, DTYPE);
        decoder = decoder.then(Activation::Relu).then_with(&of_decoder, conv);
    }
    Cre::new(encoder, decoder, perceptron(&[128, 10], &stream.child("classifier")), &[3, 32, 32])
}

const WIDTH: usize = 192;
const HEADS: usize = 3;
const PATCH: usize = 4;
const SIDE: usize = 32;
const TOKENS: usize = (SIDE / PATCH) * (SIDE / PATCH);

/// Six blocks over a class token and 64 patches, a latent of 128 dimensions, two blocks back.
pub(crate) fn vit_cre(stream: &Stream) -> Cre {
    let blocks = |mut layers: Sequential, depth: usize, stream: &Stream| {
        for _ in 0..depth {
            layers = layers.then_with(stream, |stream| Block::new(WIDTH, HEADS, 4, stream, DTYPE));
        }
        layers
    };
    let of = |part: &str, layer: &str| stream.child(part).child(layer);
    let encoder = Sequential::new()
        .then(PatchEmbedding::new(PATCH, 3, WIDTH, &of("encoder", "patches"), DTYPE))
        .then(ClassToken::new(WIDTH, &of("encoder", "class token"), DTYPE))
        .then(Positions::new(1 + TOKENS, &of("encoder", "positions")));
    let encoder = blocks(encoder, 6, &stream.child("encoder"))
        .then(FirstToken)
        .then(LayerNorm::new(WIDTH, DTYPE))
        .then(Linear::new(WIDTH, 128, &of("encoder", "latent"), DTYPE));
    let decoder = Sequential::new()
        .then(Linear::new(128, WIDTH, &of("decoder", "latent"), DTYPE))
        .then(Positions::new(TOKENS, &of("decoder", "positions")));
    let decoder = blocks(decoder, 2, &stream.child("decoder"))
        .then(LayerNorm::new(WIDTH, DTYPE))
        .then(Linear::new(WIDTH, 3 * PATCH * PATCH, &of("decoder", "pixels"), DTYPE))
        .then(Unpatchify { patch: PATCH, side: SIDE });
    Cre::new(encoder, decoder, perceptron(&[128, 10], &stream.child("classifier")), &[3, SIDE, SIDE])
}

/// DAWNBench's ResNet-9: residual blocks at 128 and 512 channels, a head without bias times 0.125.
pub(crate) fn resnet9(stream: &Stream) -> Sequential {
    let one = |layers: Sequential, channels, stream: &Stream| {
        let layers = norm_after(layers, channels, 3, 1, stream);
        layers.then(Activation::Relu)
    };
    let twice = |width, stream: &Stream| {
        let body = one(Sequential::new(), [width, width], stream);
        Residual::new(one(body, [width, width], stream))
    };
    let mut layers = one(Sequential::new(), [3, 64], stream);
    for (channels, residual) in [([64, 128], true), ([128, 256], false), ([256, 512], true)] {
        layers = one(layers, channels, stream).then(MaxPool::HALVING);
        if residual {
            layers = layers.then_with(stream, |stream| twice(channels[1], stream));
        }
    }
    let head = |stream: &Stream| Linear::without_bias(512, 10, stream, DTYPE);
    layers.then(GlobalMaxPool).then_with(stream, head).then(Scale(0.125))
}

/// ResNet-18 blocks after a 3 x 3 stem, a latent of 128 dimensions, and the mirrored decoder.
pub(crate) fn resnet_ae(stream: &Stream) -> Autoencoder {
    let (of_encoder, of_decoder) = (stream.child("encoder"), stream.child("decoder"));
    let mut encoder = norm_after(Sequential::new(), [3, 64], 3, 1, &of_encoder).then(Activation::Relu);
    for channels in [[64, 64], [64, 128], [128, 256], [256, 512]] {
        let stride = if channels[0] == channels[1] { 1 } else { 2 };
        encoder = basic_block(encoder, channels, stride, &of_encoder);
        encoder = basic_block(encoder, [channels[1]; 2], 1, &of_encoder);
    }
    let latent = |stream: &Stream| Linear::new(512, 128, stream, DTYPE);
    let encoder = encoder.then(GlobalAvgPool).then(Flatten).then_with(&of_encoder, latent);

    let start = |stream: &Stream| Linear::new(128, 8192, stream, DTYPE);
    let mut decoder = Sequential::new().then_with(&of_decoder, start).then(Unflatten(vec![512, 4, 4]));
    for channels in [[512, 256], [256, 128], [128, 64], [64, 64]] {
        decoder = basic_block(decoder, [channels[0]; 2], 1, &of_decoder);
        if channels[0] != channels[1] {
            decoder = decoder.then(Doubled);
        }
        decoder = basic_block(decoder, channels, 1, &of_decoder);
    }
    let pixels = |stream: &Stream| Conv2d::new([64, 3], 3, 1, 1, stream, DTYPE);
    Autoencoder::new(encoder, decoder.then_with(&of_decoder, pixels))
}

/// A convolution without bias, then a batch norm.
fn norm_after(
    layers: Sequential,
    channels: [usize; 2],
    kernel: usize,
    stride: usize,
    stream: &Stream,
) -> Sequential {
    let conv = |stream: &Stream| Conv2d::without_bias(channels, kernel, stride, kernel / 2, stream, DTYPE);
    layers.then_with(stream, conv).then(BatchNorm::new(channels[1], DTYPE))
}

/// Two 3 x 3 convolutions with a skip that follows a change of shape; ReLU after the sum.
fn basic_block(layers: Sequential, channels: [usize; 2], stride: usize, stream: &Stream) -> Sequential {
    let block = |stream: &Stream| {
        let (of_body, of_skip) = (stream.child("body"), stream.child("skip"));
        let body = norm_after(Sequential::new(), channels, 3, stride, &of_body).then(Activation::Relu);
        let body = norm_after(body, [channels[1]; 2], 3, 1, &of_body);
        let skip = match stride == 1 && channels[0] == channels[1] {
            true => Sequential::new(),
            false => norm_after(Sequential::new(), channels, 1, stride, &of_skip),
        };
        Residual::with_skip(body, skip)
    };
    layers.then_with(stream, block).then(Activation::Relu)
}

/// Declares a layer without parameters.
macro_rules! plain_layer {
    ($(#[$doc:meta])* $layer:ident, $x:ident => $y:expr) => {
        $(#[$doc])*
        struct $layer;

        impl Module for $layer {
            fn forward<'t>(&self, $x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
                Ok($y)
            }

            fn params(&self) -> Vec<(String, &Param)> {
                vec![]
            }
        }
    };
}

plain_layer!(
    /// The first token of each example.
    FirstToken, x => x.slice(1, 0, 1)?.reshape(&[x.shape()[0], WIDTH])?
);

plain_layer!(
    /// The mean of each channel.
    GlobalAvgPool, x => x.global_avg_pool()?
);

plain_layer!(
    /// Nearest-neighbour upsampling by 2.
    Doubled, x => {
        let &[n, c, h, w] = x.shape() else { panic!("images have four axes") };
        let pixels = x.reshape(&[n, c, h, 1, w, 1])?.broadcast_to(&[n, c, h, 2, w, 2])?;
        pixels.reshape(&[n, c, 2 * h, 2 * w])?
    }
);

/// Scales the input by a constant.
struct Scale(f64);

impl Module for Scale {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        Ok(x.scale(self.0)?)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![]
    }
}

/// Learned positional embeddings, added to the tokens of each example or to one vector for all of them.
struct Positions(Param);

impl Positions {
    fn new(tokens: usize, stream: &Stream) -> Self {
        Self(init::normal(&[tokens, WIDTH], 0.02, stream, DTYPE).expect("a finite deviation"))
    }
}

impl Module for Positions {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        let shape = [x.shape()[0], self.0.value().shape()[0], WIDTH];
        let tokens = match x.shape() {
            &[n, d] => x.reshape(&[n, 1, d])?.broadcast_to(&shape)?,
            _ => x.clone(),
        };
        Ok(tokens.add(&x.tape().param(&self.0)?.broadcast_to(&shape)?)?)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![("positions".into(), &self.0)]
    }
}
