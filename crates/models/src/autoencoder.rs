//! The autoencoder: an encoder and a decoder, one after the other.

use autograd::{Param, Var};
use tensor::Tensor;

use crate::module::within;
use crate::{Mode, Module, Result, Sequential};

/// An encoder `h = e(x)` and a decoder `d(h)`, which reconstructs images of the encoder's input shape.
///
/// As a [`Module`] it is the reconstruction; parameters are named as in `encoder.0.weight`.
pub struct Autoencoder {
    encoder: Sequential,
    decoder: Sequential,
}

impl Autoencoder {
    /// An autoencoder from its two parts.
    pub fn new(encoder: Sequential, decoder: Sequential) -> Self {
        Self { encoder, decoder }
    }

    /// From the image to the latent.
    pub fn encoder(&self) -> &Sequential {
        &self.encoder
    }

    /// From the latent to the image.
    pub fn decoder(&self) -> &Sequential {
        &self.decoder
    }

    /// The latents of images `[n, c, h, w]` in evaluation, with nothing recorded.
    ///
    /// # Errors
    /// If the images' shape does not fit.
    pub fn encode(&self, images: &Tensor) -> Result<Tensor> {
        self.encoder.output(images)
    }

    /// The reconstructions of images `[n, c, h, w]` in evaluation, with nothing recorded.
    ///
    /// # Errors
    /// If the images' shape does not fit.
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
