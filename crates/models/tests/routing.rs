//! The facts of `book/cre.md` about losses and gradients: A3 to A6, A14, and exact resuming.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;

use agon_models::fc::{self, Config, Size};
use agon_models::{Activation, AdamConfig, Cre, CreTrainer, Error, Mode, Part, evaluate};
use autograd::{Param, Tape, gradcheck};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

const PIXELS: usize = 12;
const CLASSES: usize = 3;
const N: usize = 6;
/// The finite-difference step, which is so short that none of the thousands of ReLUs crosses its kink.
const STEP: f64 = 1e-6;

fn model(size: Size, dtype: DType) -> Cre {
    let latent_activation = Activation::Identity;
    let config = Config { pixels: PIXELS, classes: CLASSES, latent_activation, ..Config::of(size, 4) };
    fc::cre(&config, &Stream::new(11, "init"), dtype).unwrap()
}

fn batch(dtype: DType) -> (Tensor, Indices) {
    let mut words = Stream::new(5, "images").sequence(0);
    let pixels = (0..N * PIXELS).map(|_| 2.0 * words.uniform() - 1.0).collect();
    let labels = (0..N).map(|row| (row % CLASSES) as u32).collect();
    (Tensor::from_vec::<f64>(pixels, &[N, PIXELS]).unwrap().to_dtype(dtype), Indices::new(labels))
}

/// The loss that is differentiated.
#[derive(Clone, Copy)]
enum Of {
    Sum,
    Mse,
    CrossEntropy,
}

/// The concatenated gradients of a part's parameters.
fn gradients(model: &Cre, part: Part, lambda: f64, of: Of) -> Vec<f64> {
    let (images, labels) = batch(DType::F64);
    let tape = Tape::new();
    let losses = model.losses(&tape, &images, &labels, lambda, Mode::Evaluation).unwrap();
    let loss = match of {
        Of::Sum => losses.mse.add(&losses.cross_entropy).unwrap(),
        Of::Mse => losses.mse.clone(),
        Of::CrossEntropy => losses.cross_entropy.clone(),
    };
    let gradients = tape.backward(&loss).unwrap();
    let of_param = |(_, param): (String, &Param)| gradients.param(param).unwrap().to_f64_vec();
    let module: &dyn agon_models::Module = model.part(part);
    module.params().into_iter().flat_map(of_param).collect()
}

fn mixed(x: &[f64], y: &[f64], lambda: f64) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| lambda * x + (1.0 - lambda) * y).collect()
}

fn relative_distance(x: &[f64], y: &[f64]) -> f64 {
    let square = |x: f64| x * x;
    let distance: f64 = x.iter().zip(y).map(|(x, y)| square(x - y)).sum();
    (distance / y.iter().map(|&y| square(y)).sum::<f64>()).sqrt()
}

#[test]
fn a4_the_encoder_gets_the_mixed_gradient_and_the_heads_those_of_their_own_losses() {
    for size in [Size::S, Size::M, Size::L] {
        let model = model(size, DType::F64);
        let of = |part, lambda| gradients(&model, part, lambda, Of::Sum);
        let (at_0, at_1) = (of(Part::Encoder, 0.0), of(Part::Encoder, 1.0));
        for lambda in [0.0, 0.3, 0.9, 1.0] {
            let expected = mixed(&at_1, &at_0, lambda);
            // The same linear combination in another order: about a hundred roundings.
            assert!(relative_distance(&of(Part::Encoder, lambda), &expected) < 1e-13);
            assert_eq!(of(Part::Decoder, lambda), gradients(&model, Part::Decoder, 0.5, Of::Mse));
            assert_eq!(
                of(Part::Classifier, lambda),
                gradients(&model, Part::Classifier, 0.5, Of::CrossEntropy)
            );
        }
    }
}

/// The encoder gradient of the authors' code: one backward pass of `lambda MSE + (1 - lambda) CE`, without `Split` at
/// z.
#[test]
fn one_backward_with_a_split_equals_a_backward_of_the_mixed_loss() {
    let model = model(Size::M, DType::F64);
    // With lambda = 1 (or 0) and one loss, `Split` passes that loss's gradient through unchanged.
    let reconstruction = gradients(&model, Part::Encoder, 1.0, Of::Mse);
    let classification = gradients(&model, Part::Encoder, 0.0, Of::CrossEntropy);
    let split = gradients(&model, Part::Encoder, 0.7, Of::Sum);
    assert!(relative_distance(&split, &mixed(&reconstruction, &classification, 0.7)) < 1e-13);
}

/// Fact A14 of `book/cre.md` for the whole model: all elements of one parameter in each part, through both losses.
#[test]
fn a14_the_gradients_of_the_whole_model_agree_with_finite_differences() {
    let model = model(Size::L, DType::F64);
    let (images, labels) = batch(DType::F64);
    // The perturbed parameter is the bias of the last layer of each part.
    for (part, loss) in
        [(Part::Decoder, Of::Mse), (Part::Classifier, Of::CrossEntropy), (Part::Encoder, Of::Sum)]
    {
        let module: &dyn agon_models::Module = model.part(part);
        let (name, param) = module.params().pop().unwrap();
        let value = param.value();
        let analytic = gradients(&model, part, if matches!(loss, Of::Sum) { 0.5 } else { 0.3 }, loss);
        let analytic = &analytic[analytic.len() - value.len()..];
        let at = |moved: Vec<f64>| {
            param.set(Tensor::from_vec(moved, value.shape()).unwrap()).unwrap();
            let tape = Tape::without_gradients();
            let losses = model.losses(&tape, &images, &labels, 0.5, Mode::Evaluation).unwrap();
            let [mse, ce] = [&losses.mse, &losses.cross_entropy].map(|loss| loss.value().item().unwrap());
            match loss {
                Of::Mse => mse,
                Of::CrossEntropy => ce,
                Of::Sum => 0.5 * mse + 0.5 * ce,
            }
        };
        for (place, &analytic) in analytic.iter().enumerate() {
            let moved = |steps: f64| {
                let mut values = value.to_f64_vec();
                values[place] += steps * STEP;
                at(values)
            };
            let numeric = (8.0 * (moved(1.0) - moved(-1.0)) - (moved(2.0) - moved(-2.0))) / (12.0 * STEP);
            // Rounding adds 1.5 epsilon / STEP times a loss of about 1: 3e-10.
            let at = format!("{} {name} {place}", part.name());
            assert!((analytic - numeric).abs() < 1e-9, "{at}: {analytic} {numeric}");
        }
        param.set(value).unwrap();
    }
    // The same function, checked by the public `gradcheck`.
    let weight = Tensor::from_vec(vec![0.1; 8], &[2, 4]).unwrap();
    let bias = Tensor::from_vec(vec![0.0; 2], &[2]).unwrap();
    let x = Tensor::from_vec(vec![0.2, -0.4, 0.6, 0.8], &[1, 4]).unwrap();
    gradcheck(|[x, w, b]| x.linear(&w, &b)?.tanh(), [&x, &weight, &bias]).unwrap();
}

#[test]
fn a5_the_heads_learn_also_when_lambda_excludes_their_loss_from_the_encoder() {
    let (images, labels) = batch(DType::F32);
    for lambda in [0.0, 1.0] {
        let model = model(Size::S, DType::F32);
        let config = AdamConfig { learning_rate: 1e-2, ..AdamConfig::PAPER };
        let mut trainer = CreTrainer::new(&model, config, lambda).unwrap();
        let before = evaluate(&model, [(images.clone(), labels.clone())]).unwrap();
        for _ in 0..200 {
            trainer.step((&images, &labels)).unwrap();
        }
        let after = evaluate(&model, [(images.clone(), labels.clone())]).unwrap();
        assert!(after.mse < 0.9 * before.mse, "lambda = {lambda}: {before:?} {after:?}");
        assert!(after.cross_entropy < (CLASSES as f64).ln().min(before.cross_entropy));
    }
}

#[test]
fn a_stored_trainer_resumes_with_the_same_bits() {
    let (images, labels) = batch(DType::F32);
    let losses = |trainer: &mut CreTrainer<'_>, steps: usize| -> Vec<f64> {
        (0..steps).map(|_| trainer.step((&images, &labels)).unwrap().mse).collect()
    };
    let whole = model(Size::M, DType::F32);
    let mut uninterrupted = CreTrainer::new(&whole, AdamConfig::PAPER, 0.7).unwrap();
    let expected = losses(&mut uninterrupted, 8);

    let first = model(Size::M, DType::F32);
    let mut before = CreTrainer::new(&first, AdamConfig::PAPER, 0.7).unwrap();
    losses(&mut before, 3);
    let state = before.state();
    let second = model(Size::M, DType::F32);
    let mut after = CreTrainer::new(&second, AdamConfig::PAPER, 0.7).unwrap();
    after.load(|name| state.iter().find(|(own, _)| own == name).map(|(_, tensor)| tensor.clone())).unwrap();
    assert_eq!(losses(&mut after, 5), expected[3..]);
}

#[test]
fn fit_reports_every_epoch_and_stops_on_request() {
    let (images, labels) = batch(DType::F32);
    let model = model(Size::S, DType::F32);
    let mut trainer = CreTrainer::new(&model, AdamConfig::PAPER, 0.5).unwrap();
    let mut reports = Vec::new();
    let batches = |_epoch| vec![(images.clone(), labels.clone()); 3];
    trainer
        .fit(1..=9, batches, |report| {
            reports.push(*report);
            if report.epoch == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert!(reports.iter().map(|report| (report.epoch, report.steps)).eq((1..=4).map(|epoch| (epoch, 3))));
    assert!(reports[3].mse < reports[0].mse && reports[3].conflict.cosine.abs() <= 1.0);
    assert_eq!(trainer.fit(1..=1, |_| vec![], |_| ControlFlow::Continue(())), Err(Error::NoBatches));
}

#[test]
fn a_non_finite_loss_ends_the_epoch_and_is_named() {
    let (_, labels) = batch(DType::F32);
    let images = Tensor::full(f64::NAN, &[N, PIXELS], DType::F32);
    let model = model(Size::S, DType::F32);
    let outcome = CreTrainer::new(&model, AdamConfig::PAPER, 0.5).unwrap().epoch(1, [(images, labels)]);
    assert!(matches!(outcome, Err(Error::Diverged { step: 0, loss: "the MSE", .. })));
}

#[test]
fn a_lambda_out_of_range_is_refused_by_name() {
    let (images, labels) = batch(DType::F32);
    let model = model(Size::S, DType::F32);
    for lambda in [-0.1, 1.1, f64::NAN] {
        let message =
            model.losses(&Tape::new(), &images, &labels, lambda, Mode::Evaluation).unwrap_err().to_string();
        assert!(message.starts_with("lambda: expected a number from 0 to 1"), "{message}");
    }
}
