//! The recurrent CRE: an encoder with feedback of its previous latent and reconstruction error.

use autograd::{Param, Tape, Var};
use serde::{Deserialize, Serialize};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

use crate::error::positive;
use crate::layers::{Layer, Weights, layers, rows};
use crate::module::{params_of, within};
use crate::range;
use crate::train::{Evaluate, Evaluation, Group, Metrics, Objective, StepLosses, Trainer};
use crate::{AdamConfig, Cre, Example, Linear, Mode, Module, Part, Representation, Result, fc};

/// A fully connected CRE whose encoder runs for several steps (`book/cre.md`, section 7, question 9):
///
/// ```text
/// z_t    = e(x, z_(t-1), error_(t-1))        t = 1 .. T, with shared weights, z_0 = 0 and error_0 = 0
/// xhat_t = d(z_t)
/// error_t = xhat_t - x
/// ```
///
/// The first layer of the encoder is `f(W x + b + U z_(t-1) + V error_(t-1))`, an affine map of the concatenated
/// inputs; its other layers and both heads are those of [`fc::cre`]. The first step has no feedback, so it equals an
/// ordinary CRE; with `T = 1` the model is an ordinary CRE without `U` and `V`.
///
/// Gradients are those of a CRE (`book/cre.md`, section 2.2), backpropagated through all steps: at every z_t the
/// encoder gets `lambda` times the gradient of the MSE and `1 - lambda` times that of the cross-entropy, and each head
/// gets the unweighted gradient of its own loss for the given z_t. Therefore the reconstruction in the feedback uses
/// frozen decoder weights: the encoder gets the gradient of the effect of z_t on later steps, but the decoder gets no
/// gradient through the feedback, because part of it would come from the classification loss.
///
/// ```
/// use agon_models::fc::{self, Size};
/// use agon_models::recurrent::{Config, LossAt, Recurrent};
/// use agon_models::{Activation, AdamConfig};
/// use tensor::random::Stream;
/// use tensor::{Indices, Tensor};
///
/// let config = Config {
///     model: fc::Config {
///         pixels: 4,
///         classes: 2,
///         latent_activation: Activation::Identity,
///         ..fc::Config::of(Size::S, 3)
///     },
///     lambda: 0.5,
///     steps: 3,
///     loss_at: LossAt::EveryStep,
///     optimiser: AdamConfig::PAPER,
/// };
/// let mut trainer = Recurrent::trainer(&config, &Stream::new(0, "init"))?;
/// let images = Tensor::from_vec(vec![1.0f32, -1.0, 1.0, -1.0, -1.0, -1.0, 1.0, 1.0], &[2, 4])?;
/// let labels = Indices::new(vec![0, 1]);
///
/// trainer.epoch(1, [(images.clone(), labels.clone())])?;
/// let of_steps = trainer.objective().evaluate_steps([(images, labels)])?;
/// assert_eq!(of_steps.len(), 3);
/// # Ok::<(), agon_models::Error>(())
/// ```
pub struct Recurrent {
    model: Cre,
    feedback: Option<Feedback>,
    config: Config,
}

/// The configuration of a recurrent CRE and its training. `L` is `Option<f64>` if λ is set later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound(serialize = "L: Serialize"))]
pub struct Config<L = f64> {
    /// The widths of the layers, and the activation of z.
    pub model: fc::Config,
    /// The weight of reconstruction, in [0, 1].
    #[serde(serialize_with = "crate::range::probability")]
    pub lambda: L,
    /// The number T of encoder steps.
    #[serde(serialize_with = "crate::range::steps")]
    pub steps: usize,
    /// The steps whose losses are used in training.
    pub loss_at: LossAt,
    /// The optimiser of the weights.
    pub optimiser: AdamConfig,
}

impl<L> Config<L> {
    /// The config with this λ.
    #[must_use]
    pub fn with_lambda<M>(self, lambda: M) -> Config<M> {
        let Self { model, lambda: _, steps, loss_at, optimiser } = self;
        Config { model, lambda, steps, loss_at, optimiser }
    }
}

/// The steps whose losses are used in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossAt {
    /// The mean over all steps.
    EveryStep,
    /// The last step only.
    LastStep,
}

/// The affine maps of the feedback; they share the bias of the first layer.
struct Feedback {
    latent: Linear,
    error: Linear,
}

/// The losses of a batch on the tape, averaged over the steps selected by [`LossAt`].
struct Losses<'t> {
    mse: Var<'t>,
    cross_entropy: Var<'t>,
    /// The latents of these steps as passed to the decoder and to the classifier.
    z_for_heads: Vec<[Var<'t>; 2]>,
}

impl Recurrent {
    /// Creates a trainer of a network in 32 bits with the initialisation of [`fc::cre`] from the same stream, and
    /// feedback weights by [`init::uniform_by_fan_in`](crate::init::uniform_by_fan_in).
    ///
    /// The reported conflict is that of the heads' gradients at the latents of all steps with losses, concatenated into
    /// one vector, without the gradients from later steps.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) if lambda is out of range; [`Error::Setting`](crate::Error::Setting)
    /// as in [`fc::cre`].
    pub fn trainer(config: &Config, stream: &Stream) -> Result<Trainer<Self>> {
        Trainer::with_adam(Self::of_type(config, stream, DType::F32)?, config.optimiser)
    }

    fn of_type(config: &Config, stream: &Stream, dtype: DType) -> Result<Self> {
        range::PROBABILITY.check("lambda", config.lambda)?;
        positive(&[("steps", config.steps)])?;
        let model = fc::cre(&config.model, stream, dtype)?;
        let width = layers(&model, &config.model, Part::Encoder)[0].width();
        let stream = stream.child("feedback");
        let map = |name, inputs| Linear::without_bias(inputs, width, &stream.child(name), dtype);
        let feedback = (config.steps > 1).then(|| Feedback {
            latent: map("latent", config.model.latent),
            error: map("error", config.model.pixels),
        });
        Ok(Self { model, feedback, config: config.clone() })
    }

    /// The latents z_1 to z_T of images `[n, pixels]`, each `[n, k]`.
    fn latents<'t>(&self, images: &Var<'t>) -> Result<Vec<Var<'t>>> {
        let [encoder, decoder] =
            [Part::Encoder, Part::Decoder].map(|part| layers(&self.model, &self.config.model, part));
        let (first, others) = encoder.split_first().expect("an encoder has layers");
        let of_image = first.affine(images, Weights::Learned)?;
        let mut latents: Vec<Var<'t>> = Vec::with_capacity(self.config.steps);
        for _ in 0..self.config.steps {
            let mut sum = of_image.clone();
            if let (Some(feedback), Some(z)) = (&self.feedback, latents.last()) {
                let decode = |x, layer: &Layer<'_>| layer.predict(&x, Weights::Fixed);
                let error = decoder.iter().try_fold(z.clone(), decode)?.sub(images)?;
                sum = sum
                    .add(&feedback.latent.forward(z, MODE)?)?
                    .add(&feedback.error.forward(&error, MODE)?)?;
            }
            let encode = |x, layer: &Layer<'_>| layer.predict(&x, Weights::Learned);
            latents.push(others.iter().try_fold(first.activate(&sum)?, encode)?);
        }
        Ok(latents)
    }

    /// The losses of a batch: images `[n, pixels]` and labels `[n]`. A training step differentiates their sum.
    fn losses_of<'t>(&self, tape: &'t Tape, images: &Tensor, labels: &Indices) -> Result<Losses<'t>> {
        let images = tape.constant(images);
        let latents = self.latents(&images)?;
        let counted = match self.config.loss_at {
            LossAt::EveryStep => &latents[..],
            LossAt::LastStep => &latents[latents.len() - 1..],
        };
        let (mut mse, mut cross_entropy, mut z_for_heads) = (Vec::new(), Vec::new(), Vec::new());
        for z in counted {
            let [z_for_decoder, z_for_classifier] = z.split(self.config.lambda)?;
            mse.push(self.model.part(Part::Decoder).forward(&z_for_decoder, MODE)?.mse(&images)?);
            let logits = self.model.part(Part::Classifier).forward(&z_for_classifier, MODE)?;
            cross_entropy.push(logits.softmax_cross_entropy(labels)?);
            z_for_heads.push([z_for_decoder, z_for_classifier]);
        }
        Ok(Losses { mse: mean(&mse)?, cross_entropy: mean(&cross_entropy)?, z_for_heads })
    }

    /// Evaluates the heads at every step, in order.
    ///
    /// # Errors
    /// [`Error::NoBatches`](crate::Error::NoBatches) if there are none; or if a shape does not match.
    pub fn evaluate_steps(
        &self,
        batches: impl IntoIterator<Item = (Tensor, Indices)>,
    ) -> Result<Vec<Evaluation>> {
        let mut sums = vec![Metrics::default(); self.config.steps];
        for (images, labels) in batches {
            for (sums, made) in sums.iter_mut().zip(self.represent_steps(&images)?) {
                sums.add(Metrics::of(&made, &images, &labels)?);
            }
        }
        sums.into_iter().map(Metrics::means).collect()
    }

    /// Latents, reconstructions and logits of a batch at every step, in order.
    ///
    /// # Errors
    /// If the shape of the images does not match.
    pub fn represent_steps(&self, images: &Tensor) -> Result<Vec<Representation>> {
        let tape = Tape::without_gradients();
        let latents = self.latents(&tape.constant(&rows(images, &self.config.model)?))?;
        latents.iter().map(|z| self.read(z, images.shape())).collect()
    }

    /// The outputs of the heads for a latent.
    fn read(&self, z: &Var<'_>, image: &[usize]) -> Result<Representation> {
        let head = |part| -> Result<Tensor> { Ok(self.model.part(part).forward(z, MODE)?.value().clone()) };
        let reconstruction = head(Part::Decoder)?.reshape(image)?;
        Ok(Representation { z: z.value().clone(), reconstruction, logits: head(Part::Classifier)? })
    }
}

impl Objective for Recurrent {
    fn groups(&self) -> Vec<Group<'_>> {
        let group = |part: Part| Group {
            name: Some(part.name()),
            params: params(&self.model, &self.feedback, part).into(),
        };
        Part::ALL.map(group).into()
    }

    /// All parameters, with names such as `encoder.0.weight` and `encoder.feedback.error.weight`.
    fn params(&self) -> Vec<(String, &Param)> {
        let of_part = |part: Part| within(part.name(), params(&self.model, &self.feedback, part));
        Part::ALL.into_iter().flat_map(of_part).collect()
    }

    fn losses<'t>(&self, tape: &'t Tape, example: &Example, _: Mode) -> Result<StepLosses<'t>> {
        let images = rows(&example.images, &self.config.model)?;
        let Losses { mse, cross_entropy, z_for_heads } = self.losses_of(tape, &images, &example.labels)?;
        StepLosses::of_heads([&mse, &cross_entropy], z_for_heads)
    }
}

impl Evaluate for Recurrent {
    /// Evaluates the last step.
    fn measure(&self, images: &Tensor, labels: &Indices, _: Mode) -> Result<Metrics> {
        Metrics::of(&self.represent(images)?, images, labels)
    }

    /// Evaluates the last step.
    fn represent(&self, images: &Tensor) -> Result<Representation> {
        let tape = Tape::without_gradients();
        let latents = self.latents(&tape.constant(&rows(images, &self.config.model)?))?;
        self.read(latents.last().expect("there is a step"), images.shape())
    }
}

/// Any mode: no layer of the network depends on it.
const MODE: Mode = Mode::Evaluation;

/// The parameters of a part; the feedback belongs to the encoder.
fn params<'m>(model: &'m Cre, feedback: &'m Option<Feedback>, part: Part) -> Vec<(String, &'m Param)> {
    let mut all = model.part(part).params();
    if let (Part::Encoder, Some(Feedback { latent, error })) = (part, feedback) {
        all.extend(params_of([("feedback.latent", latent), ("feedback.error", error)]));
    }
    all
}

/// The mean of at least one scalar.
fn mean<'t>(values: &[Var<'t>]) -> Result<Var<'t>> {
    let (first, others) = values.split_first().expect("there is a step");
    let sum = others.iter().try_fold(first.clone(), |sum, number| sum.add(number))?;
    Ok(sum.scale(1.0 / values.len() as f64)?)
}

#[cfg(test)]
mod tests;
