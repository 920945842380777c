//! Predictive coding: a fully connected CRE trained by relaxation of activities and local learning rules.

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

/// A fully connected CRE trained by predictive coding (`book/cre.md`, section 7, question 1).
///
/// Backpropagation propagates errors through all layers before any weight is updated. In predictive coding (Rao and
/// Ballard, 1999, doi 10.1038/4580; Whittington and Bogacz, 2017, doi 10.1162/NECO_a_00949) each layer has an **activity**
/// `a_l`, which may differ from the **prediction** `f_l(W_l a_(l-1) + b_l)` of the layer below, and all computations are
/// local to neighbouring layers. The **energy** sums the errors of all predictions, here for one image:
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
/// 1. **Predict.** A forward pass sets each activity to its prediction: only the two outputs have errors.
/// 2. **Relax.** The image is clamped at the input and at the decoder's output, the label at the classifier's; all
///    other activities, including z, follow gradient descent on the energy, `a -= rate dE/da`, for a number of steps.
///    Errors spread from the outputs by one layer per step.
/// 3. **Learn.** Each layer's weights follow the gradient of its own term, which depends on the adjacent activities
///    only: error times activity.
///
/// The comparison with the same network trained by [`CreTrainer`](crate::CreTrainer) is fair for these reasons:
///
/// - The output terms are the losses of the CRE, so lambda weights the same two losses. A cross-entropy instead of a
///   squared error models a label by a softmax, as a squared error models a pixel by a Gaussian.
/// - Lambda weights a whole head, as the precision of its error at z, not only its output. A head relaxes and learns on
///   the unweighted `D` or `C` for any lambda, like the heads of a CRE (`book/cre.md`, section 2.2); with a weight at
///   its output only, a decoder with hidden layers would not learn at lambda = 0. `E` still decreases: within a head
///   this is gradient descent on `E` with another rate.
/// - There is one Adam for each part, the same initialisation from the same stream, and the same evaluation.
///
/// The smaller the precision of the outputs, the less the activities move, and the closer the errors of relaxed layers
/// are to the gradients of backpropagation, up to a constant factor. With one relaxation step and a single layer in
/// each part they are equal. The precision thus controls the deviation from backpropagation.
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

/// The configuration of a network and its training. `L` is `Option<f64>` if λ is set later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound(serialize = "L: Serialize"))]
pub struct Config<L = f64> {
    /// The widths of the layers, and the activation of z.
    pub model: fc::Config,
    /// The weight of reconstruction at z, in [0, 1].
    #[serde(serialize_with = "crate::range::probability")]
    pub lambda: L,
    /// The weight of the output losses relative to the errors of the layers. At 1, they are the losses of the CRE; at
    /// half the number of pixels, the reconstruction term is `1/2 |x - prediction|^2`, like the terms of the layers.
    #[serde(serialize_with = "crate::range::positive")]
    pub output_precision: f64,
    /// The relaxation of the activities.
    pub relaxation: Relaxation,
    /// The optimiser of the weights.
    pub optimiser: AdamConfig,
}

impl<L> Config<L> {
    /// The config with this λ.
    #[must_use]
    pub fn with_lambda<M>(self, lambda: M) -> Config<M> {
        let Self { model, lambda: _, output_precision, relaxation, optimiser } = self;
        Config { model, lambda, output_precision, relaxation, optimiser }
    }
}

/// Gradient descent of the activities on the energy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relaxation {
    /// The number of steps; an error spreads by one layer per step.
    #[serde(serialize_with = "crate::range::steps")]
    pub steps: usize,
    /// The step size (learning rate) of the activities. The energy decreases if the rate is below 2 divided by its
    /// largest curvature, which depends mainly on the weights of the widest layers of the decoder: at most 0.05 for
    /// FC-M.
    #[serde(serialize_with = "crate::range::learning_rate")]
    pub rate: f64,
}

impl Config {
    /// Checks the ranges of the settings.
    fn check(&self) -> Result<()> {
        range::PROBABILITY.check("lambda", self.lambda)?;
        let Relaxation { steps, rate } = self.relaxation;
        range::POSITIVE.check("output_precision", self.output_precision)?;
        range::LEARNING_RATE.check("relaxation.rate", rate)?;
        positive(&[("relaxation.steps", steps)])
    }
}

impl PredictiveCoding {
    /// Creates a trainer of a network in 32 bits with the initialisation of [`fc::cre`] from the same stream.
    ///
    /// The reported losses are those of the predictions before relaxation, comparable with those of a
    /// [`CreTrainer`](crate::CreTrainer). The reported conflict is that of the two heads' gradients at z after
    /// relaxation. [`Error::Diverged`] may also name the relaxed energy.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if a setting is out of range; [`Error::Setting`] as in [`fc::cre`].
    pub fn trainer(config: &Config, stream: &Stream) -> Result<Trainer<Self>> {
        Trainer::with_adam(Self::of_type(config, stream, DType::F32)?, config.optimiser)
    }

    fn of_type(config: &Config, stream: &Stream, dtype: DType) -> Result<Self> {
        config.check()?;
        let model = fc::cre(&config.model, stream, dtype)?;
        Ok(Self { model, config: config.clone() })
    }

    /// Relaxes the activities, starting from their predictions. Also returns the energies before each of the first
    /// `n_read` steps, which are copied to the CPU.
    fn relax(
        &self,
        network: &Network<'_>,
        clamped: Clamped<'_>,
        n_read: usize,
    ) -> Result<(Activities<Tensor>, Vec<Reading>)> {
        let Relaxation { steps, rate } = self.config.relaxation;
        // The energy is averaged over images; multiplying by their number makes the rate of each image independent of
        // the batch.
        let rate = rate * clamped.images.shape()[0] as f64;
        let mut activities = network.feed_forward(clamped.images)?;
        let mut readings = Vec::with_capacity(n_read);
        for step in 0..steps {
            let tape = Tape::new();
            let free =
                activities.each_ref().map(|part| part.iter().map(|a| tape.input(a)).collect::<Vec<_>>());
            let energy = network.energy(&free, clamped, Weights::Fixed)?;
            if step < n_read {
                readings.push(energy.reading());
            }
            let gradients = tape.backward(&energy.total()?)?;
            for (activity, free) in activities.iter_mut().flatten().zip(free.iter().flatten()) {
                *activity = gradient_step(activity, gradients.of(free)?, rate)?;
            }
        }
        Ok((activities, readings))
    }

    /// The energy of a batch during relaxation with image and label clamped, averaged over images: before the first
    /// step and after each step. Images are `[n, pixels]`, labels `[n]`.
    ///
    /// # Errors
    /// If a shape does not match.
    pub fn relaxation(&self, images: &Tensor, labels: &Indices) -> Result<Vec<f64>> {
        let clamped = Clamped { images: &rows(images, &self.config.model)?, labels: Some(labels) };
        let network = self.network();
        let (relaxed, readings) = self.relax(&network, clamped, self.config.relaxation.steps)?;
        let tape = Tape::without_gradients();
        let last = network.energy(&held(&tape, &relaxed), clamped, Weights::Fixed)?.reading();
        readings.iter().chain([&last]).map(Reading::energy).collect()
    }

    /// Evaluates the heads after relaxation with the image clamped at input and output and the label free. The
    /// decoder's error, weighted by lambda, then influences z before classification.
    ///
    /// # Errors
    /// [`Error::NoBatches`] if there are none; or if a shape does not match.
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

    /// The latent relaxed as in [`PredictiveCoding::evaluate_relaxed`], and the predictions of the heads from it.
    ///
    /// # Errors
    /// If the shape of the images does not match.
    pub fn represent_relaxed(&self, images: &Tensor) -> Result<Representation> {
        let clamped = Clamped { images: &rows(images, &self.config.model)?, labels: None };
        let ([mut encoder, ..], _) = self.relax(&self.network(), clamped, 0)?;
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
        Part::ALL
            .map(|part| Group { name: Some(part.name()), params: self.model.part(part).params().into() })
            .into()
    }

    fn params(&self) -> Vec<(String, &Param)> {
        self.model.params()
    }

    /// The losses of the predictions, and the energy after relaxation.
    fn losses<'t>(&self, tape: &'t Tape, example: &Example, _: Mode) -> Result<StepLosses<'t>> {
        let clamped =
            Clamped { images: &rows(&example.images, &self.config.model)?, labels: Some(&example.labels) };
        let network = self.network();
        let (relaxed, mut readings) = self.relax(&network, clamped, 1)?;
        let Reading { mse, cross_entropy, .. } = readings.swap_remove(0);
        let energy = network.energy(&held(tape, &relaxed), clamped, Weights::Learned)?;
        let checked: &[Check] = &[
            ("the MSE", |report| report.mse),
            ("the cross-entropy", |report| report.cross_entropy),
            // The losses before weighting.
            ("the relaxed energy", |report| report.loss),
        ];
        Ok(StepLosses {
            total: energy.total()?,
            mse: Some(mse),
            cross_entropy,
            checked,
            z_for_heads: vec![energy.z_for_heads],
        })
    }

    /// The activities have the element type of the weights.
    fn check_precision(&self, precision: Precision) -> Result<()> {
        match precision {
            Precision::F32 => Ok(()),
            other => {
                let got = other.to_string();
                Err(Error::Setting { setting: "precision of predictive coding", expected: "f32", got })
            }
        }
    }
}

/// Evaluates the predictions of a forward pass. In evaluation no output is clamped to a target, so all prediction
/// errors are zero and the forward pass is already the relaxed state.
impl Evaluate for PredictiveCoding {
    fn measure(&self, images: &Tensor, labels: &Indices, mode: Mode) -> Result<Metrics> {
        self.model.measure(images, labels, mode)
    }

    fn represent(&self, images: &Tensor) -> Result<Representation> {
        self.model.represent(images)
    }
}

/// Puts the activities on the tape as constants, so that no derivative passes through two layers. Only z is an input,
/// to measure the gradients of the heads.
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
fn gradient_step(activity: &Tensor, gradient: &Tensor, rate: f64) -> Result<Tensor> {
    let tape = Tape::without_gradients();
    let step = tape.constant(gradient).scale(rate)?;
    Ok(tape.constant(activity).sub(&step)?.value().clone())
}

#[cfg(test)]
mod tests;
