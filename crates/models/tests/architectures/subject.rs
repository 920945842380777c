//! The test subjects: models with a batch and a loss.

use agon_models::{Autoencoder, Guided, Mode, Module, Result, Sequential};
use autograd::{Param, Tape, Var};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

/// A model with a batch and a loss.
pub(crate) trait Subject: Sync {
    fn params(&self) -> Vec<(String, &Param)>;
    fn buffers(&self) -> Vec<(String, &Param)>;
    fn loss<'t>(&self, tape: &'t Tape, mode: Mode) -> Result<Var<'t>>;
}

/// Images `[n, c, h, w]` with values in [0, 1): each channel of each image is a constant plus noise.
pub(crate) fn images(shape: &[usize], dtype: DType) -> Tensor {
    let mut words = Stream::new(1, "images").sequence(0);
    let plane: usize = shape[2..].iter().product();
    let mut pixels = Vec::new();
    for _ in 0..shape[0] * shape[1] {
        let shade = 0.7 * words.uniform();
        pixels.extend((0..plane).map(|_| shade + 0.3 * words.uniform()));
    }
    Tensor::from_vec::<f64>(pixels, shape).unwrap().to_dtype(dtype)
}

/// Labels for `n` images of this many classes.
pub(crate) fn labels(n: usize, classes: usize) -> Indices {
    Indices::new((0..n).map(|row| (row % classes) as u32).collect())
}

/// A classifier with its cross-entropy.
pub(crate) struct Classified {
    pub(crate) model: Sequential,
    pub(crate) images: Tensor,
    pub(crate) labels: Indices,
}

impl Subject for Classified {
    fn params(&self) -> Vec<(String, &Param)> {
        self.model.params()
    }

    fn buffers(&self) -> Vec<(String, &Param)> {
        self.model.buffers()
    }

    fn loss<'t>(&self, tape: &'t Tape, mode: Mode) -> Result<Var<'t>> {
        let scores = self.model.forward(&tape.constant(&self.images), mode)?;
        Ok(scores.softmax_cross_entropy(&self.labels)?)
    }
}

/// An autoencoder with its mean squared error.
pub(crate) struct Reconstructed {
    pub(crate) model: Autoencoder,
    pub(crate) images: Tensor,
}

impl Subject for Reconstructed {
    fn params(&self) -> Vec<(String, &Param)> {
        self.model.params()
    }

    fn buffers(&self) -> Vec<(String, &Param)> {
        self.model.buffers()
    }

    fn loss<'t>(&self, tape: &'t Tape, mode: Mode) -> Result<Var<'t>> {
        let images = tape.constant(&self.images);
        Ok(self.model.forward(&images, mode)?.mse(&images)?)
    }
}

/// An autoencoder with its probes and their weight.
pub(crate) struct Guidance {
    pub(crate) model: Guided,
    pub(crate) images: Tensor,
    pub(crate) labels: Indices,
    pub(crate) weight: f64,
}

impl Subject for Guidance {
    fn params(&self) -> Vec<(String, &Param)> {
        self.model.params()
    }

    fn buffers(&self) -> Vec<(String, &Param)> {
        self.model.buffers()
    }

    fn loss<'t>(&self, tape: &'t Tape, mode: Mode) -> Result<Var<'t>> {
        Ok(self.model.losses(tape, &self.images, &self.labels, self.weight, mode)?.total)
    }
}
