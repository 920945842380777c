//! A step in two stages, for rules that ask for both gradients at z before they give the encoder its own.

use autograd::{Gradients, Var};
use tensor::Tensor;

use super::{Conflict, Trainer, differentiate};
use crate::mixing::Step;
use crate::{Example, Mode, Module, Part, Result};

/// What the heads say of latents that they were given as numbers.
pub(super) struct AtLatent {
    /// The losses: the MSE and the cross-entropy.
    losses: [f64; 2],
    classes: usize,
    /// The gradients by the heads' parameters, each of its own loss.
    of_heads: Gradients,
    /// The gradients by z of the MSE and of the cross-entropy, in the shape of z.
    pub(super) by_z: [Tensor; 2],
}

/// The gradients of a step.
struct Differentiated {
    at_latent: AtLatent,
    of_encoder: Gradients,
}

impl Trainer<'_> {
    /// The procedure of section 2.2 of the CRE specification in its own order: the encoder, the heads on a latent that is
    /// a leaf, the mixture of their two gradients, the encoder's backward pass from there; then all optimisers.
    pub(super) fn step_in_two_stages(&mut self, example: &Example) -> Result<(f64, f64, Conflict)> {
        let Differentiated { at_latent, of_encoder } = self.differentiate_in_two_stages(example)?;
        let AtLatent { losses, of_heads, by_z: [of_mse, of_cross_entropy], .. } = at_latent;
        let conflict = Conflict::between(&[&of_mse], &[&of_cross_entropy]);
        if losses.iter().any(|loss| !loss.is_finite()) {
            return Ok((losses[0], losses[1], conflict));
        }
        self.mixer.learn(losses)?;
        for (part, optimiser) in Part::ALL.into_iter().zip(&mut self.optimisers) {
            let gradients = if part == Part::Encoder { &of_encoder } else { &of_heads };
            optimiser.step(&self.model.part(part).params(), gradients)?;
        }
        Ok((losses[0], losses[1], conflict))
    }

    fn differentiate_in_two_stages(&self, example: &Example) -> Result<Differentiated> {
        let number = self.optimisers[0].steps();
        let mode = Mode::Training { step: number };
        let (tape, example) = self.begin_on(example)?;
        let z = self.model.encode(&tape.constant(&example.images), mode)?;
        let at_latent = self.at_latent(&z, &example, mode)?;
        let step = Step { number, lambda: self.lambda, classes: at_latent.classes };
        let mixed = self.mixer.mixed(step, at_latent.by_z.each_ref())?;
        let of_encoder = tape.backward_from(&z, mixed)?;
        Ok(Differentiated { at_latent, of_encoder })
    }

    /// Both losses of a batch at its latents, on a tape of their own, differentiated as far down as z.
    pub(super) fn at_latent(&self, z: &Var<'_>, example: &Example, mode: Mode) -> Result<AtLatent> {
        let tape = self.tape();
        // Two inputs of one value, so that each keeps a gradient of its own.
        let handed_out = [tape.input(z.value()), tape.input(z.value())];
        let losses = self.model.losses_at(handed_out, example, mode)?;
        let of_heads = differentiate(&tape, &losses)?;
        let by_z = [&losses.z_for_decoder, &losses.z_for_classifier].map(|z| of_heads.of(z).cloned());
        let [of_mse, of_cross_entropy] = by_z;
        Ok(AtLatent {
            losses: [losses.mse.value().item()?, losses.cross_entropy.value().item()?],
            classes: losses.logits.shape().last().copied().unwrap_or(0),
            of_heads,
            by_z: [of_mse?, of_cross_entropy?],
        })
    }
}

#[cfg(test)]
mod tests {
    use autograd::Tape;
    use tensor::random::Stream;
    use tensor::{DType, Indices};

    use super::*;
    use crate::{AdamConfig, Cre, cnn};

    /// The gradients of a part's parameters, one after another.
    fn of_part(model: &Cre, part: Part, gradients: &Gradients) -> Vec<f64> {
        let params = model.part(part).params().into_iter();
        params.flat_map(|(_, param)| gradients.param(param).unwrap().to_f64_vec()).collect()
    }

    #[test]
    fn the_paper_s_rule_in_two_stages_gives_the_gradients_of_one_pass() {
        let model = cnn::cnn_s(2, &Stream::new(0, "init"), DType::F64).unwrap();
        let mut words = Stream::new(4, "images").sequence(0);
        let images = (0..6 * 784).map(|_| 2.0 * words.uniform() - 1.0).collect();
        let images = Tensor::from_vec::<f64>(images, &[6, 784]).unwrap();
        let labels = Indices::new((0..6).collect());
        for lambda in [0.0, 0.7, 1.0] {
            let trainer = Trainer::new(&model, AdamConfig::PAPER, lambda).unwrap();
            let Differentiated { at_latent, of_encoder } =
                trainer.differentiate_in_two_stages(&(images.clone(), labels.clone()).into()).unwrap();
            let tape = Tape::new();
            let losses = model.losses(&tape, &images, &labels, lambda, Mode::Training { step: 0 }).unwrap();
            let expected = differentiate(&tape, &losses).unwrap();
            for part in [Part::Decoder, Part::Classifier] {
                assert_eq!(of_part(&model, part, &at_latent.of_heads), of_part(&model, part, &expected));
            }
            let (got, expected) =
                (of_part(&model, Part::Encoder, &of_encoder), of_part(&model, Part::Encoder, &expected));
            let largest = expected.iter().fold(0.0f64, |largest, gradient| largest.max(gradient.abs()));
            assert!(largest.is_finite());
            for (got, expected) in got.iter().zip(&expected) {
                // One mixture whose products may be rounded once more, summed over some thousand places.
                assert!((got - expected).abs() <= 1e3 * f64::EPSILON * largest, "{got} {expected}");
            }
        }
    }
}
