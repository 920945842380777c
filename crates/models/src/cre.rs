//! The classification-reconstruction encoder: an encoder with a decoder and a classifier on one latent.

use autograd::{Param, Tape, Var};
use tensor::{Indices, Tensor};

use crate::{Error, Masks, Mode, Module, Result, Sequential};

/// An encoder `z = e(x)`, a decoder `d(z)` and a classifier `c(z)` (section 2.1 of the CRE specification).
pub struct Cre {
    encoder: Sequential,
    decoder: Sequential,
    classifier: Sequential,
    image: Vec<usize>,
    masks: Option<Masks>,
}

/// One of the three parts of a [`Cre`], each of which has an optimiser of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// From the image to the latent.
    Encoder,
    /// From the latent to the image.
    Decoder,
    /// From the latent to the class scores.
    Classifier,
}

impl Part {
    /// The three parts, in the order in which parameters are listed.
    pub const ALL: [Self; 3] = [Self::Encoder, Self::Decoder, Self::Classifier];

    /// The prefix of the names of this part's parameters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Encoder => "encoder",
            Self::Decoder => "decoder",
            Self::Classifier => "classifier",
        }
    }
}

/// What a model makes of a batch.
#[derive(Debug, Clone)]
pub struct Representation {
    /// The latent, `[n, k]`.
    pub z: Tensor,
    /// The reconstruction, in the shape of the images.
    pub reconstruction: Tensor,
    /// The class scores, `[n, classes]`.
    pub logits: Tensor,
}

/// The losses of a batch, on the tape, with the latent as each head saw it.
#[derive(Debug)]
pub struct Losses<'t> {
    /// The mean squared error of the reconstruction, or of the patches of it that the mask says.
    pub mse: Var<'t>,
    /// The mean cross-entropy of the classification.
    pub cross_entropy: Var<'t>,
    /// The class scores.
    pub logits: Var<'t>,
    /// The latent as the decoder saw it; its gradient is that of the MSE alone.
    pub z_for_decoder: Var<'t>,
    /// The latent as the classifier saw it; its gradient is that of the cross-entropy alone.
    pub z_for_classifier: Var<'t>,
}

impl Cre {
    /// A model from its three parts, for images of this shape: `[pixels]` or `[c, h, w]`.
    pub fn new(encoder: Sequential, decoder: Sequential, classifier: Sequential, image: &[usize]) -> Self {
        Self { encoder, decoder, classifier, image: image.to_vec(), masks: None }
    }

    /// The same model with a reconstruction loss that follows these masks, which its encoder and its decoder
    /// follow already (section 3.5 of the CRE specification).
    pub fn with_masks(self, masks: Masks) -> Self {
        Self { masks: Some(masks), ..self }
    }

    /// A batch in the shape that the encoder takes.
    fn shaped(&self, images: &Tensor) -> Result<Tensor> {
        let n = images.shape().first().copied().unwrap_or(0);
        Ok(images.reshape(&[&[n], self.image.as_slice()].concat())?)
    }

    /// One of the three parts.
    pub fn part(&self, part: Part) -> &Sequential {
        match part {
            Part::Encoder => &self.encoder,
            Part::Decoder => &self.decoder,
            Part::Classifier => &self.classifier,
        }
    }

    /// All parameters, named as in `encoder.0.weight`.
    pub fn params(&self) -> Vec<(String, &Param)> {
        self.named(|part| part.params())
    }

    /// What is learned without a gradient, named as in `encoder.1.running_mean`.
    pub fn buffers(&self) -> Vec<(String, &Param)> {
        self.named(|part| part.buffers())
    }

    fn named<'a>(
        &'a self,
        of: impl Fn(&'a Sequential) -> Vec<(String, &'a Param)>,
    ) -> Vec<(String, &'a Param)> {
        let named = |part: Part| {
            let all = of(self.part(part)).into_iter();
            all.map(move |(name, param)| (format!("{}.{name}", part.name()), param))
        };
        Part::ALL.into_iter().flat_map(named).collect()
    }

    /// Both losses of a batch, with gradients routed as section 2.2 says: the decoder's parameters get
    /// those of the MSE, the classifier's those of the cross-entropy, each at full strength, and the
    /// encoder's `lambda` times the first plus `1 - lambda` times the second.
    ///
    /// Differentiate the **sum** of the two losses: the mixing happens at z, on the way back.
    ///
    /// # Errors
    /// If `lambda` is outside [0, 1] or a shape does not fit.
    pub fn losses<'t>(
        &self,
        tape: &'t Tape,
        images: &Tensor,
        labels: &Indices,
        lambda: f64,
        mode: Mode,
    ) -> Result<Losses<'t>> {
        if !(0.0..=1.0).contains(&lambda) {
            let got = lambda.to_string();
            return Err(Error::Setting { setting: "lambda", wanted: "a number in [0, 1]", got });
        }
        let images = tape.constant(&self.shaped(images)?);
        let z = self.encoder.forward(&images, mode)?;
        let [z_for_decoder, z_for_classifier] = z.split(lambda)?;
        let reconstruction = self.decoder.forward(&z_for_decoder, mode)?;
        let mse = match self.masks.and_then(|masks| masks.counted(mode, reconstruction.shape()[0])) {
            Some((patch, removed)) => {
                let counted = |images: &Var<'t>| images.patchify(patch)?.gather_rows(&removed);
                counted(&reconstruction)?.mse(&counted(&images)?)?
            }
            None => reconstruction.mse(&images)?,
        };
        let logits = self.classifier.forward(&z_for_classifier, mode)?;
        let cross_entropy = logits.softmax_cross_entropy(labels)?;
        Ok(Losses { mse, cross_entropy, logits, z_for_decoder, z_for_classifier })
    }

    /// Latent, reconstruction and class scores of a batch of whole images, with nothing recorded.
    ///
    /// # Errors
    /// If the images' shape does not fit.
    pub fn represent(&self, images: &Tensor) -> Result<Representation> {
        let tape = Tape::without_gradients();
        let mode = Mode::Evaluation;
        let z = self.encoder.forward(&tape.constant(&self.shaped(images)?), mode)?;
        let reconstruction = self.decoder.forward(&z, mode)?.value().reshape(images.shape())?;
        let logits = self.classifier.forward(&z, mode)?.value().clone();
        let n = images.shape().first().copied().unwrap_or(0);
        let z = z.value().reshape(&[n, z.value().len() / n.max(1)])?;
        Ok(Representation { z, reconstruction, logits })
    }

    /// Takes over stored values of all parameters and buffers.
    ///
    /// # Errors
    /// [`Error::State`] if one is missing or has another shape or type; then nothing has changed.
    pub fn load(&self, stored: impl Fn(&str) -> Option<Tensor>) -> Result<()> {
        let mut values = Vec::new();
        for (name, param) in self.params().into_iter().chain(self.buffers()) {
            let own = param.value();
            values.push((param, fitting(&name, &own, stored(&name))?));
        }
        values.into_iter().for_each(|(param, value)| param.set(value));
        Ok(())
    }
}

/// The stored tensor, on the device of our own, if it has the shape and type of our own.
pub(crate) fn fitting(name: &str, own: &Tensor, stored: Option<Tensor>) -> Result<Tensor> {
    let describe = |tensor: &Tensor| format!("{} {:?}", tensor.dtype(), tensor.shape());
    match stored {
        Some(stored) if stored.shape() == own.shape() && stored.dtype() == own.dtype() => {
            Ok(stored.to_device(&own.device())?)
        }
        other => Err(Error::State {
            name: name.into(),
            wanted: describe(own),
            got: other.as_ref().map_or_else(|| "nothing".into(), describe),
        }),
    }
}
