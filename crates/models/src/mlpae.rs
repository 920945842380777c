//! MLPAE, the fully connected autoencoder (`book/lbr.md`, section 3.10).

use serde::{Deserialize, Serialize};
use tensor::DType;
use tensor::random::Stream;

use crate::error::positive;
use crate::mlp::{equally_spaced, through};
use crate::{Activation, Autoencoder, Flatten, Result, Sequential, Unflatten};

/// The configuration of an MLPAE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Channels, rows and columns of an image.
    pub image: [usize; 3],
    /// The number of latent dimensions.
    pub latent: usize,
    /// The number of layer widths of the encoder, including image and latent.
    pub encoder_depth: usize,
    /// The number of layer widths of the decoder, including latent and image.
    pub decoder_depth: usize,
    /// Whether the decoder ends with a sigmoid. In the depth grid (`book/lbr.md`, experiment LBR E8) it does not.
    pub sigmoid: bool,
}

/// Builds the autoencoder for images `[n, c, h, w]` with latents `[n, latent]`.
///
/// # Errors
/// If a size is zero or a depth is below 2.
pub fn autoencoder(config: &Config, stream: &Stream, dtype: DType) -> Result<Autoencoder> {
    let Config { image, latent, encoder_depth, decoder_depth, sigmoid } = *config;
    positive(&image.map(|side| ("image", side)))?;
    positive(&[("latent", latent)])?;
    let inputs = image.iter().product();
    let down = equally_spaced(latent, inputs, encoder_depth)?.into_iter().rev().collect::<Vec<_>>();
    let up = equally_spaced(latent, inputs, decoder_depth)?;
    let encoder = through(Sequential::new().then(Flatten), &down, &stream.child("encoder"), dtype);
    let decoder = through(Sequential::new(), &up, &stream.child("decoder"), dtype);
    let decoder = decoder.then(Unflatten(image.to_vec()));
    Ok(Autoencoder::new(encoder, if sigmoid { decoder.then(Activation::Sigmoid) } else { decoder }))
}

#[cfg(test)]
mod tests {
    use tensor::Tensor;

    use super::*;
    use crate::Module;
    use crate::mlp::count_through;

    const IMAGE: [usize; 3] = [3, 4, 5];

    fn build(latent: usize, depths: [usize; 2], sigmoid: bool) -> Result<Autoencoder> {
        let [encoder_depth, decoder_depth] = depths;
        let config = Config { image: IMAGE, latent, encoder_depth, decoder_depth, sigmoid };
        autoencoder(&config, &Stream::new(0, "init"), DType::F32)
    }

    /// Parameter counts (fact LBR C14 of `book/lbr.md`). The larger models are counted from their widths.
    #[test]
    fn the_parameter_counts_are_those_of_the_specification() {
        let down = |first, last, depth| {
            equally_spaced(first, last, depth).unwrap().into_iter().rev().collect::<Vec<_>>()
        };
        let count = |latent, depth| {
            let (down, up) = (down(latent, 3072, depth), equally_spaced(latent, 3072, depth).unwrap());
            count_through(&down) + count_through(&up)
        };
        assert_eq!(count_through(&down(512, 3072, 3)), 6_426_624);
        assert_eq!([count(512, 3), count(512, 5), count(128, 2)], [12_855_808, 28_992_000, 789_632]);
        assert_eq!(count(128, 12), 71_721_258);

        let paper =
            Config { image: [3, 32, 32], latent: 128, encoder_depth: 2, decoder_depth: 2, sigmoid: true };
        let model = autoencoder(&paper, &Stream::new(0, "init"), DType::F32).unwrap();
        assert_eq!(model.n_params(), 789_632);
        for depths in [[2, 2], [3, 5], [6, 4]] {
            let model = build(7, depths, false).unwrap();
            assert_eq!(model.encoder().n_params(), count_through(&down(7, 60, depths[0])));
            assert_eq!(model.decoder().n_params(), count_through(&equally_spaced(7, 60, depths[1]).unwrap()));
        }
    }

    #[test]
    fn reconstructions_have_the_shape_of_the_images_and_are_below_1_with_the_sigmoid() {
        let images = Tensor::full(100.0, &[2, 3, 4, 5], DType::F32);
        for sigmoid in [true, false] {
            let model = build(7, [2, 3], sigmoid).unwrap();
            assert_eq!(model.encode(&images).unwrap().shape(), [2, 7]);
            let reconstruction = model.reconstruct(&images).unwrap();
            assert_eq!(reconstruction.shape(), images.shape());
            let inside = reconstruction.to_f64_vec().iter().all(|x| (0.0..=1.0).contains(x));
            assert_eq!(inside, sigmoid);
        }
    }

    #[test]
    fn invalid_settings_are_refused_by_name() {
        let message = |built: Result<Autoencoder>| built.err().unwrap().to_string();
        assert_eq!(message(build(0, [2, 2], true)), "latent: expected at least 1, got 0");
        assert_eq!(message(build(7, [1, 2], true)), "depth: expected at least 2, got 1");
        assert_eq!(message(build(7, [2, 0], true)), "depth: expected at least 2, got 0");
        let flat = Config { image: [3, 0, 5], latent: 7, encoder_depth: 2, decoder_depth: 2, sigmoid: true };
        let refused = autoencoder(&flat, &Stream::new(0, "init"), DType::F32);
        assert_eq!(message(refused), "image: expected at least 1, got 0");
    }
}
