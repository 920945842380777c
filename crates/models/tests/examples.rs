//! Tests of batches with a separate target, or with partially labelled images.
#![allow(clippy::unwrap_used)]

use agon_models::fc::{Config, Size};
use agon_models::{Architecture, Cre, Example, Mode};
use autograd::Tape;
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

const PIXELS: usize = 12;

fn model() -> Cre {
    let config = Config { pixels: PIXELS, ..Config::of(Size::M, 4) };
    Architecture::Fc(config).build(&Stream::new(1, "init"), DType::F64).unwrap()
}

fn images(n: usize, purpose: &str) -> Tensor {
    let mut words = Stream::new(2, purpose).sequence(0);
    Tensor::from_vec((0..n * PIXELS).map(|_| 2.0 * words.uniform() - 1.0).collect(), &[n, PIXELS]).unwrap()
}

/// The two losses of a batch.
fn losses(example: impl Into<Example>) -> [f64; 2] {
    let tape = Tape::without_gradients();
    let losses = model().losses_of(&tape, &example.into(), 0.5, Mode::Evaluation).unwrap();
    [losses.mse.value().item().unwrap(), losses.cross_entropy.value().item().unwrap()]
}

#[test]
fn the_decoder_reconstructs_the_target_and_not_the_input() {
    let (seen, target) = (images(5, "seen"), images(5, "target"));
    let labels = Indices::new(vec![0, 1, 2, 3, 4]);
    let reconstruction = model().represent(&seen).unwrap().reconstruction.to_f64_vec();
    let squares = reconstruction.iter().zip(target.to_f64_vec()).map(|(x, y)| (x - y) * (x - y));
    let expected = squares.sum::<f64>() / (5 * PIXELS) as f64;
    let [mse, cross_entropy] =
        losses(Example { images: seen.clone(), target: Some(target), labels: labels.clone() });
    assert!((mse - expected).abs() < 1e-12, "{mse} {expected}");
    assert_eq!(cross_entropy, losses((seen, labels))[1]);
}

#[test]
fn images_without_a_label_are_reconstructed_and_not_classified() {
    let all = images(6, "seen");
    let labels = Indices::new(vec![3, 1]);
    let [mse, cross_entropy] = losses(Example { images: all.clone(), target: None, labels: labels.clone() });
    let first = Tensor::from_vec(all.to_f64_vec()[..2 * PIXELS].to_vec(), &[2, PIXELS]).unwrap();
    assert!((cross_entropy - losses((first, labels))[1]).abs() < 1e-12);
    assert_eq!(mse, losses((all, Indices::new(vec![0; 6])))[0]);
}

#[test]
fn a_linear_cre_is_evaluated_by_its_squared_distance_to_the_labels() {
    let model = Architecture::Linear { pixels: PIXELS, classes: 3, latent: 2 };
    let model = model.build(&Stream::new(1, "init"), DType::F64).unwrap();
    let (seen, labels) = (images(4, "seen"), Indices::new(vec![0, 2, 1, 2]));
    let scores = model.represent(&seen).unwrap().logits.to_f64_vec();
    let squares = scores.iter().enumerate().map(|(place, score)| {
        let label = f64::from(u8::from(labels.as_slice()[place / 3] as usize == place % 3));
        (score - label) * (score - label)
    });
    let expected = squares.sum::<f64>() / 12.0;
    let tape = Tape::without_gradients();
    let got = model.losses(&tape, &seen, &labels, 0.3, Mode::Evaluation).unwrap().cross_entropy;
    assert!((got.value().item().unwrap() - expected).abs() < 1e-12);
}
