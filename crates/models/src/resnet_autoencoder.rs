//! Residual autoencoders with the stages of ResNet-18 and ResNet-34 (`book/lbr.md`, section 3.10).
//!
//! The encoder has the basic blocks of He et al. (2016, arXiv 1512.03385), the decoder pre-activation blocks (He et
//! al., 2016, arXiv 1603.05027).

use serde::{Deserialize, Serialize};
use tensor::DType;
use tensor::random::Stream;

use crate::error::positive;
use crate::{
    Activation, Autoencoder, BatchNorm, Conv2d, ConvTranspose2d, Error, Flatten, Linear, MaxPool, Residual,
    Result, Sequential, Unflatten,
};

/// The numbers of residual blocks in the four stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Plan {
    /// Two blocks in each stage.
    ResNet18,
    /// 3, 4, 6 and 3 blocks, used in the paper.
    ResNet34,
}

impl Plan {
    fn blocks(self) -> [usize; 4] {
        match self {
            Self::ResNet18 => [2, 2, 2, 2],
            Self::ResNet34 => [3, 4, 6, 3],
        }
    }
}

/// The configuration of a residual autoencoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The numbers of residual blocks in the stages.
    pub plan: Plan,
    /// Channels, rows and columns of an image: 3 x 224 x 224 in the paper. Sides are halved five times.
    pub image: [usize; 3],
    /// The number of latent dimensions.
    pub latent: usize,
    /// The divisor of the stages' channels, which are 64 to 512: 1 in the paper, larger for training on a CPU.
    pub width_divisor: usize,
}

/// The numbers of channels of the four stages.
const WIDTHS: [usize; 4] = [64, 128, 256, 512];

/// The required divisor of the sides of an image: the stem, its pooling and the last three stages each halve the sides.
pub const SIDE_DIVISOR: usize = 32;

/// Builds the autoencoder for images `[n, c, h, w]` with latents `[n, latent]`.
///
/// # Errors
/// If a size is zero, a side is not divisible by 32, or `width_divisor` does not divide 64.
pub fn autoencoder(config: &Config, stream: &Stream, dtype: DType) -> Result<Autoencoder> {
    let Config { plan, image: [channels, h, w], latent, width_divisor } = *config;
    positive(&[("image", channels.min(h).min(w)), ("latent", latent), ("narrower", width_divisor)])?;
    if [h, w].iter().any(|side| !side.is_multiple_of(SIDE_DIVISOR)) {
        let got = format!("{h} x {w}");
        return Err(Error::Setting { setting: "image", expected: "sides divisible by 32", got });
    }
    if !WIDTHS[0].is_multiple_of(width_divisor) {
        let (setting, got) = ("narrower", width_divisor.to_string());
        return Err(Error::Setting { setting, expected: "a divisor of 64", got });
    }
    let widths = WIDTHS.map(|width| width / width_divisor);
    let code = [widths[3], h / SIDE_DIVISOR, w / SIDE_DIVISOR];
    let (blocks, n_code) = (plan.blocks(), code.iter().product());

    let make = Maker { stream: stream.child("encoder"), dtype };
    let encoder = make
        .stages_down(make.stem(channels, widths[0]), blocks, widths)
        .then(Flatten)
        .then_with(&make.stream, |stream| Linear::new(n_code, latent, stream, dtype));

    let make = Maker { stream: stream.child("decoder"), dtype };
    let decoder = Sequential::new()
        .then_with(&make.stream, |stream| Linear::new(latent, n_code, stream, dtype))
        .then(Unflatten(code.to_vec()));
    let decoder = make.image(make.stages_up(decoder, blocks, widths), widths[0], channels);
    Ok(Autoencoder::new(encoder, decoder))
}

/// Builds the layers of a part.
struct Maker {
    stream: Stream,
    dtype: DType,
}

impl Maker {
    /// A 7 x 7 convolution with stride 2, batch norm, ReLU, and 3 x 3 max-pooling with stride 2, which together divide
    /// the sides by 4.
    fn stem(&self, channels: usize, width: usize) -> Sequential {
        Sequential::new()
            .then_with(&self.stream, |stream| {
                Conv2d::without_bias([channels, width], 7, 2, 3, stream, self.dtype)
            })
            .then(BatchNorm::new(width, self.dtype))
            .then(Activation::Relu)
            .then(MaxPool { kernel: 3, stride: 2, padding: 1 })
    }

    /// Appends the stages of basic blocks; the first block of each stage but the first halves the sides.
    fn stages_down(&self, mut layers: Sequential, blocks: [usize; 4], widths: [usize; 4]) -> Sequential {
        let mut width = widths[0];
        for (stage, (n_blocks, outputs)) in blocks.into_iter().zip(widths).enumerate() {
            for block in 0..n_blocks {
                let (channels, halves) = ([width, outputs], stage > 0 && block == 0);
                layers = layers
                    .then_with(&self.stream, |stream| basic_block(channels, halves, stream, self.dtype))
                    .then(Activation::Relu);
                width = outputs;
            }
        }
        layers
    }

    /// Appends the stages in reverse order, with pre-activation blocks. The last block of each stage doubles the sides
    /// and changes the width to that of the next stage; the width of the last stage is unchanged.
    fn stages_up(&self, mut layers: Sequential, blocks: [usize; 4], widths: [usize; 4]) -> Sequential {
        for stage in (0..4).rev() {
            let (width, below) = (widths[stage], widths[stage.saturating_sub(1)]);
            for block in 1..=blocks[stage] {
                let doubled_to = (block == blocks[stage]).then_some(below);
                layers = layers.then_with(&self.stream, |stream| {
                    pre_activation_block(width, doubled_to, stream, self.dtype)
                });
            }
        }
        layers
    }

    /// Appends batch norm, ReLU, a 7 x 7 transposed convolution with stride 2 and a sigmoid: images with doubled sides.
    fn image(&self, layers: Sequential, width: usize, channels: usize) -> Sequential {
        layers
            .then(BatchNorm::new(width, self.dtype))
            .then(Activation::Relu)
            .then_with(&self.stream, |stream| {
                ConvTranspose2d::without_bias([width, channels], 7, [2, 3, 1], stream, self.dtype)
            })
            .then(Activation::Sigmoid)
    }
}

/// Convolution, batch norm, ReLU, convolution and batch norm, plus a skip connection. The caller adds the ReLU after
/// the sum.
fn basic_block([inputs, outputs]: [usize; 2], halves: bool, stream: &Stream, dtype: DType) -> Residual {
    let stride = if halves { 2 } else { 1 };
    let (body_stream, skip_stream) = (stream.child("body"), stream.child("skip"));
    let body = Sequential::new()
        .then_with(&body_stream, |stream| {
            Conv2d::without_bias([inputs, outputs], 3, stride, 1, stream, dtype)
        })
        .then(BatchNorm::new(outputs, dtype))
        .then(Activation::Relu)
        .then_with(&body_stream, |stream| Conv2d::without_bias([outputs, outputs], 3, 1, 1, stream, dtype))
        .then(BatchNorm::new(outputs, dtype));
    if !halves {
        return Residual::new(body);
    }
    let skip = Sequential::new()
        .then_with(&skip_stream, |stream| {
            Conv2d::without_bias([inputs, outputs], 1, stride, 0, stream, dtype)
        })
        .then(BatchNorm::new(outputs, dtype));
    Residual::with_skip(body, skip)
}

/// Norm, ReLU and convolution, twice, plus a skip connection. If the sides are doubled, to `doubled_to` channels, the
/// second convolution is transposed, and the skip branch is norm, ReLU and a 1 x 1 transposed convolution.
fn pre_activation_block(width: usize, doubled_to: Option<usize>, stream: &Stream, dtype: DType) -> Residual {
    let activated = |layers: Sequential| layers.then(BatchNorm::new(width, dtype)).then(Activation::Relu);
    let (body_stream, skip_stream) = (stream.child("body"), stream.child("skip"));
    let same = |stream: &Stream| Conv2d::without_bias([width, width], 3, 1, 1, stream, dtype);
    let body = activated(activated(Sequential::new()).then_with(&body_stream, same));
    let Some(outputs) = doubled_to else {
        return Residual::new(body.then_with(&body_stream, same));
    };
    let doubling = |kernel, padding| {
        move |stream: &Stream| {
            let attributes = [2, padding, 1];
            ConvTranspose2d::without_bias([width, outputs], kernel, attributes, stream, dtype)
        }
    };
    let skip = activated(Sequential::new()).then_with(&skip_stream, doubling(1, 0));
    Residual::with_skip(body.then_with(&body_stream, doubling(3, 1)), skip)
}

#[cfg(test)]
mod tests {
    use tensor::Tensor;

    use super::*;
    use crate::Module;

    fn build(plan: Plan, image: [usize; 3], latent: usize, width_divisor: usize) -> Result<Autoencoder> {
        let config = Config { plan, image, latent, width_divisor };
        autoencoder(&config, &Stream::new(0, "init"), DType::F32)
    }

    /// Parameter counts (fact LBR C14 of `book/lbr.md`). Only the two affine layers depend on the latent, so the counts
    /// of the largest models follow from those of the smallest.
    #[test]
    fn the_parameter_counts_are_those_of_the_specification() {
        const CODE: usize = 512 * 7 * 7;
        let smallest = build(Plan::ResNet34, [3, 224, 224], 1, 1).unwrap();
        assert_eq!(smallest.encoder().n_params(), 21_284_672 + CODE + 1);
        assert_eq!(smallest.decoder().n_params(), 21_288_896 + 2 * CODE);
        let of_latent = |latent: usize| smallest.n_params() + (latent - 1) * (2 * CODE + 1);
        let expected = [
            (128, 49_021_312),
            (256, 55_443_968),
            (512, 68_289_280),
            (640, 74_711_936),
            (1024, 93_979_904),
            (2048, 145_361_152),
            (3072, 196_742_400),
            (4096, 248_123_648),
        ];
        for (latent, count) in expected {
            assert_eq!(of_latent(latent), count, "latent {latent}");
        }
        let [one, two] = [1, 2].map(|latent| build(Plan::ResNet18, [3, 64, 64], latent, 8).unwrap());
        assert_eq!(two.n_params() - one.n_params(), 2 * (64 * 2 * 2) + 1);
    }

    /// The layers of ResNet-18 without its classifier have 11,176,512 parameters.
    #[test]
    fn the_smaller_plan_is_that_of_resnet_18() {
        let model = build(Plan::ResNet18, [3, 32, 32], 1, 1).unwrap();
        assert_eq!(model.encoder().n_params(), 11_176_512 + 512 + 1);
        assert_eq!(model.decoder().n_params(), 11_176_512 + 4_224 + 2 * 512);
    }

    #[test]
    fn reconstructions_have_the_shape_of_the_images() {
        let sides = [[3, 224, 224], [3, 64, 64], [1, 32, 96]];
        for (image, plan) in sides.into_iter().zip([Plan::ResNet34, Plan::ResNet34, Plan::ResNet18]) {
            let model = build(plan, image, 5, 32).unwrap();
            let images = Tensor::full(0.5, &[&[2], image.as_slice()].concat(), DType::F32);
            assert_eq!(model.encode(&images).unwrap().shape(), [2, 5]);
            assert_eq!(model.reconstruct(&images).unwrap().shape(), images.shape());
        }
    }

    #[test]
    fn invalid_settings_are_refused_by_name() {
        let message = |image, latent, width_divisor| {
            build(Plan::ResNet18, image, latent, width_divisor).err().unwrap().to_string()
        };
        assert_eq!(message([3, 64, 48], 8, 16), "image: expected sides divisible by 32, got 64 x 48");
        assert_eq!(message([3, 0, 32], 8, 16), "image: expected at least 1, got 0");
        assert_eq!(message([3, 32, 32], 0, 16), "latent: expected at least 1, got 0");
        assert_eq!(message([3, 32, 32], 8, 0), "narrower: expected at least 1, got 0");
        assert_eq!(message([3, 32, 32], 8, 48), "narrower: expected a divisor of 64, got 48");
    }
}
