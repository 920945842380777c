//! Frozen-encoder probes: a decoder and a classifier trained on a fixed encoder.

mod converge;

use autograd::{Param, Tape};
use tensor::{Indices, Tensor};

use super::{Evaluate, Group, Metrics, Objective, StepLosses, Trainer};
use crate::slots::refuse_shared;
use crate::{AdamConfig, Cre, Example, Mode, Module, Part, Representation, Result};

pub use converge::{Convergence, has_converged};

/// The trained parts of the model.
const HEADS: [Part; 2] = [Part::Decoder, Part::Classifier];

/// A trainer of the heads of a CRE on a frozen encoder.
pub type ProbeTrainer<'m> = Trainer<ProbeObjective<'m>>;

/// The decoder and the classifier of a model, each trained on its unweighted loss for latents of its encoder in
/// evaluation mode (`book/cre.md`, section 4.2, experiments E9 and E10).
pub struct ProbeObjective<'m> {
    model: &'m Cre,
    heads: [(Part, Vec<(String, &'m Param)>); 2],
    /// Whether examples contain latents instead of images.
    on_latents: bool,
}

impl<'m> ProbeTrainer<'m> {
    /// Creates a trainer of the heads.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) as [`AdamConfig::check`]; [`Error::Shared`](crate::Error::Shared) if
    /// two parts share a parameter.
    pub fn new(model: &'m Cre, config: AdamConfig) -> Result<Self> {
        Self::of(model, false, config)
    }

    /// [`ProbeTrainer::new`] for examples whose inputs are [latents](Cre::latents), computed once, with the images as
    /// targets: no step evaluates the encoder.
    ///
    /// # Errors
    /// As [`ProbeTrainer::new`].
    pub fn on_latents(model: &'m Cre, config: AdamConfig) -> Result<Self> {
        Self::of(model, true, config)
    }

    fn of(model: &'m Cre, on_latents: bool, config: AdamConfig) -> Result<Self> {
        refuse_shared(Part::ALL.map(|part| (part.name(), model.part(part).params())))?;
        let heads = HEADS.map(|part| (part, model.part(part).params()));
        Self::with_adam(ProbeObjective { model, heads, on_latents }, config)
    }
}

impl Objective for ProbeObjective<'_> {
    fn groups(&self) -> Vec<Group<'_>> {
        Group::of_parts(&self.heads)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        self.model.params()
    }

    fn buffers(&self) -> Vec<(String, &Param)> {
        self.model.buffers()
    }

    fn losses<'t>(&self, tape: &'t Tape, example: &Example, mode: Mode) -> Result<StepLosses<'t>> {
        let z = match self.on_latents {
            true => example.images.clone(),
            false => {
                let frozen = tape.frozen();
                self.model.encode(&frozen.constant(&example.images), Mode::Evaluation)?.value().clone()
            }
        };
        // Two inputs with the same value, so that each has its own gradient.
        let handed_out = [tape.input(&z), tape.input(&z)];
        self.model.losses_at(handed_out, example, mode)?.in_step()
    }
}

impl Evaluate for ProbeObjective<'_> {
    fn measure(&self, images: &Tensor, labels: &Indices, mode: Mode) -> Result<Metrics> {
        self.model.measure(images, labels, mode)
    }

    fn represent(&self, images: &Tensor) -> Result<Representation> {
        self.model.represent(images)
    }
}

#[cfg(test)]
mod tests {
    use tensor::DType;
    use tensor::random::Stream;

    use super::*;
    use crate::{Architecture, fc, fc::Size};

    #[test]
    fn heads_learn_and_the_encoder_is_unchanged() {
        let model = Architecture::Fc(fc::Config { pixels: 12, ..fc::Config::of(Size::M, 4) });
        let model = model.build(&Stream::new(0, "init"), DType::F32).unwrap();
        let mut words = Stream::new(1, "images").sequence(0);
        let images = (0..20 * 12).map(|_| (2.0 * words.uniform() - 1.0) as f32).collect();
        let images = Tensor::from_vec(images, &[20, 12]).unwrap();
        let batch = || [(images.clone(), Indices::new((0..20).map(|row| row % 10).collect()))];
        let encoder = |model: &Cre| -> Vec<Vec<f64>> {
            let params = model.part(Part::Encoder).params();
            params.iter().map(|(_, param)| param.value().to_f64_vec()).collect()
        };
        let before = encoder(&model);
        let mut trainer =
            ProbeTrainer::new(&model, AdamConfig { learning_rate: 1e-2, ..AdamConfig::PAPER }).unwrap();
        let first = trainer.epoch(1, batch()).unwrap();
        for epoch in 2..40 {
            trainer.epoch(epoch, batch()).unwrap();
        }
        let state = trainer.state();
        let last = trainer.epoch(40, batch()).unwrap();
        assert!(last.mse < first.mse && last.cross_entropy < first.cross_entropy, "{first:?} {last:?}");
        assert_eq!(encoder(&model), before);
        trainer.load(|name| state.iter().find(|(own, _)| own == name).map(|(_, t)| t.clone())).unwrap();
        // The optimisers' step counts are stored too, so the same epoch gives the same bits.
        assert_eq!(trainer.epoch(40, batch()).unwrap(), last);
    }
}
