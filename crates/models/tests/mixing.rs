//! Tests of mixing rules in training: they affect the encoder only, and their state is stored.
#![allow(clippy::unwrap_used)]

use agon_models::fc::{self, Config, Size};
use agon_models::{Activation, AdamConfig, Cre, CreTrainer, DeviceBatches, Error, Mixing, Module, Part};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

const PIXELS: usize = 12;
const RULES: [Mixing; 5] = [
    Mixing::Weighted,
    Mixing::Surgery,
    Mixing::Uncertainty,
    Mixing::Normalised { mse: 0.3 },
    Mixing::Alternating,
];

fn config() -> Config {
    let latent_activation = Activation::Identity;
    Config { pixels: PIXELS, classes: 3, latent_activation, ..Config::of(Size::M, 4) }
}

fn model() -> Cre {
    fc::cre(&config(), &Stream::new(11, "init"), DType::F32).unwrap()
}

fn trainer(model: &Cre, rule: Mixing, lambda: f64) -> CreTrainer<'_> {
    CreTrainer::new(model, AdamConfig { learning_rate: 1e-2, ..AdamConfig::PAPER }, lambda)
        .unwrap()
        .mixing(rule)
        .unwrap()
}

fn batch() -> (Tensor, Indices) {
    let mut words = Stream::new(5, "images").sequence(0);
    let pixels = (0..6 * PIXELS).map(|_| (2.0 * words.uniform() - 1.0) as f32).collect();
    (Tensor::from_vec(pixels, &[6, PIXELS]).unwrap(), Indices::new(vec![0, 1, 2, 0, 1, 2]))
}

/// The parameters of a part after this many steps.
fn trained(part: Part, rule: Mixing, lambda: f64, steps: usize) -> Vec<f64> {
    let (model, (images, labels)) = (model(), batch());
    let mut trainer = trainer(&model, rule, lambda);
    for _ in 0..steps {
        trainer.step((&images, &labels)).unwrap();
    }
    let params = model.part(part).params().into_iter();
    params.flat_map(|(_, param)| param.value().to_f64_vec()).collect()
}

#[test]
fn under_every_rule_the_heads_take_the_same_unweighted_first_step() {
    for part in [Part::Decoder, Part::Classifier] {
        let expected = trained(part, Mixing::Weighted, 0.3, 1);
        for rule in RULES {
            assert_eq!(trained(part, rule, 0.3, 1), expected, "{}", rule.name());
        }
    }
}

#[test]
fn under_every_rule_training_lowers_both_losses() {
    for rule in RULES {
        let (model, (images, labels)) = (model(), batch());
        let mut trainer = trainer(&model, rule, 0.5);
        let mut step = || trainer.step((&images, &labels)).unwrap();
        let first = step();
        for _ in 0..40 {
            step();
        }
        let (last, name) = (step(), rule.name());
        assert!(last.mse < first.mse && last.cross_entropy < first.cross_entropy, "{name}: {last:?}");
        assert!(last.conflict.cosine.abs() <= 1.0, "{name}: {last:?}");
    }
}

#[test]
fn an_alternating_encoder_follows_the_mse_first() {
    let expected = trained(Part::Encoder, Mixing::Weighted, 1.0, 1);
    assert_eq!(trained(Part::Encoder, Mixing::Alternating, 0.3, 1), expected);
}

#[test]
fn rules_without_lambda_do_not_depend_on_it_and_the_others_do() {
    for rule in RULES {
        let [low, high] = [0.1, 0.9].map(|lambda| trained(Part::Encoder, rule, lambda, 3));
        let without = matches!(rule, Mixing::Uncertainty | Mixing::Alternating);
        assert_eq!(low == high, without, "{}", rule.name());
    }
}

#[test]
fn a_stored_trainer_resumes_with_the_same_bits_under_every_rule() {
    let (images, labels) = batch();
    let losses = |trainer: &mut CreTrainer<'_>, steps: usize| -> Vec<(f64, f64)> {
        let mut step =
            || trainer.step((&images, &labels)).map(|report| (report.mse, report.cross_entropy)).unwrap();
        (0..steps).map(|_| step()).collect()
    };
    for rule in RULES {
        let (whole, first, second) = (model(), model(), model());
        let expected = losses(&mut trainer(&whole, rule, 0.7), 8);
        let mut before = trainer(&first, rule, 0.7);
        losses(&mut before, 3);
        let state = before.state();
        let learns = state.iter().any(|(name, _)| name.starts_with("mixing."));
        assert_eq!(learns, rule == Mixing::Uncertainty);
        let mut after = trainer(&second, rule, 0.7);
        let stored = |name: &str| state.iter().find(|(own, _)| own == name).map(|(_, tensor)| tensor.clone());
        after.load(stored).unwrap();
        assert_eq!(losses(&mut after, 5), expected[3..], "{}", rule.name());
    }
}

#[test]
fn a_state_without_the_state_of_the_rule_is_refused() {
    let (model, other) = (model(), model());
    let state = trainer(&model, Mixing::Weighted, 0.5).state();
    let stored = |name: &str| state.iter().find(|(own, _)| own == name).map(|(_, tensor)| tensor.clone());
    let refused = trainer(&other, Mixing::Uncertainty, 0.5).load(stored);
    assert!(matches!(refused, Err(Error::State { name, .. }) if name == "mixing.log_variances"));
}

#[test]
fn a_state_that_lacks_anything_is_refused_and_changes_nothing() {
    let (model, (images, labels)) = (model(), batch());
    let mut trainer = trainer(&model, Mixing::Uncertainty, 0.5);
    trainer.step((&images, &labels)).unwrap();
    let bits = |trainer: &CreTrainer<'_>| -> Vec<(String, Vec<f64>)> {
        trainer.state().into_iter().map(|(name, tensor)| (name, tensor.to_f64_vec())).collect()
    };
    let before = bits(&trainer);
    assert!(before.iter().any(|(name, _)| name == "mixing.adam.steps"));
    for (missing, _) in &before {
        let state = trainer.state();
        let stored = |name: &str| {
            let found = state.iter().find(|(own, _)| own == name && own != missing);
            found.map(|(_, tensor)| Tensor::full(7.0, tensor.shape(), tensor.dtype()))
        };
        let refused = trainer.load(stored);
        // The error of an optimiser names the tensor without the group.
        let by_name = matches!(&refused, Err(Error::State { name, .. }) if missing.ends_with(name));
        assert!(by_name, "without {missing}: {refused:?}");
        assert_eq!((bits(&trainer), trainer.steps()), (before.clone(), 1), "without {missing}");
    }
}

#[test]
fn an_epoch_of_batches_on_a_device_is_that_of_its_steps_under_every_rule() {
    let (images, labels) = batch();
    for rule in RULES {
        let [by_steps, by_epoch] = [model(), model()];
        let mut trainer_of_steps = trainer(&by_steps, rule, 0.5);
        let expected = trainer_of_steps.epoch(1, (0..3).map(|_| batch())).unwrap();
        let gather = |_| Ok((&images, &labels).into());
        let batches = DeviceBatches::new(3, |_| Ok(()), gather);
        assert_eq!(trainer(&by_epoch, rule, 0.5).epoch(1, batches).unwrap(), expected, "{}", rule.name());
    }
}

#[test]
fn a_split_latent_refuses_every_rule_but_the_paper_s() {
    let split = Config { classified: Some(1), ..config() };
    let split = fc::cre(&split, &Stream::new(11, "init"), DType::F32).unwrap();
    for rule in &RULES[1..] {
        let refused =
            CreTrainer::new(&split, AdamConfig::PAPER, 0.5).unwrap().mixing(*rule).err().unwrap().to_string();
        assert!(
            refused.starts_with("mixing: expected `weighted`, since the two gradients are not mixed"),
            "{refused}"
        );
    }
    assert!(CreTrainer::new(&split, AdamConfig::PAPER, 0.5).unwrap().mixing(Mixing::Weighted).is_ok());
}

#[test]
fn a_lambda_out_of_range_is_refused_for_every_rule() {
    let refused = CreTrainer::new(&model(), AdamConfig::PAPER, 1.5).err().unwrap().to_string();
    assert_eq!(refused, "lambda: expected a number from 0 to 1, got 1.5");
}
