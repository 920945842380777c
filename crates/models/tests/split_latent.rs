//! Tests of split latents: some dimensions are reserved for the classifier and the others for the decoder.
#![allow(clippy::unwrap_used)]

use agon_models::fc::{self, Config, Size};
use agon_models::{Activation, AdamConfig, Cre, CreTrainer, Losses, Mode, Module, Part};
use autograd::Tape;
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

const PIXELS: usize = 12;
const K: usize = 5;
const CLASSIFIED: usize = 2;

fn model() -> Cre {
    let latent_activation = Activation::Identity;
    let config = Config { pixels: PIXELS, classes: 3, latent_activation, ..Config::of(Size::M, K) };
    let config = Config { classified: Some(CLASSIFIED), ..config };
    fc::cre(&config, &Stream::new(11, "init"), DType::F64).unwrap()
}

fn batch() -> (Tensor, Indices) {
    let mut words = Stream::new(5, "images").sequence(0);
    let pixels = (0..6 * PIXELS).map(|_| 2.0 * words.uniform() - 1.0).collect();
    (Tensor::from_vec(pixels, &[6, PIXELS]).unwrap(), Indices::new(vec![0, 1, 2, 0, 1, 2]))
}

/// The gradients of the weighted sum of both losses with respect to the encoder's first and last weights.
fn gradients(model: &Cre, lambda: f64, [of_mse, of_cross_entropy]: [f64; 2]) -> [Vec<f64>; 2] {
    let (images, labels) = batch();
    let tape = Tape::new();
    let Losses { mse, cross_entropy, .. } =
        model.losses(&tape, &images, &labels, lambda, Mode::Evaluation).unwrap();
    let total = mse.scale(of_mse).unwrap().add(&cross_entropy.scale(of_cross_entropy).unwrap()).unwrap();
    let gradients = tape.backward(&total).unwrap();
    let params = model.part(Part::Encoder).params();
    ["0.weight", "2.weight"].map(|weight| {
        let (_, param) = params.iter().find(|(name, _)| name == weight).unwrap();
        gradients.param(param).unwrap().to_f64_vec()
    })
}

#[test]
fn the_units_of_one_head_get_no_gradient_of_the_other_loss_for_any_lambda() {
    let model = model();
    let [_, of_mse] = gradients(&model, 0.5, [1.0, 0.0]);
    let [_, of_cross_entropy] = gradients(&model, 0.5, [0.0, 1.0]);
    let unit = of_mse.len() / K;
    let (for_classifier, for_decoder) = (0..CLASSIFIED * unit, CLASSIFIED * unit..K * unit);
    assert!(of_mse[for_classifier.clone()].iter().all(|&gradient| gradient == 0.0));
    assert!(of_cross_entropy[for_decoder.clone()].iter().all(|&gradient| gradient == 0.0));
    for lambda in [0.0, 0.3, 1.0] {
        let [_, of_both] = gradients(&model, lambda, [1.0, 1.0]);
        assert_eq!(of_both[for_classifier.clone()], of_cross_entropy[for_classifier.clone()]);
        assert_eq!(of_both[for_decoder.clone()], of_mse[for_decoder.clone()]);
        assert!(of_both.iter().any(|&gradient| gradient != 0.0));
    }
}

#[test]
fn below_the_latent_the_unweighted_gradients_of_both_losses_are_added() {
    let model = model();
    let [of_mse, _] = gradients(&model, 0.5, [1.0, 0.0]);
    let [of_cross_entropy, _] = gradients(&model, 0.5, [0.0, 1.0]);
    let [of_both, _] = gradients(&model, 0.3, [1.0, 1.0]);
    let largest = of_both.iter().fold(0.0f64, |largest, gradient| largest.max(gradient.abs()));
    assert!(largest.is_finite());
    for ((x, y), both) in of_mse.iter().zip(of_cross_entropy).zip(of_both) {
        // A sum of about a hundred products in another order.
        assert!((x + y - both).abs() <= 100.0 * f64::EPSILON * largest, "{x} + {y}, got {both}");
    }
}

#[test]
fn the_representation_holds_the_whole_latent_and_each_head_reads_its_own_part() {
    let (model, (images, labels)) = (model(), batch());
    let of = model.represent(&images).unwrap();
    assert_eq!(of.z.shape(), [6, K]);
    let z = of.z.to_f64_vec();
    let columns = |from: usize, to: usize| {
        let part: Vec<f64> = z.chunks(K).flat_map(|row| row[from..to].to_vec()).collect();
        Tensor::from_vec(part, &[6, to - from]).unwrap()
    };
    let head = |part: Part, z: Tensor| model.part(part).output(&z).unwrap().to_f64_vec();
    assert_eq!(head(Part::Classifier, columns(0, CLASSIFIED)), of.logits.to_f64_vec());
    assert_eq!(head(Part::Decoder, columns(CLASSIFIED, K)), of.reconstruction.to_f64_vec());
    let tape = Tape::without_gradients();
    let losses = model.losses(&tape, &images, &labels, 0.5, Mode::Evaluation).unwrap();
    assert_eq!(losses.logits.value().to_f64_vec(), of.logits.to_f64_vec());
}

#[test]
fn training_a_split_latent_lowers_both_losses_and_has_no_conflict() {
    let (model, (images, labels)) = (model(), batch());
    let config = AdamConfig { learning_rate: 1e-2, ..AdamConfig::PAPER };
    let mut trainer = CreTrainer::new(&model, config, 1.0).unwrap();
    let mut step = || trainer.step((&images, &labels)).unwrap();
    let first = step();
    assert!(first.conflict.cosine == 0.0 && first.conflict.norm_ratio > 0.0, "{:?}", first.conflict);
    for _ in 0..30 {
        step();
    }
    let last = step();
    assert!(last.mse < first.mse && last.cross_entropy < first.cross_entropy);
}

#[test]
fn a_split_beyond_the_latent_is_an_error() {
    let (images, _) = batch();
    assert!(model().with_split(K + 1).represent(&images).is_err());
}
