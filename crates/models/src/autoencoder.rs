//! Autoencoders.

use autograd::{Param, Var};
use tensor::Tensor;

use crate::module::within;
use crate::{Mode, Module, Result, Sequential};

/// An autoencoder: an encoder `h = e(x)` and a decoder `d(h)` whose output has the shape of the images.
///
/// As a [`Module`], it computes the reconstruction. Parameters have names such as `encoder.0.weight`.
pub struct Autoencoder {
    encoder: Sequential,
    decoder: Sequential,
}

impl Autoencoder {
    /// Creates an autoencoder from its two parts.
    pub fn new(encoder: Sequential, decoder: Sequential) -> Self {
        Self { encoder, decoder }
    }

    /// The encoder, from image to latent.
    pub fn encoder(&self) -> &Sequential {
        &self.encoder
    }

    /// The decoder, from latent to image.
    pub fn decoder(&self) -> &Sequential {
        &self.decoder
    }

    /// The latents of images `[n, c, h, w]` in evaluation mode, without gradients.
    ///
    /// # Errors
    /// If the shape of the images does not match.
    pub fn encode(&self, images: &Tensor) -> Result<Tensor> {
        self.encoder.output(images)
    }

    /// The reconstructions of images `[n, c, h, w]` in evaluation mode, without gradients.
    ///
    /// # Errors
    /// If the shape of the images does not match.
    pub fn reconstruct(&self, images: &Tensor) -> Result<Tensor> {
        self.output(images)
    }
}

impl Module for Autoencoder {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        self.decoder.forward(&self.encoder.forward(x, mode)?, mode)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        within("encoder", self.encoder.params()).chain(within("decoder", self.decoder.params())).collect()
    }

    fn buffers(&self) -> Vec<(String, &Param)> {
        within("encoder", self.encoder.buffers()).chain(within("decoder", self.decoder.buffers())).collect()
    }
}

#[cfg(test)]
mod tests {
    use tensor::DType;
    use tensor::random::Stream;

    use super::*;
    use crate::{BatchNorm, Linear};

    #[test]
    fn the_parts_are_named_and_the_reconstruction_is_the_decoded_latent() {
        let stream = Stream::new(0, "init");
        let encoder = Sequential::new()
            .then_with(&stream, |stream| Linear::new(4, 2, stream, DType::F64))
            .then(BatchNorm::new(2, DType::F64));
        let decoder =
            Sequential::new().then_with(&stream, |stream| Linear::without_bias(2, 4, stream, DType::F64));
        let model = Autoencoder::new(encoder, decoder);
        let names =
            |named: Vec<(String, &Param)>| named.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let expected =
            ["encoder.0.weight", "encoder.0.bias", "encoder.1.weight", "encoder.1.bias", "decoder.0.weight"];
        assert_eq!(names(model.params()), expected);
        assert_eq!(names(model.buffers()), ["encoder.1.running_mean", "encoder.1.running_var"]);

        let x = Tensor::from_vec(vec![0.5, -1.0, 2.0, 0.25], &[1, 4]).unwrap();
        let decoded = model.decoder().output(&model.encode(&x).unwrap()).unwrap();
        assert_eq!(model.reconstruct(&x).unwrap().to_f64_vec(), decoded.to_f64_vec());
    }
}
