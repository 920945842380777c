//! DCAE, the deep convolutional autoencoder (`book/lbr.md`, section 3.10).

use serde::{Deserialize, Serialize};
use tensor::DType;
use tensor::random::Stream;

use crate::error::positive;
use crate::mlp::equally_spaced;
use crate::{Activation, Autoencoder, Conv2d, ConvTranspose2d, Error, Result, Sequential};

/// The configuration of a DCAE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Channels, rows and columns of an image; rows and columns are halved `depth` times.
    pub image: [usize; 3],
    /// The number of **channels** of the latent, which has `latent (h / 2^depth) (w / 2^depth)` dimensions.
    pub latent: usize,
    /// The number of convolutions in the encoder and in the decoder: 3 and 5 in the paper.
    pub depth: usize,
}

/// The channels after the first convolution.
const FIRST_WIDTH: usize = 32;

/// Builds the autoencoder for images `[n, c, h, w]` with latents `[n, latent, h / 2^depth, w / 2^depth]`.
///
/// # Errors
/// If a size is zero, the depth is below 2 or a side is not divisible by `2^depth`.
pub fn autoencoder(config: &Config, stream: &Stream, dtype: DType) -> Result<Autoencoder> {
    let Config { image: [channels, h, w], latent, depth } = *config;
    positive(&[("image", channels.min(h).min(w)), ("latent", latent)])?;
    let mut widths = vec![channels];
    widths.extend(equally_spaced(FIRST_WIDTH, latent, depth)?);
    if [h, w].iter().any(|side| (side.trailing_zeros() as usize) < depth) {
        let got = format!("{h} x {w} with depth {depth}");
        return Err(Error::Setting { setting: "image", expected: "sides divisible by 2^depth", got });
    }
    let mut encoder = Sequential::new();
    for pair in widths.windows(2) {
        if !encoder.is_empty() {
            encoder = encoder.then(Activation::Relu);
        }
        let channels = [pair[0], pair[1]];
        encoder = encoder
            .then_with(&stream.child("encoder"), |stream| Conv2d::new(channels, 3, 2, 1, stream, dtype));
    }
    let mut decoder = Sequential::new();
    for pair in widths.windows(2).rev() {
        if !decoder.is_empty() {
            decoder = decoder.then(Activation::Relu);
        }
        let channels = [pair[1], pair[0]];
        decoder = decoder.then_with(&stream.child("decoder"), |stream| {
            ConvTranspose2d::new(channels, [2, 1, 1], stream, dtype)
        });
    }
    Ok(Autoencoder::new(encoder, decoder.then(Activation::Sigmoid)))
}

#[cfg(test)]
mod tests {
    use tensor::Tensor;

    use super::*;
    use crate::Module;

    fn build(image: [usize; 3], latent: usize, depth: usize) -> Result<Autoencoder> {
        autoencoder(&Config { image, latent, depth }, &Stream::new(0, "init"), DType::F32)
    }

    /// Parameter counts (fact LBR C14 of `book/lbr.md`).
    #[test]
    fn the_parameter_counts_are_those_of_the_specification() {
        for (depth, count) in [(3, 2_666_275), (5, 6_367_587)] {
            assert_eq!(build([3, 32, 32], 512, depth).unwrap().n_params(), count);
        }
    }

    #[test]
    fn the_sides_of_the_code_are_those_of_the_image_over_2_to_the_depth() {
        for (image, depth, code) in
            [([3, 32, 32], 3, [4, 4]), ([3, 32, 32], 5, [1, 1]), ([1, 8, 4], 2, [2, 1])]
        {
            let model = build(image, 6, depth).unwrap();
            let images = Tensor::full(0.5, &[&[2], image.as_slice()].concat(), DType::F32);
            assert_eq!(model.encode(&images).unwrap().shape(), [2, 6, code[0], code[1]]);
            assert_eq!(model.reconstruct(&images).unwrap().shape(), images.shape());
        }
    }

    #[test]
    fn invalid_settings_are_refused_by_name() {
        let message = |built: Result<Autoencoder>| built.err().unwrap().to_string();
        assert_eq!(
            message(build([3, 32, 28], 8, 3)),
            "image: expected sides divisible by 2^depth, got 32 x 28 with depth 3"
        );
        assert!(message(build([3, 32, 32], 8, 6)).ends_with("got 32 x 32 with depth 6"));
        assert_eq!(message(build([3, 0, 32], 8, 3)), "image: expected at least 1, got 0");
        assert_eq!(message(build([3, 32, 32], 0, 3)), "latent: expected at least 1, got 0");
        assert_eq!(message(build([3, 32, 32], 8, 1)), "depth: expected at least 2, got 1");
    }
}
