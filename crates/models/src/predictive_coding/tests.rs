//! Tests of predictive coding: decreasing energies, local errors, backpropagation as a limit, and learning.

use super::*;
use crate::fc::Size;
use crate::{Activation, Conflict, Mode, evaluate};

const PIXELS: usize = 12;
const CLASSES: usize = 3;
const N: usize = 6;

fn config(size: Size) -> Config {
    let latent_activation = Activation::Identity;
    Config {
        model: fc::Config { pixels: PIXELS, classes: CLASSES, latent_activation, ..fc::Config::of(size, 4) },
        lambda: 0.5,
        output_precision: 1.0,
        relaxation: Relaxation { steps: 20, rate: 0.02 },
        optimiser: AdamConfig { learning_rate: 1e-2, ..AdamConfig::PAPER },
    }
}

fn network(config: &Config, dtype: DType) -> PredictiveCoding {
    PredictiveCoding::of_type(config, &Stream::new(11, "init"), dtype).unwrap()
}

fn trainer(config: &Config) -> Trainer<PredictiveCoding> {
    PredictiveCoding::trainer(config, &Stream::new(11, "init")).unwrap()
}

fn batch(dtype: DType) -> (Tensor, Indices) {
    let mut words = Stream::new(5, "images").sequence(0);
    let pixels = (0..N * PIXELS).map(|_| 2.0 * words.uniform() - 1.0).collect();
    let labels = (0..N).map(|row| (row % CLASSES) as u32).collect();
    (Tensor::from_vec::<f64>(pixels, &[N, PIXELS]).unwrap().to_dtype(dtype), Indices::new(labels))
}

fn relaxed(network: &PredictiveCoding, images: &Tensor, labels: &Indices) -> Activities<Tensor> {
    network.relax(&network.network(), Clamped { images, labels: Some(labels) }, 0).unwrap().0
}

fn cosine(x: &Tensor, y: &Tensor) -> f64 {
    Conflict::between(&[x], &[y]).cosine
}

/// The cosine similarity of each parameter's gradient with that of backpropagation, by name.
fn agreement_with_backpropagation(network: &PredictiveCoding) -> Vec<(String, f64)> {
    let (images, labels) = batch(DType::F64);
    let activities = relaxed(network, &images, &labels);
    let tape = Tape::new();
    let clamped = Clamped { images: &images, labels: Some(&labels) };
    let energy = network.network().energy(&held(&tape, &activities), clamped, Weights::Learned).unwrap();
    let local = tape.backward(&energy.total().unwrap()).unwrap();

    let tape = Tape::new();
    let losses =
        network.model.losses(&tape, &images, &labels, network.config.lambda, Mode::Evaluation).unwrap();
    let global = tape.backward(&losses.mse.add(&losses.cross_entropy).unwrap()).unwrap();
    let of = |(name, param)| (name, cosine(local.param(param).unwrap(), global.param(param).unwrap()));
    network.params().into_iter().map(of).collect()
}

#[test]
fn relaxation_never_raises_the_energy_at_a_small_rate() {
    let (images, labels) = batch(DType::F64);
    for size in [Size::S, Size::M, Size::L] {
        for (lambda, output_precision) in [(0.0, 1.0), (0.5, 6.0), (1.0, 6.0)] {
            let config = Config { lambda, output_precision, ..config(size) };
            let energies = network(&config, DType::F64).relaxation(&images, &labels).unwrap();
            assert_eq!(energies.len(), 21);
            assert!(energies.windows(2).all(|pair| pair[1] < pair[0]), "{size:?} {lambda}: {energies:?}");
        }
    }
}

#[test]
fn the_energy_starts_as_the_weighted_loss_of_the_predictions() {
    let (images, labels) = batch(DType::F64);
    let config = Config { lambda: 0.3, output_precision: 2.0, ..config(Size::M) };
    let network = network(&config, DType::F64);
    let start = network.relaxation(&images, &labels).unwrap()[0];
    let Evaluation { mse, cross_entropy, .. } = evaluate(&network, [(images, labels)]).unwrap();
    // A few roundings of values near 1.
    assert!((start - 2.0 * (0.3 * mse + 0.7 * cross_entropy)).abs() < 1e-14);
}

/// FC-L: the decoder has three hidden layers, the classifier one, and the encoder three below z.
#[test]
fn an_error_spreads_by_one_layer_per_step() {
    let (images, labels) = batch(DType::F64);
    for steps in 1..=5 {
        let relaxation = Relaxation { steps, rate: 0.02 };
        let network = network(&Config { relaxation, ..config(Size::L) }, DType::F64);
        let start = network.network().feed_forward(&images).unwrap();
        let end = relaxed(&network, &images, &labels);
        let moved: Vec<Vec<bool>> = start
            .iter()
            .zip(&end)
            .map(|(start, end)| {
                start.iter().zip(end).map(|(x, y)| x.to_f64_vec() != y.to_f64_vec()).collect()
            })
            .collect();
        // The label's error reaches z first, in the second step.
        let encoder = vec![steps >= 5, steps >= 4, steps >= 3, steps >= 2];
        let decoder = vec![steps >= 3, steps >= 2, true];
        assert_eq!(moved, [encoder, decoder, vec![true]], "after {steps} steps");
    }
}

#[test]
fn the_relaxation_of_an_image_is_independent_of_its_batch() {
    let (images, _) = batch(DType::F64);
    let network = network(&config(Size::M), DType::F64);
    let together = network.represent_relaxed(&images).unwrap().z.to_f64_vec();
    for (pixels, z) in images.to_f64_vec().chunks_exact(PIXELS).zip(together.chunks_exact(4)) {
        let alone = Tensor::from_slice(pixels, &[1, PIXELS]).unwrap();
        let alone = network.represent_relaxed(&alone).unwrap().z.to_f64_vec();
        // Twenty steps, with a few additional roundings for the average over six images.
        assert!(alone.iter().zip(z).all(|(x, y)| (x - y).abs() < 1e-13), "{alone:?} {z:?}");
    }
}

#[test]
fn with_free_outputs_the_predictions_are_a_fixed_point() {
    let (images, labels) = batch(DType::F64);
    // At lambda = 0, clamping the decoder's output has no effect on z.
    let network = network(&Config { lambda: 0.0, ..config(Size::M) }, DType::F64);
    let [predicted, relaxed] =
        [network.represent(&images), network.represent_relaxed(&images)].map(|made| made.unwrap());
    assert_eq!(predicted.z.to_f64_vec(), relaxed.z.to_f64_vec());
    let [predicted, relaxed] = [
        evaluate(&network, [(images.clone(), labels.clone())]),
        network.evaluate_relaxed([(images, labels)]),
    ]
    .map(|evaluation| evaluation.unwrap());
    assert!((predicted.mse - relaxed.mse).abs() < 1e-14);
    assert!((predicted.cross_entropy - relaxed.cross_entropy).abs() < 1e-14);
}

#[test]
fn an_image_clamped_at_both_ends_is_reconstructed_better() {
    let (images, labels) = batch(DType::F64);
    let network = network(&Config { output_precision: 6.0, ..config(Size::M) }, DType::F64);
    let predicted = evaluate(&network, [(images.clone(), labels.clone())]).unwrap();
    let relaxed = network.evaluate_relaxed([(images, labels)]).unwrap();
    assert!(relaxed.mse < predicted.mse, "{relaxed:?} {predicted:?}");
}

#[test]
fn one_layer_in_each_part_and_one_step_give_the_direction_of_backpropagation() {
    for lambda in [0.0, 0.3, 1.0] {
        let relaxation = Relaxation { steps: 1, rate: 1e-3 };
        let network = network(&Config { lambda, relaxation, ..config(Size::S) }, DType::F64);
        for (name, cosine) in agreement_with_backpropagation(&network) {
            // The encoder's gradients are exact; the heads take a z that has changed by some thousandths.
            let allowed = if name.starts_with("encoder") { 1e-12 } else { 1e-4 };
            assert!(cosine > 1.0 - allowed, "{name} at {lambda}: {cosine}");
        }
    }
}

#[test]
fn relaxed_errors_approach_backpropagation_for_small_output_precision() {
    let relaxation = Relaxation { steps: 600, rate: 0.02 };
    for lambda in [0.3, 1.0] {
        let config = Config { lambda, output_precision: 1e-3, relaxation, ..config(Size::M) };
        for (name, cosine) in agreement_with_backpropagation(&network(&config, DType::F64)) {
            assert!(cosine > 0.99, "{name} at {lambda}: {cosine}");
        }
    }
}

#[test]
fn training_lowers_both_losses_and_the_heads_learn_even_where_lambda_excludes_them() {
    for (size, lambda) in [(Size::S, 0.5), (Size::M, 0.0), (Size::M, 0.5), (Size::M, 1.0)] {
        let (images, labels) = batch(DType::F32);
        // With a larger learning rate, the 616 hidden units saturate for images of twelve pixels.
        let optimiser = AdamConfig { learning_rate: 1e-3, ..AdamConfig::PAPER };
        let mut network = trainer(&Config { lambda, optimiser, ..config(size) });
        let batches = || std::iter::repeat_n((images.clone(), labels.clone()), 200);
        let before = network.evaluate([(images.clone(), labels.clone())]).unwrap();
        let report = network.epoch(7, batches()).unwrap();
        let after = network.evaluate([(images.clone(), labels.clone())]).unwrap();
        assert_eq!((report.epoch, report.steps), (7, 200));
        assert!(report.mse < before.mse && report.cross_entropy < before.cross_entropy);
        assert!(report.conflict.cosine.abs() <= 1.0 && report.conflict.norm_ratio > 0.0);
        assert!(after.mse < 0.9 * before.mse, "{size:?} {lambda}: {before:?} {after:?}");
        assert!(after.cross_entropy < 0.9 * before.cross_entropy, "{size:?} {lambda}: {before:?} {after:?}");
    }
}

#[test]
fn a_network_starts_as_the_cre_of_the_same_stream() {
    let (images, labels) = batch(DType::F32);
    let config = config(Size::M);
    let network = network(&config, DType::F32);
    let model = fc::cre(&config.model, &Stream::new(11, "init"), DType::F32).unwrap();
    let names = |params: Vec<(String, &Param)>| params.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(network.params()), names(model.params()));
    // The shape of the images does not matter.
    let images = images.reshape(&[N, 1, 3, 4]).unwrap();
    assert_eq!(network.represent_relaxed(&images).unwrap().reconstruction.shape(), images.shape());
    let batch = || [(images.clone(), labels.clone())];
    assert_eq!(evaluate(&network, batch()), evaluate(&model, batch()));
}

#[test]
fn a_stored_network_resumes_with_the_same_bits() {
    let (images, labels) = batch(DType::F32);
    let config = config(Size::M);
    let batches = || std::iter::repeat_n((images.clone(), labels.clone()), 3);
    let mut whole = trainer(&config);
    whole.epoch(1, batches()).unwrap();
    let state = whole.state();
    let expected = whole.epoch(2, batches()).unwrap();

    let mut resumed = PredictiveCoding::trainer(&config, &Stream::new(12, "init")).unwrap();
    let stored = |name: &str| state.iter().find(|(own, _)| own == name).map(|(_, tensor)| tensor.clone());
    resumed.load(stored).unwrap();
    assert_eq!(resumed.epoch(2, batches()), Ok(expected));
    for (missing, _) in &state {
        let refused = resumed.load(|name| stored(name).filter(|_| name != missing));
        assert!(matches!(refused, Err(Error::State { name, .. }) if missing.ends_with(&name)));
    }
}

#[test]
fn a_non_finite_value_ends_the_epoch_by_name_and_changes_no_weight() {
    let (images, labels) = batch(DType::F32);
    let fast = Relaxation { steps: 200, rate: 10.0 };
    let not_numbers = Tensor::full(f64::NAN, &[N, PIXELS], DType::F32);
    for (relaxation, images, name) in
        [(fast, images, "the relaxed energy"), (config(Size::S).relaxation, not_numbers, "the MSE")]
    {
        let mut network = trainer(&Config { relaxation, ..config(Size::S) });
        let before = network.state();
        let outcome = network.epoch(1, [(images, labels.clone())]);
        assert!(matches!(outcome, Err(Error::Diverged { step: 0, loss, .. }) if loss == name), "{outcome:?}");
        assert_eq!(format!("{:?}", network.state()), format!("{before:?}"));
    }
    assert_eq!(trainer(&config(Size::S)).epoch(1, Vec::<Example>::new()), Err(Error::NoBatches));
}

#[test]
fn settings_out_of_their_range_are_refused_by_name() {
    let legal = config(Size::S);
    let relaxation = |steps, rate| Config { relaxation: Relaxation { steps, rate }, ..legal.clone() };
    for (refused, expected) in [
        (Config { lambda: 1.5, ..legal.clone() }, "lambda: expected a number from 0 to 1, got 1.5"),
        (Config { lambda: f64::NAN, ..legal.clone() }, "lambda: expected a number from 0 to 1, got NaN"),
        (
            Config { output_precision: 0.0, ..legal.clone() },
            "output_precision: expected a number above 0, got 0",
        ),
        (relaxation(0, 0.1), "relaxation.steps: expected at least 1, got 0"),
        (relaxation(1, f64::INFINITY), "relaxation.rate: expected a number above 0 to 10, got inf"),
    ] {
        let message = PredictiveCoding::trainer(&refused, &Stream::new(0, "init")).err().unwrap().to_string();
        assert_eq!(message, expected);
    }
    let images = Tensor::zeros(&[N, PIXELS + 1], DType::F32);
    assert!(network(&legal, DType::F32).represent_relaxed(&images).is_err());
}
