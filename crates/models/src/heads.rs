//! Training the heads of a CRE on an encoder that stays as it is.

use autograd::Tape;
use tensor::Tensor;

use crate::slots::refuse_shared;
use crate::tally::{EpochTally, StepReport, finite};
use crate::train::differentiate;
use crate::{Adam, AdamConfig, Conflict, Cre, EpochReport, Example, Mode, Module, Part, Result};

/// The parts that learn.
const HEADS: [Part; 2] = [Part::Decoder, Part::Classifier];

/// The decoder and the classifier of a model in training, each at full strength, on latents of its encoder in
/// evaluation mode (section 4.2 of the CRE specification, E9 and E10).
pub struct HeadTrainer<'m> {
    model: &'m Cre,
    optimisers: [Adam; 2],
}

impl<'m> HeadTrainer<'m> {
    /// Heads that have not been trained yet.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) as [`AdamConfig::check`]; [`Error::Shared`](crate::Error::Shared) if two
    /// parts share a parameter.
    pub fn new(model: &'m Cre, config: AdamConfig) -> Result<Self> {
        refuse_shared(Part::ALL.map(|part| (part.name(), model.part(part).params())))?;
        let [decoder, classifier] = HEADS.map(|part| Adam::new(&model.part(part).params(), config));
        Ok(Self { model, optimisers: [decoder?, classifier?] })
    }

    /// One epoch over these batches.
    ///
    /// # Errors
    /// As [`Trainer::epoch`](crate::Trainer::epoch).
    pub fn epoch(
        &mut self,
        epoch: u32,
        batches: impl IntoIterator<Item = impl Into<Example>>,
    ) -> Result<EpochReport> {
        let mut tally = EpochTally::default();
        for (step, batch) in batches.into_iter().enumerate() {
            tally.add(self.step(step, &batch.into())?);
        }
        tally.report(epoch)
    }

    fn step(&mut self, step: usize, example: &Example) -> Result<StepReport> {
        let (gradients, report) = {
            let frozen = Tape::without_gradients();
            let z = self.model.encode(&frozen.constant(&example.images), Mode::Evaluation)?;
            let tape = Tape::new();
            // Two inputs of one value, so that each keeps a gradient of its own.
            let handed_out = [tape.input(z.value()), tape.input(z.value())];
            let mode = Mode::Training { step: self.optimisers[0].steps() };
            let losses = self.model.losses_at(handed_out, example, mode)?;
            let gradients = differentiate(&tape, &losses)?;
            let by_z = [&losses.z_for_decoder, &losses.z_for_classifier].map(|z| gradients.of(z));
            let [of_mse, of_cross_entropy] = by_z;
            let report = StepReport {
                mse: finite(step, "the MSE", losses.mse.value().item()?)?,
                cross_entropy: finite(step, "the cross-entropy", losses.cross_entropy.value().item()?)?,
                conflict: Conflict::between(&[of_mse?], &[of_cross_entropy?]),
            };
            // The tape ends here, so that the optimisers find the parameters' storage their own.
            (gradients, report)
        };
        for (part, optimiser) in HEADS.into_iter().zip(&mut self.optimisers) {
            optimiser.step(&self.model.part(part).params(), &gradients)?;
        }
        Ok(report)
    }

    /// Everything that has to be stored to go on later with the same bits, the frozen encoder included.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let params = self.model.params().into_iter().chain(self.model.buffers());
        let params = params.map(|(name, param)| (name, param.value()));
        let optimisers = HEADS.into_iter().zip(&self.optimisers).flat_map(|(part, optimiser)| {
            let state = optimiser.state().into_iter();
            state.map(move |(name, tensor)| (format!("adam.{}.{name}", part.name()), tensor))
        });
        params.chain(optimisers).collect()
    }

    /// Takes over what [`HeadTrainer::state`] gave.
    ///
    /// # Errors
    /// [`Error::State`](crate::Error::State) if a tensor is missing or does not fit.
    pub fn load(&mut self, stored: impl Fn(&str) -> Option<Tensor>) -> Result<()> {
        self.model.load(&stored)?;
        for (part, optimiser) in HEADS.into_iter().zip(&mut self.optimisers) {
            let named = |name: &str| stored(&format!("adam.{}.{name}", part.name()));
            optimiser.load(&self.model.part(part).params(), named)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tensor::random::Stream;
    use tensor::{DType, Indices};

    use super::*;
    use crate::{Architecture, fc, fc::Size};

    #[test]
    fn heads_learn_and_the_encoder_stays_as_it_is() {
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
            HeadTrainer::new(&model, AdamConfig { learning_rate: 1e-2, ..AdamConfig::PAPER }).unwrap();
        let first = trainer.epoch(1, batch()).unwrap();
        for epoch in 2..40 {
            trainer.epoch(epoch, batch()).unwrap();
        }
        let state = trainer.state();
        let last = trainer.epoch(40, batch()).unwrap();
        assert!(last.mse < first.mse && last.cross_entropy < first.cross_entropy, "{first:?} {last:?}");
        assert_eq!(encoder(&model), before);
        trainer.load(|name| state.iter().find(|(own, _)| own == name).map(|(_, t)| t.clone())).unwrap();
        // The optimisers' steps are stored too, so the same epoch gives the same bits.
        assert_eq!(trainer.epoch(40, batch()).unwrap(), last);
    }
}
