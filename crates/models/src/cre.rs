//! The classification-reconstruction encoder (CRE, arXiv 2401.09237): an encoder with a decoder and a classifier on a
//! shared latent.

use autograd::{Param, Tape, Var};
use tensor::{Indices, Tensor};

use crate::range;
use crate::train::StepLosses;
use crate::weights::fitting;
use crate::{Example, Flatten, Masks, Mode, Module, Result, Sequential};

/// A CRE: an encoder `z = e(x)`, a decoder `d(z)` and a classifier `c(z)` (`book/cre.md`, section 2.1).
pub struct Cre {
    encoder: Sequential,
    decoder: Sequential,
    classifier: Sequential,
    image: Vec<usize>,
    masks: Option<Masks>,
    /// The number of latent dimensions reserved for the classifier in a split latent.
    classified: Option<usize>,
    /// Whether the classification loss is the squared error with one-hot labels.
    squared_labels: bool,
}

/// One of the three parts of a [`Cre`], each with its own optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The encoder, from image to latent.
    Encoder,
    /// The decoder, from latent to image.
    Decoder,
    /// The classifier, from latent to logits.
    Classifier,
}

impl Part {
    /// The three parts, in the order of the parameter list.
    pub const ALL: [Self; 3] = [Self::Encoder, Self::Decoder, Self::Classifier];

    /// The prefix of the parameter names of this part.
    pub fn name(self) -> &'static str {
        match self {
            Self::Encoder => "encoder",
            Self::Decoder => "decoder",
            Self::Classifier => "classifier",
        }
    }
}

/// The outputs of a model for a batch.
#[derive(Debug, Clone)]
pub struct Representation {
    /// The latent, `[n, k]`.
    pub z: Tensor,
    /// The reconstruction, in the shape of the images.
    pub reconstruction: Tensor,
    /// The logits, `[n, classes]`.
    pub logits: Tensor,
}

/// The losses of a batch on the tape, and the latents passed to the heads.
#[derive(Debug)]
pub struct Losses<'t> {
    /// The mean squared error of the reconstruction, or of its masked patches.
    pub mse: Var<'t>,
    /// The mean cross-entropy of the classification.
    pub cross_entropy: Var<'t>,
    /// The logits.
    pub logits: Var<'t>,
    /// The latent passed to the decoder; its gradient is that of the MSE alone.
    pub z_for_decoder: Var<'t>,
    /// The latent passed to the classifier; its gradient is that of the cross-entropy alone.
    pub z_for_classifier: Var<'t>,
}

impl<'t> Losses<'t> {
    /// The losses that a training step differentiates and reports.
    pub(crate) fn in_step(self) -> Result<StepLosses<'t>> {
        let Self { mse, cross_entropy, z_for_decoder, z_for_classifier, .. } = self;
        StepLosses::of_heads([&mse, &cross_entropy], vec![[z_for_decoder, z_for_classifier]])
    }
}

impl Cre {
    /// Creates a model from its three parts, for images of this shape: `[pixels]` or `[c, h, w]`.
    pub fn new(encoder: Sequential, decoder: Sequential, classifier: Sequential, image: &[usize]) -> Self {
        Self {
            encoder,
            decoder,
            classifier,
            image: image.to_vec(),
            masks: None,
            classified: None,
            squared_labels: false,
        }
    }

    /// Restricts the reconstruction loss to these masks; the encoder and the decoder must be built with the same masks
    /// (`book/cre.md`, section 3.5).
    pub fn with_masks(self, masks: Masks) -> Self {
        Self { masks: Some(masks), ..self }
    }

    /// Splits the latent (`book/cre.md`, section 7, question 5): the first `classified` of the k dimensions are passed
    /// to the classifier only, and the others to the decoder only. The heads take `[n, classified]` and
    /// `[n, k - classified]`.
    ///
    /// The encoder's gradient at z is then the unweighted gradient of the cross-entropy in the first dimensions and
    /// that of the MSE in the others: lambda has no effect.
    pub fn with_split(self, classified: usize) -> Self {
        Self { classified: Some(classified), ..self }
    }

    /// Replaces the cross-entropy by the mean squared error to one-hot labels, averaged over images and classes
    /// (`book/cre.md`, section 6.3, fact T13).
    pub fn with_squared_labels(self) -> Self {
        Self { squared_labels: true, ..self }
    }

    /// The shape of a batch at the input of the encoder and the output of the decoder.
    fn shape_of(&self, images: &Tensor) -> Vec<usize> {
        let n = images.shape().first().copied().unwrap_or(0);
        [&[n], self.image.as_slice()].concat()
    }

    /// Whether patches of the images are masked in training, so that masked evaluation is possible.
    pub fn is_masked(&self) -> bool {
        self.masks.is_some_and(|masks| masks.remove_any())
    }

    /// Whether the latent is split between the heads.
    pub(crate) fn is_split(&self) -> bool {
        self.classified.is_some()
    }

    /// The latents of a batch of images.
    pub(crate) fn encode<'t>(&self, images: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        self.encoder.forward(&images.reshape(&self.shape_of(images.value()))?, mode)
    }

    /// The dimensions of the latents that the decoder and the classifier take.
    fn read<'t>(&self, [z_for_decoder, z_for_classifier]: [&Var<'t>; 2], mode: Mode) -> Result<[Var<'t>; 2]> {
        let Some(classified) = self.classified else {
            return Ok([z_for_decoder.clone(), z_for_classifier.clone()]);
        };
        let (for_decoder, for_classifier) =
            (Flatten.forward(z_for_decoder, mode)?, Flatten.forward(z_for_classifier, mode)?);
        let k = for_decoder.shape()[1];
        Ok([for_decoder.slice(1, classified, k)?, for_classifier.slice(1, 0, classified)?])
    }

    /// One of the three parts.
    pub fn part(&self, part: Part) -> &Sequential {
        match part {
            Part::Encoder => &self.encoder,
            Part::Decoder => &self.decoder,
            Part::Classifier => &self.classifier,
        }
    }

    /// All parameters, with names such as `encoder.0.weight`.
    pub fn params(&self) -> Vec<(String, &Param)> {
        self.named(|part| part.params())
    }

    /// All buffers (state without gradients), with names such as `encoder.1.running_mean`.
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

    /// Both losses of a batch. The gradients are routed as in `book/cre.md`, section 2.2: the decoder's parameters get
    /// the gradient of the MSE, the classifier's that of the cross-entropy, and the encoder's `lambda` times the first
    /// plus `1 - lambda` times the second.
    ///
    /// Differentiate the **sum** of the two losses: the backward pass combines the gradients at z by `lambda`. The
    /// gradients of a [split](Self::with_split) latent are not combined.
    ///
    /// # Errors
    /// If `lambda` is outside [0, 1] or a shape does not match.
    pub fn losses<'t>(
        &self,
        tape: &'t Tape,
        images: &Tensor,
        labels: &Indices,
        lambda: f64,
        mode: Mode,
    ) -> Result<Losses<'t>> {
        self.losses_of(tape, &Example::from((images.clone(), labels.clone())), lambda, mode)
    }

    /// [`Cre::losses`] for an example with its own reconstruction target and labels.
    pub fn losses_of<'t>(
        &self,
        tape: &'t Tape,
        example: &Example,
        lambda: f64,
        mode: Mode,
    ) -> Result<Losses<'t>> {
        range::PROBABILITY.check("lambda", lambda)?;
        let z = self.encode(&tape.constant(&example.images), mode)?;
        // ANCHOR: losses
        let handed_out = match self.classified {
            None => z.split(lambda)?,
            // Two separate variables, so that each latent has its own gradient.
            Some(_) => [z.reshape(z.shape())?, z.reshape(z.shape())?],
        };
        // ANCHOR_END: losses
        self.losses_at(handed_out, example, mode)
    }

    /// The losses of the two heads for the given latents; the gradient of each latent is that of its own loss.
    pub(crate) fn losses_at<'t>(
        &self,
        [z_for_decoder, z_for_classifier]: [Var<'t>; 2],
        example: &Example,
        mode: Mode,
    ) -> Result<Losses<'t>> {
        let (target, labels) = (example.target(), &example.labels);
        let [for_decoder, mut for_classifier] = self.read([&z_for_decoder, &z_for_classifier], mode)?;
        if labels.len() < for_classifier.shape()[0] {
            for_classifier = for_classifier.slice(0, 0, labels.len())?;
        }
        let images = z_for_decoder.tape().constant(&target.reshape(&self.shape_of(target))?);
        let reconstruction = self.decoder.forward(&for_decoder, mode)?;
        let (n, device) = (reconstruction.shape()[0], reconstruction.value().device());
        let counted = self.masks.map(|masks| masks.counted(mode, n, &device)).transpose()?;
        let mse = match counted.flatten() {
            Some((patch, removed)) => {
                let counted = |images: &Var<'t>| images.patchify(patch)?.gather_rows(&removed);
                counted(&reconstruction)?.mse(&counted(&images)?)?
            }
            None => reconstruction.mse(&images)?,
        };
        let logits = self.classifier.forward(&for_classifier, mode)?;
        let cross_entropy = self.loss_of_scores(&logits, labels)?;
        Ok(Losses { mse, cross_entropy, logits, z_for_decoder, z_for_classifier })
    }

    /// The classification loss for latents and these labels.
    pub(crate) fn classification_loss<'t>(
        &self,
        z: &Var<'t>,
        labels: &Indices,
        mode: Mode,
    ) -> Result<Var<'t>> {
        let [_, for_classifier] = self.read([z, z], mode)?;
        self.loss_of_scores(&self.classifier.forward(&for_classifier, mode)?, labels)
    }

    fn loss_of_scores<'t>(&self, logits: &Var<'t>, labels: &Indices) -> Result<Var<'t>> {
        Ok(match self.squared_labels {
            false => logits.softmax_cross_entropy(labels)?,
            true => logits.one_hot_mse(labels)?,
        })
    }

    /// Computes latents, reconstructions and logits of a batch of unmasked images, without gradients. A split latent is
    /// returned as one tensor.
    ///
    /// # Errors
    /// If the shape of the images does not match.
    pub fn represent(&self, images: &Tensor) -> Result<Representation> {
        let z = self.latents(images)?;
        let [reconstruction, logits] = self.read_out(&z)?;
        let reconstruction = reconstruction.reshape(images.shape())?;
        let z = Flatten.output(&z)?;
        Ok(Representation { z, reconstruction, logits })
    }

    /// The latents of a batch of unmasked images in the shape that the heads take: `[n, k]`, `[n, tokens, d]` or
    /// `[n, c, h, w]`. Nothing is recorded.
    ///
    /// # Errors
    /// If the shape of the images does not match.
    pub fn latents(&self, images: &Tensor) -> Result<Tensor> {
        let tape = Tape::without_gradients();
        Ok(self.encode(&tape.constant(images), Mode::Evaluation)?.value().clone())
    }

    /// Reconstructions and logits for [latents](Self::latents). Nothing is recorded.
    ///
    /// # Errors
    /// If the shape of the latents does not match.
    pub fn read_out(&self, z: &Tensor) -> Result<[Tensor; 2]> {
        let tape = Tape::without_gradients();
        let (z, mode) = (tape.constant(z), Mode::Evaluation);
        let [for_decoder, for_classifier] = self.read([&z, &z], mode)?;
        let reconstruction = self.decoder.forward(&for_decoder, mode)?.value().clone();
        Ok([reconstruction, self.classifier.forward(&for_classifier, mode)?.value().clone()])
    }

    /// The representations of a batch of unmasked images in the layers of the encoder, each `[n, features]`: the
    /// outputs of its activations and blocks, and the latent last. Each is named by its layer's index, such as
    /// `encoder.3`. Nothing is recorded.
    ///
    /// # Errors
    /// If the shape of the images does not match.
    pub fn activations(&self, images: &Tensor) -> Result<Vec<(String, Tensor)>> {
        let (tape, mode) = (Tape::without_gradients(), Mode::Evaluation);
        let last = self.encoder.len().saturating_sub(1);
        let mut all = Vec::new();
        let images = tape.constant(images).reshape(&self.shape_of(images))?;
        self.encoder.walk(&images, mode, |place, layer, x| {
            if place == last || layer.is_representation() {
                all.push((format!("{}.{place}", Part::Encoder.name()), x.clone()));
            }
        })?;
        let flat = |(name, x)| Ok((name, Flatten.forward(&x, mode)?.value().clone()));
        all.into_iter().map(flat).collect()
    }

    /// Loads stored values of all parameters and buffers.
    ///
    /// # Errors
    /// [`Error::State`](crate::Error::State) if one is missing or has another shape or type; in that case nothing has changed.
    pub fn load(&self, stored: impl Fn(&str) -> Option<Tensor>) -> Result<()> {
        let mut values = Vec::new();
        for (name, param) in self.params().into_iter().chain(self.buffers()) {
            let own = param.value();
            values.push((param, fitting(&name, &own, stored(&name))?));
        }
        values.into_iter().try_for_each(|(param, value)| Ok(param.set(value)?))
    }
}
