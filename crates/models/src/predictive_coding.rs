//! Predictive coding: the fully connected CRE, trained by letting its activities relax and by rules local to each layer.

mod energy;

use autograd::{Param, Tape, Var};
use serde::{Deserialize, Serialize};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

use self::energy::{Activities, Clamped, Network, Reading};
use crate::error::positive;
use crate::layers::{Weights, layers, rows};
use crate::range;
use crate::train::{Check, Evaluate, Evaluation, Group, Metrics, Objective, Precision, StepLosses, Trainer};
use crate::{AdamConfig, Cre, Error, Example, Mode, Module, Part, Representation, Result, fc};

/// A fully connected CRE that learns by predictive coding (section 7, question 1, of `book/cre.md`).
///
/// Backpropagation carries an error down through all layers before a weight may move. In predictive coding (Rao and
/// Ballard, 1999; Whittington and Bogacz, 2017) each layer holds an **activity** `a_l` of its own, free to differ from
/// the **prediction** `f_l(W_l a_(l-1) + b_l)` that it gets from below, and knows nothing but its two neighbours. The
/// **energy** is what the errors of all predictions amount to, here for one image:
///
/// ```text
/// E = A + lambda D + (1 - lambda) C
/// A = sum over the layers of the encoder        1/2 |a_l - f_l(W_l a_(l-1) + b_l)|^2
/// D = sum over the hidden layers of the decoder    1/2 |a_l - f_l(..)|^2 + precision * MSE(image, its prediction)
/// C = sum over the hidden layers of the classifier 1/2 |a_l - f_l(..)|^2 + precision * CE(label, its prediction)
/// ```
///
/// A step of training, for a batch of images and labels, is
///
/// 1. **Predict.** One pass up sets each activity to its prediction: no layer is in error but the two outputs.
/// 2. **Relax.** The image is clamped at the input and at the decoder's output, the label at the classifier's; all
///    other activities, z among them, go down the energy, `a -= rate dE/da`, so many times. Errors spread from the
///    outputs, one layer a time.
/// 3. **Learn.** Each layer's weights go down its own term, which depends on the activities below and above it and on
///    nothing else: error times activity.
///
/// What makes this comparable with the same network under [`CreTrainer`](crate::CreTrainer):
///
/// - The outputs' terms are the CRE's losses, so lambda weighs the same two numbers. Cross-entropy in place of a squared
///   error says that a label is drawn from a softmax, as a squared error says that a pixel is drawn from a Gaussian.
/// - lambda weighs all of a head, as the precision of what it says to z, and not its output alone. A head relaxes and
///   learns on `D` or `C` as they stand, whatever lambda, as the heads of a CRE do (`book/cre.md`, 2.2); weighed at
///   its output, a decoder with hidden layers would learn nothing at lambda = 0. `E` still falls: within a head this is
///   descent on `E` with another rate.
/// - One Adam for each part, the same start from the same stream, the same evaluation.
///
/// The smaller the precision of the outputs, the less activities move, and the nearer are the errors of relaxed
/// layers to what backpropagation would have brought, up to one factor; with one step of relaxation and a
/// single layer in each part it is so exactly. How far predictive coding departs from backpropagation is thus a setting.
///
/// ```
/// use agon_models::fc::{self, Size};
/// use agon_models::predictive_coding::{Config, PredictiveCoding, Relaxation};
/// use agon_models::{Activation, AdamConfig};
/// use tensor::random::Stream;
/// use tensor::{DType, Indices, Tensor};
///
/// let config = Config {
///     model: fc::Config {
///         pixels: 4,
///         classes: 2,
///         latent_activation: Activation::Identity,
///         ..fc::Config::of(Size::S, 3)
///     },
///     lambda: 0.5,
///     output_precision: 1.0,
///     relaxation: Relaxation { steps: 20, rate: 0.1 },
///     optimiser: AdamConfig::PAPER,
/// };
/// let mut trainer = PredictiveCoding::trainer(&config, &Stream::new(0, "init"))?;
/// let images = Tensor::from_vec(vec![1.0f32, -1.0, 1.0, -1.0, -1.0, -1.0, 1.0, 1.0], &[2, 4])?;
/// let labels = Indices::new(vec![0, 1]);
///
/// let energies = trainer.objective().relaxation(&images, &labels)?;
/// assert!(energies[20] < energies[0]);
/// let report = trainer.epoch(1, [(images.clone(), labels.clone())])?;
/// assert!(trainer.evaluate([(images, labels)])?.mse < report.mse);
/// # Ok::<(), agon_models::Error>(())
/// ```
pub struct PredictiveCoding {
    model: Cre,
    config: Config,
}

/// What a network is built from and trained by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The widths of the layers, and the activation of z.
    pub model: fc::Config,
    /// The weight of reconstruction at z, in [0, 1].
    #[serde(serialize_with = "crate::range::probability")]
    pub lambda: f64,
    /// How much the losses of the outputs count against the errors of the layers. At 1 they are the CRE's; at half the
    /// number of pixels the image's is `1/2 |x - prediction|^2`, of one kind with the layers'.
    #[serde(serialize_with = "crate::range::positive")]
    pub output_precision: f64,
    /// How the activities relax.
    pub relaxation: Relaxation,
    /// The optimiser of the weights.
    pub optimiser: AdamConfig,
}

/// Gradient descent on the energy by the activities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relaxation {
    /// The number of steps; an error needs one for each layer that it is to reach.
    #[serde(serialize_with = "crate::range::steps")]
    pub steps: usize,
    /// How far activities go down the gradient in each. The energy falls for rates below 2 over its largest curvature,
    /// which the widest decoder's weights dominate: 0.05 and less for FC-M.
    #[serde(serialize_with = "crate::range::learning_rate")]
    pub rate: f64,
}

impl Config {
    /// Refuses what cannot be trained, by name.
    fn check(&self) -> Result<()> {
        range::PROBABILITY.check("lambda", self.lambda)?;
        let Relaxation { steps, rate } = self.relaxation;
        range::POSITIVE.check("output_precision", self.output_precision)?;
        range::LEARNING_RATE.check("relaxation.rate", rate)?;
        positive(&[("relaxation.steps", steps)])
    }
}

impl PredictiveCoding {
    /// A network in 32 bits that starts as [`fc::cre`] does from the same stream, to be trained.
    ///
    /// The losses of a report are those of the predictions, before anything relaxes, and so comparable with those of a
    /// [`CreTrainer`](crate::CreTrainer). Its conflict is that of the two heads' gradients at z in the relaxed state.
    /// [`Error::Diverged`] may name the relaxed energy too.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if a setting is; [`Error::Setting`] as in [`fc::cre`].
    pub fn trainer(config: &Config, stream: &Stream) -> Result<Trainer<Self>> {
        Trainer::with_adam(Self::of_type(config, stream, DType::F32)?, config.optimiser)
    }

    fn of_type(config: &Config, stream: &Stream, dtype: DType) -> Result<Self> {
        config.check()?;
        let model = fc::cre(&config.model, stream, dtype)?;
        Ok(Self { model, config: config.clone() })
    }

    /// Lets the activities go down the energy from their predictions. Also gives the readings before each step.
    fn relax(
        &self,
        network: &Network<'_>,
        clamped: Clamped<'_>,
    ) -> Result<(Activities<Tensor>, Vec<Reading>)> {
        let Relaxation { steps, rate } = self.config.relaxation;
        // The energy is averaged over images, but each image relaxes at the full rate, whatever stands beside it.
        let rate = rate * clamped.images.shape()[0] as f64;
        let mut activities = network.feed_forward(clamped.images)?;
        let mut readings = Vec::with_capacity(steps);
        for _ in 0..steps {
            let tape = Tape::new();
            let free =
                activities.each_ref().map(|part| part.iter().map(|a| tape.input(a)).collect::<Vec<_>>());
            let energy = network.energy(&free, clamped, Weights::Fixed)?;
            readings.push(energy.reading()?);
            let gradients = tape.backward(&energy.descended()?)?;
            for (activity, free) in activities.iter_mut().flatten().zip(free.iter().flatten()) {
                *activity = descend(activity, gradients.of(free)?, rate)?;
            }
        }
        Ok((activities, readings))
    }

    /// The energy of a batch as it relaxes with image and label clamped, averaged over images: before the first step,
    /// and after each. Images are `[n, pixels]`, labels `[n]`.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn relaxation(&self, images: &Tensor, labels: &Indices) -> Result<Vec<f64>> {
        let clamped = Clamped { images: &rows(images, &self.config.model)?, labels: Some(labels) };
        let network = self.network();
        let (relaxed, readings) = self.relax(&network, clamped)?;
        let tape = Tape::without_gradients();
        let last = network.energy(&held(&tape, &relaxed), clamped, Weights::Fixed)?.reading()?;
        Ok(readings.iter().chain([&last]).map(|reading| reading.energy).collect())
    }

    /// Evaluates what the heads make of z once the network has relaxed with the image clamped at both ends and the label
    /// free: the decoder's error has then had its say in z, weighed by lambda, before the label is read.
    ///
    /// # Errors
    /// [`Error::NoBatches`] if there are none; or if a shape does not fit.
    pub fn evaluate_relaxed(
        &self,
        batches: impl IntoIterator<Item = (Tensor, Indices)>,
    ) -> Result<Evaluation> {
        let mut sums = Metrics::default();
        for (images, labels) in batches {
            sums.add(Metrics::of(&self.represent_relaxed(&images)?, &images, &labels)?);
        }
        sums.means()
    }

    /// The latent that has relaxed as [`PredictiveCoding::evaluate_relaxed`] says, and what the heads predict from it.
    ///
    /// # Errors
    /// If the images' shape does not fit.
    pub fn represent_relaxed(&self, images: &Tensor) -> Result<Representation> {
        let clamped = Clamped { images: &rows(images, &self.config.model)?, labels: None };
        let ([mut encoder, ..], _) = self.relax(&self.network(), clamped)?;
        let z = encoder.pop().expect("an encoder has layers");
        let reconstruction = self.model.part(Part::Decoder).output(&z)?.reshape(images.shape())?;
        let logits = self.model.part(Part::Classifier).output(&z)?;
        Ok(Representation { z, reconstruction, logits })
    }

    fn network(&self) -> Network<'_> {
        let Config { model, lambda, output_precision, .. } = &self.config;
        let parts = Part::ALL.map(|part| layers(&self.model, model, part));
        Network { parts, lambda: *lambda, output_precision: *output_precision }
    }
}

impl Objective for PredictiveCoding {
    fn groups(&self) -> Vec<Group<'_>> {
        Part::ALL.map(|part| Group { name: Some(part.name()), params: self.model.part(part).params() }).into()
    }

    fn params(&self) -> Vec<(String, &Param)> {
        self.model.params()
    }

    /// The losses of the predictions, and the energy of the activities that have relaxed from there.
    fn losses<'t>(&self, tape: &'t Tape, example: &Example, _: Mode) -> Result<StepLosses<'t>> {
        let clamped =
            Clamped { images: &rows(&example.images, &self.config.model)?, labels: Some(&example.labels) };
        let network = self.network();
        let (relaxed, readings) = self.relax(&network, clamped)?;
        let Reading { mse, cross_entropy, .. } = readings[0];
        let energy = network.energy(&held(tape, &relaxed), clamped, Weights::Learned)?;
        let number = |value: f64| Tensor::full(value, &[], DType::F64);
        let checked: &[Check] = &[
            ("the MSE", |report| report.mse),
            ("the cross-entropy", |report| report.cross_entropy),
            // Its terms, before lambda weighs them.
            ("the relaxed energy", |report| report.loss),
        ];
        Ok(StepLosses {
            total: energy.descended()?,
            mse: Some(number(mse)),
            cross_entropy: cross_entropy.map(number),
            checked,
            z_for_heads: vec![energy.z_for_heads],
        })
    }

    /// Relaxation reads the energy of each of its steps.
    fn records(&self) -> bool {
        false
    }

    /// Activities relax beside weights of their own type.
    fn check_precision(&self, precision: Precision) -> Result<()> {
        match precision {
            Precision::F32 => Ok(()),
            other => {
                let got = other.to_string();
                Err(Error::Setting { setting: "precision of predictive coding", wanted: "f32", got })
            }
        }
    }
}

/// Of the predictions: z from the image, image and label from z, in one pass up. With both outputs free this is the
/// relaxed state too, since no prediction is in error.
impl Evaluate for PredictiveCoding {
    fn measure(&self, images: &Tensor, labels: &Indices, mode: Mode) -> Result<Metrics> {
        self.model.measure(images, labels, mode)
    }

    fn represent(&self, images: &Tensor) -> Result<Representation> {
        self.model.represent(images)
    }
}

/// Activities that stay where they are while weights learn: constants, so that no derivative passes through two layers.
/// Only z can be asked who pulls at it.
fn held<'t>(tape: &'t Tape, activities: &Activities<Tensor>) -> Activities<Var<'t>> {
    let mut held =
        activities.each_ref().map(|part| part.iter().map(|a| tape.constant(a)).collect::<Vec<_>>());
    let [encoder, ..] = &mut held;
    if let Some(z) = encoder.last_mut() {
        *z = tape.input(z.value());
    }
    held
}

/// `activity - rate * gradient`
fn descend(activity: &Tensor, gradient: &Tensor, rate: f64) -> Result<Tensor> {
    let tape = Tape::without_gradients();
    let step = tape.constant(gradient).scale(rate)?;
    Ok(tape.constant(activity).sub(&step)?.value().clone())
}

#[cfg(test)]
mod tests;
