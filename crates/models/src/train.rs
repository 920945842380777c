//! Training a CRE: one forward and one backward pass a step for all three parts.

mod conflict;
mod on_gpu;
mod two_stages;

use std::ops::ControlFlow;

use autograd::{Gradients, Tape, Var};
use tensor::{DType, Indices, Tensor};

use crate::cre::Losses;
use crate::error::weight_of_reconstruction;
use crate::mixing::{Mixer, Mixing};
use crate::slots::refuse_shared;
use crate::tally::{EpochTally, StepReport, in_words};
use crate::{Adam, AdamConfig, Cre, Error, Example, Mode, Module, Part, Result};
use on_gpu::OnGpu;

pub use conflict::Conflict;

/// A model in training: an optimiser for each part, the weight of reconstruction, and the rule by which it weighs.
pub struct Trainer<'m> {
    model: &'m Cre,
    optimisers: [Adam; 3],
    config: AdamConfig,
    lambda: f64,
    mixer: Mixer,
    precision: DType,
    on_gpu: Option<OnGpu>,
}

/// One epoch of training, averaged over its steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochReport {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// The number of steps.
    pub steps: usize,
    /// The mean squared error, in training.
    pub mse: f64,
    /// The cross-entropy, in training.
    pub cross_entropy: f64,
    /// The two gradients at z; the cosine is the mean over steps in which neither is zero.
    pub conflict: Conflict,
}

/// How a model does on a set of images, averaged over the images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// The mean squared error of the reconstructions.
    pub mse: f64,
    /// The mean cross-entropy.
    pub cross_entropy: f64,
    /// The share of images whose largest score is that of their class.
    pub accuracy: f64,
    /// The number of images.
    pub n: usize,
}

impl<'m> Trainer<'m> {
    /// A model that has not been trained yet. `lambda` is the weight of reconstruction in [0, 1].
    ///
    /// # Errors
    /// [`Error::Setting`] if `lambda` is outside of it or as [`AdamConfig::check`]; [`Error::Shared`] if two parts share a
    /// parameter, which the optimisers of both would step.
    pub fn new(model: &'m Cre, config: AdamConfig, lambda: f64) -> Result<Self> {
        weight_of_reconstruction(lambda)?;
        refuse_shared(Part::ALL.map(|part| (part.name(), model.part(part).params())))?;
        let [encoder, decoder, classifier] =
            Part::ALL.map(|part| Adam::new(&model.part(part).params(), config));
        let (optimisers, mixer) = ([encoder?, decoder?, classifier?], Mixer::weighted(config)?);
        Ok(Self { model, optimisers, config, lambda, mixer, precision: DType::F32, on_gpu: None })
    }

    /// The same with an encoder that descends what this rule makes of the two losses; [`Mixing::Weighted`] is the
    /// default.
    ///
    /// # Errors
    /// [`Error::Setting`] if a setting of the rule makes no sense, or if the latent is split, where there is nothing
    /// to mix.
    pub fn mixing(self, rule: Mixing) -> Result<Self> {
        if self.model.is_split() && rule != Mixing::Weighted {
            let (wanted, got) = ("weighted, as nothing is mixed in a split latent", rule.name().into());
            return Err(Error::Setting { setting: "mixing", wanted, got });
        }
        Ok(Self { mixer: Mixer::new(rule, self.config)?, ..self })
    }

    /// The same for a model of f32 that computes in `BF16`, on tensor cores where there are any; parameters, optimisers,
    /// losses and statistics stay in f32. `F32` is the default.
    ///
    /// # Errors
    /// [`Error::Setting`] for other types: `F16` needs a [`LossScale`](crate::LossScale), which asks the processor in
    /// every step.
    pub fn computing_in(self, precision: DType) -> Result<Self> {
        match precision {
            DType::F32 | DType::BF16 => Ok(Self { precision, ..self }),
            DType::F64 | DType::F16 => {
                let got = precision.to_string();
                Err(Error::Setting { setting: "precision of a trainer", wanted: "f32 or bf16", got })
            }
        }
    }

    /// One step on a batch: images `[n, ...]` and their classes.
    ///
    /// Returns the MSE, the cross-entropy, and the two gradients at z. Where a loss is not finite, nothing has moved.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn step(&mut self, images: &Tensor, labels: &Indices) -> Result<(f64, f64, Conflict)> {
        self.step_on(&Example::from((images.clone(), labels.clone())))
    }

    /// [`Trainer::step`] on images whose target or labels are not their own.
    ///
    /// # Errors
    /// As there.
    pub fn step_on(&mut self, example: &Example) -> Result<(f64, f64, Conflict)> {
        match self.mixer.rule() {
            Mixing::Weighted => self.step_in_one_pass(example),
            _ => self.step_in_two_stages(example),
        }
    }

    fn step_in_one_pass(&mut self, example: &Example) -> Result<(f64, f64, Conflict)> {
        let (gradients, report) = {
            let (tape, example) = self.begin_on(example)?;
            let mode = Mode::Training { step: self.optimisers[0].steps() };
            let losses = self.model.losses_of(&tape, &example, self.lambda, mode)?;
            let gradients = differentiate(&tape, &losses)?;
            let by_z = [&losses.z_for_decoder, &losses.z_for_classifier].map(|z| gradients.of(z));
            let [of_mse, of_cross_entropy] = by_z;
            let conflict = Conflict::between(&[of_mse?], &[of_cross_entropy?]);
            let report = (losses.mse.value().item()?, losses.cross_entropy.value().item()?, conflict);
            // The tape ends here, so that the optimisers find the parameters' storage their own.
            (gradients, report)
        };
        if !(report.0.is_finite() && report.1.is_finite()) {
            return Ok(report);
        }
        for (part, optimiser) in Part::ALL.into_iter().zip(&mut self.optimisers) {
            optimiser.step(&self.model.part(part).params(), &gradients)?;
        }
        Ok(report)
    }

    /// The tape of a step, and its batch in the type in which it is computed.
    fn begin_on(&self, example: &Example) -> Result<(Tape, Example)> {
        let (tape, images) = self.begin(&example.images)?;
        let target = example.target.as_ref().map(|target| self.begin(target)).transpose()?;
        let target = target.map(|(_, target)| target);
        Ok((tape, Example { images, target, labels: example.labels.clone() }))
    }

    /// The tape of a step, and its images in the type in which it is computed.
    fn begin(&self, images: &Tensor) -> Result<(Tape, Tensor)> {
        if self.precision == DType::F32 {
            return Ok((self.tape(), images.clone()));
        }
        let images = Tape::without_gradients().constant(images).to_dtype(self.precision)?.value().clone();
        Ok((self.tape(), images))
    }

    /// An empty tape that computes in the precision of this trainer.
    fn tape(&self) -> Tape {
        match self.precision {
            DType::F32 => Tape::new(),
            precision => Tape::new().mixed(precision),
        }
    }

    /// One epoch over these batches.
    ///
    /// # Errors
    /// [`Error::Diverged`] as soon as a loss is not a finite number; [`Error::NoBatches`] if there are none.
    pub fn epoch(
        &mut self,
        epoch: u32,
        batches: impl IntoIterator<Item = impl Into<Example>>,
    ) -> Result<EpochReport> {
        let mut tally = EpochTally::default();
        for (step, batch) in batches.into_iter().enumerate() {
            let example = batch.into();
            let (mse, cross_entropy, conflict) = self.step_on(&example)?;
            for (loss, value) in [("the MSE", mse), ("the cross-entropy", cross_entropy)] {
                if !value.is_finite() {
                    let first = self.first_non_finite(&example)?;
                    return Err(Error::Diverged { step, loss, value, first });
                }
            }
            tally.add(StepReport { mse, cross_entropy, conflict });
        }
        tally.report(epoch)
    }

    /// The first operation of the step that comes next whose result is not finite, in words.
    fn first_non_finite(&self, example: &Example) -> Result<Option<String>> {
        let (tape, example) = self.begin_on(example)?;
        let tape = tape.detecting_anomalies();
        let mode = Mode::Training { step: self.optimisers[0].steps() };
        self.model.losses_of(&tape, &example, self.lambda, mode)?;
        Ok(in_words(&tape, &self.model.params()))
    }

    /// Trains for `epochs` epochs and reports after each; a report may break off.
    ///
    /// # Errors
    /// As [`Trainer::epoch`].
    pub fn fit<B>(
        &mut self,
        epochs: std::ops::RangeInclusive<u32>,
        batches: impl Fn(u32) -> B,
        mut report: impl FnMut(&EpochReport) -> ControlFlow<()>,
    ) -> Result<()>
    where
        B: IntoIterator<Item = (Tensor, Indices)>,
    {
        for epoch in epochs {
            if report(&self.epoch(epoch, batches(epoch))?).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Everything that has to be stored to go on later with the same bits: parameters, buffers, optimisers, and what
    /// the rule of mixing has learned.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let params = self
            .model
            .params()
            .into_iter()
            .chain(self.model.buffers())
            .map(|(name, param)| (name, param.value()));
        let optimisers = Part::ALL.into_iter().zip(&self.optimisers).flat_map(|(part, optimiser)| {
            let state = optimiser.state().into_iter();
            state.map(move |(name, tensor)| (optimiser_name(part, &name), tensor))
        });
        params.chain(optimisers).chain(self.mixer.state()).collect()
    }

    /// Takes over what [`Trainer::state`] gave.
    ///
    /// # Errors
    /// [`Error::State`] if a tensor is missing or does not fit.
    pub fn load(&mut self, stored: impl Fn(&str) -> Option<Tensor>) -> Result<()> {
        self.model.load(&stored)?;
        // What was recorded rewrites the parameters that were there.
        self.on_gpu = self.on_gpu.take().map(OnGpu::without_step);
        for (part, optimiser) in Part::ALL.into_iter().zip(&mut self.optimisers) {
            optimiser.load(&self.model.part(part).params(), |name| stored(&optimiser_name(part, name)))?;
        }
        self.mixer.load(&stored)
    }
}

fn optimiser_name(part: Part, name: &str) -> String {
    format!("adam.{}.{name}", part.name())
}

/// The gradients of both losses; the latent's are kept for each head.
pub(crate) fn differentiate<'t>(tape: &'t Tape, losses: &Losses<'t>) -> Result<Gradients> {
    tape.keep(&losses.z_for_decoder);
    tape.keep(&losses.z_for_classifier);
    let sum: Var<'t> = losses.mse.add(&losses.cross_entropy)?;
    Ok(tape.backward(&sum)?)
}

/// Evaluates a model on batches of images, with nothing recorded (section 2.4 of the CRE specification).
///
/// # Errors
/// [`Error::NoBatches`] if there are none.
pub fn evaluate(model: &Cre, batches: impl IntoIterator<Item = (Tensor, Indices)>) -> Result<Evaluation> {
    evaluate_in(|_| Mode::Evaluation, model, batches)
}

/// The same with patches removed as in training, always the same ones of the same batch. The MSE is that of the removed
/// patches only, whatever [`MaskedLoss`](crate::MaskedLoss) training counts; of the whole image where none is removed.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_masked(
    model: &Cre,
    batches: impl IntoIterator<Item = (Tensor, Indices)>,
) -> Result<Evaluation> {
    evaluate_in(|batch| Mode::MaskedEvaluation { batch }, model, batches)
}

/// The averages over batches, each in the mode that its number says.
fn evaluate_in(
    mode: impl Fn(u64) -> Mode,
    model: &Cre,
    batches: impl IntoIterator<Item = (Tensor, Indices)>,
) -> Result<Evaluation> {
    let (mut n, mut correct) = (0usize, 0usize);
    let (mut mse, mut cross_entropy) = (0.0, 0.0);
    for (batch, (images, labels)) in batches.into_iter().enumerate() {
        let tape = Tape::without_gradients();
        let losses = model.losses(&tape, &images, &labels, 0.5, mode(batch as u64))?;
        let images_here = labels.len() as f64;
        mse += images_here * losses.mse.value().item()?;
        cross_entropy += images_here * losses.cross_entropy.value().item()?;
        correct += count_correct(losses.logits.value(), &labels);
        n += labels.len();
    }
    if n == 0 {
        return Err(Error::NoBatches);
    }
    let images = n as f64;
    Ok(Evaluation {
        mse: mse / images,
        cross_entropy: cross_entropy / images,
        accuracy: correct as f64 / images,
        n,
    })
}

/// The mean cross-entropy of scores `[n, classes]`, with nothing recorded.
///
/// # Errors
/// If there is not one class for each row.
pub fn mean_cross_entropy(scores: &Tensor, labels: &Indices) -> Result<f64> {
    let tape = Tape::without_gradients();
    Ok(tape.constant(scores).softmax_cross_entropy(labels)?.value().item()?)
}

/// How many rows of scores `[n, classes]` have their first largest score at their label.
pub fn count_correct(logits: &Tensor, labels: &Indices) -> usize {
    let scores = logits.to_f64_vec();
    let classes = logits.shape().last().copied().unwrap_or(1).max(1);
    let rows = scores.chunks_exact(classes).zip(labels.as_slice());
    rows.filter(|(row, label)| {
        let first_largest = (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b]));
        first_largest == Some(**label as usize)
    })
    .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_scores_is_the_prediction() {
        let logits = Tensor::from_vec(vec![1.0f32, 1.0, 0.0, 0.0, 2.0, 2.0], &[2, 3]).unwrap();
        assert_eq!(count_correct(&logits, &Indices::new(vec![0, 2])), 1);
        assert_eq!(count_correct(&logits, &Indices::new(vec![0, 1])), 2);
    }
}
