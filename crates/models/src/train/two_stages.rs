//! A training step in two stages, for mixing rules that need both gradients at z before the encoder's backward pass.

use autograd::Var;
use tensor::Tensor;

use super::{CreObjective, Pass, Precision};
use crate::mixing::Step;
use crate::{Example, Mode, Result};

/// The forward and backward pass of the heads, with the latents as leaves.
pub(super) struct AtLatent {
    heads: Pass,
    classes: usize,
    /// The gradients of the MSE and of the cross-entropy with respect to z, in the shape of z.
    pub(super) by_z: [Tensor; 2],
}

impl CreObjective<'_> {
    /// The procedure of `book/cre.md`, section 2.2, in its original order: the encoder, the heads on a leaf latent, the
    /// combination of their two gradients at z, and the encoder's backward pass from there.
    pub(super) fn backward_in_two_stages(
        &self,
        precision: Precision,
        example: &Example,
        mode: Mode,
    ) -> Result<Pass> {
        let number = if let Mode::Training { step } = mode { step } else { 0 };
        let tape = precision.tape();
        let z = self.model.encode(&tape.constant(&example.images), mode)?;
        let at_latent = self.at_latent(precision, &z, example, mode)?;
        let step = Step { number, lambda: self.lambda, classes: at_latent.classes };
        let mixed = self.mixer.mixed(step, at_latent.by_z.each_ref())?;
        let heads = at_latent.heads;
        // The encoder is the first group.
        let gradients = heads.gradients.with_first(tape.backward_from(&z, mixed)?);
        Ok(Pass { gradients, ..heads })
    }

    /// Both losses of a batch on a separate tape, differentiated with respect to z.
    pub(super) fn at_latent(
        &self,
        precision: Precision,
        z: &Var<'_>,
        example: &Example,
        mode: Mode,
    ) -> Result<AtLatent> {
        let tape = precision.tape();
        // Two inputs with the same value, so that each has its own gradient.
        let handed_out = [tape.input(z.value()), tape.input(z.value())];
        let losses = self.model.losses_at(handed_out, example, mode)?;
        let classes = losses.logits.shape().last().copied().unwrap_or(0);
        let heads = losses.in_step()?.backward(&tape)?;
        let by_z = heads.by_z.each_ref().map(|pieces| pieces[0].clone());
        Ok(AtLatent { heads, classes, by_z })
    }
}

#[cfg(test)]
mod tests {
    use autograd::{Gradients, Tape};
    use tensor::random::Stream;
    use tensor::{DType, Indices};

    use super::*;
    use crate::train::{CreTrainer, GroupGradients, Objective};
    use crate::{AdamConfig, Cre, Module, Part, cnn};

    /// The concatenated gradients of a part's parameters.
    fn of_part(model: &Cre, part: Part, gradients: &Gradients) -> Vec<f64> {
        let params = model.part(part).params().into_iter();
        params.flat_map(|(_, param)| gradients.param(param).unwrap().to_f64_vec()).collect()
    }

    #[test]
    fn the_paper_s_rule_in_two_stages_gives_the_gradients_of_one_pass() {
        let model = cnn::cnn_s(2, 10, &Stream::new(0, "init"), DType::F64).unwrap();
        let mut words = Stream::new(4, "images").sequence(0);
        let images = (0..6 * 784).map(|_| 2.0 * words.uniform() - 1.0).collect();
        let images = Tensor::from_vec::<f64>(images, &[6, 784]).unwrap();
        let labels = Indices::new((0..6).collect());
        for lambda in [0.0, 0.7, 1.0] {
            let trainer = CreTrainer::new(&model, AdamConfig::PAPER, lambda).unwrap();
            let (objective, example) = (trainer.objective(), Example::from((&images, &labels)));
            let mode = Mode::Training { step: 0 };
            let pass = objective.backward_in_two_stages(Precision::F32, &example, mode).unwrap();
            let GroupGradients::FirstApart { first: of_encoder, others: of_heads } = &pass.gradients else {
                panic!("the encoder has a backward pass of its own")
            };
            let tape = Tape::new();
            let expected = objective.losses(&tape, &example, mode).unwrap().backward(&tape).unwrap();
            let expected = expected.gradients.of(0);
            for part in [Part::Decoder, Part::Classifier] {
                assert_eq!(of_part(&model, part, of_heads), of_part(&model, part, expected));
            }
            let (got, expected) =
                (of_part(&model, Part::Encoder, of_encoder), of_part(&model, Part::Encoder, expected));
            let largest = expected.iter().fold(0.0f64, |largest, gradient| largest.max(gradient.abs()));
            assert!(largest.is_finite());
            for (got, expected) in got.iter().zip(&expected) {
                // Each element of the gradient at z may have one more rounding; the sums are over about a thousand
                // positions.
                assert!((got - expected).abs() <= 1e3 * f64::EPSILON * largest, "{got} {expected}");
            }
        }
    }
}
