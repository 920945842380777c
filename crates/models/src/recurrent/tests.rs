//! Tests of the recurrent CRE: equality with an ordinary CRE for one step, exact gradients for several, and learning.

use super::*;
use crate::fc::Size;
use crate::{Activation, CreTrainer, Error, evaluate};

const PIXELS: usize = 12;
const CLASSES: usize = 3;
const N: usize = 6;

fn config(size: Size, steps: usize) -> Config {
    let latent_activation = Activation::Identity;
    Config {
        model: fc::Config { pixels: PIXELS, classes: CLASSES, latent_activation, ..fc::Config::of(size, 4) },
        lambda: 0.3,
        steps,
        loss_at: LossAt::EveryStep,
        optimiser: AdamConfig { learning_rate: 1e-2, ..AdamConfig::PAPER },
    }
}

fn network(config: &Config, dtype: DType) -> Recurrent {
    Recurrent::of_type(config, &Stream::new(11, "init"), dtype).unwrap()
}

fn trainer(config: &Config) -> Trainer<Recurrent> {
    Recurrent::trainer(config, &Stream::new(11, "init")).unwrap()
}

fn batch(dtype: DType) -> (Tensor, Indices) {
    let mut words = Stream::new(5, "images").sequence(0);
    let pixels = (0..N * PIXELS).map(|_| 2.0 * words.uniform() - 1.0).collect();
    let labels = (0..N).map(|row| (row % CLASSES) as u32).collect();
    (Tensor::from_vec::<f64>(pixels, &[N, PIXELS]).unwrap().to_dtype(dtype), Indices::new(labels))
}

fn batches(n: usize) -> impl Iterator<Item = (Tensor, Indices)> {
    std::iter::repeat_n(batch(DType::F32), n)
}

/// The gradients of a training step, by parameter name.
fn gradients(network: &Recurrent) -> Vec<(String, Tensor)> {
    let (images, labels) = batch(DType::F64);
    let tape = Tape::new();
    let losses = network.losses_of(&tape, &images, &labels).unwrap();
    let gradients = tape.backward(&losses.mse.add(&losses.cross_entropy).unwrap()).unwrap();
    let of = |(name, param): (String, &Param)| (name, gradients.param(param).unwrap().clone());
    network.params().into_iter().map(of).collect()
}

#[test]
fn one_recurrent_step_is_an_ordinary_cre_bit_for_bit() {
    for size in [Size::S, Size::M, Size::L] {
        let config = config(size, 1);
        let mut network = trainer(&config);
        let model = fc::cre(&config.model, &Stream::new(11, "init"), DType::F32).unwrap();
        let mut trainer = CreTrainer::new(&model, config.optimiser, config.lambda).unwrap();
        assert_eq!(network.evaluate(batches(1)), evaluate(&model, batches(1)));
        assert_eq!(network.epoch(1, batches(5)), trainer.epoch(1, batches(5)));
        let stored = |state: Vec<(String, Tensor)>| format!("{state:?}");
        assert_eq!(stored(network.state()), stored(trainer.state()));
    }
}

#[test]
fn the_first_of_several_recurrent_steps_is_an_ordinary_cre_and_the_others_are_not() {
    let network = network(&config(Size::M, 3), DType::F32);
    let of_steps = network.evaluate_steps(batches(2)).unwrap();
    assert_eq!(of_steps[0], evaluate(&network.model, batches(2)).unwrap());
    assert!(of_steps[1] != of_steps[0] && of_steps[2] != of_steps[1]);
    assert_eq!((of_steps.len(), evaluate(&network, batches(2))), (3, Ok(of_steps[2])));
    // The shape of the images does not matter.
    let images = batch(DType::F32).0.reshape(&[N, 1, 3, 4]).unwrap();
    assert_eq!(network.represent(&images).unwrap().reconstruction.shape(), images.shape());
}

/// The finite-difference step, which is so short that no ReLU crosses its kink.
const STEP: f64 = 1e-6;

#[test]
fn the_recurrent_encoder_gets_the_mixed_gradient_through_all_steps() {
    for (size, loss_at) in
        [(Size::S, LossAt::EveryStep), (Size::M, LossAt::EveryStep), (Size::M, LossAt::LastStep)]
    {
        let network = network(&Config { loss_at, ..config(size, 3) }, DType::F64);
        let (images, labels) = batch(DType::F64);
        let mixture = || {
            let losses = network
                .losses_of(&Tape::without_gradients(), &images, &labels)
                .map(|losses| [&losses.mse, &losses.cross_entropy].map(|loss| loss.value().item().unwrap()));
            let [mse, cross_entropy] = losses.unwrap();
            0.3 * mse + 0.7 * cross_entropy
        };
        let of_encoder = |(name, _): &(String, _)| name.starts_with("encoder");
        let gradients = gradients(&network).into_iter().filter(of_encoder);
        for ((name, param), (_, gradient)) in network.params().into_iter().zip(gradients) {
            let value = param.value();
            // Every element of small parameters, some elements of large ones.
            for place in (0..value.len()).step_by(value.len().div_ceil(12)) {
                let moved = |steps: f64| {
                    let mut values = value.to_f64_vec();
                    values[place] += steps * STEP;
                    param.set(Tensor::from_vec(values, value.shape()).unwrap()).unwrap();
                    mixture()
                };
                let numeric = (8.0 * (moved(1.0) - moved(-1.0)) - (moved(2.0) - moved(-2.0))) / (12.0 * STEP);
                let analytic = gradient.to_f64_vec()[place];
                // Rounding adds 1.5 epsilon / STEP times a loss of about 1: 3e-10.
                assert!((analytic - numeric).abs() < 1e-9, "{name} {place}: {analytic} {numeric}");
            }
            param.set(value).unwrap();
        }
    }
}

#[test]
fn the_heads_of_a_recurrent_network_get_the_gradients_of_their_own_losses_for_given_latents() {
    for loss_at in [LossAt::EveryStep, LossAt::LastStep] {
        let (images, labels) = batch(DType::F64);
        let network = network(&Config { loss_at, ..config(Size::M, 3) }, DType::F64);
        let made = network.represent_steps(&images).unwrap();
        let counted = if loss_at == LossAt::EveryStep { &made[..] } else { &made[2..] };
        let tape = Tape::new();
        let images = tape.constant(&images);
        let losses = counted.iter().map(|made| {
            let z = tape.constant(&made.z);
            let head = |part| network.model.part(part).forward(&z, MODE).unwrap();
            let mse = head(Part::Decoder).mse(&images).unwrap();
            mse.add(&head(Part::Classifier).softmax_cross_entropy(&labels).unwrap()).unwrap()
        });
        let expected = tape.backward(&mean(&losses.collect::<Vec<_>>()).unwrap()).unwrap();
        for ((name, param), (_, gradient)) in network.params().into_iter().zip(gradients(&network)) {
            if !name.starts_with("encoder") {
                let pairs =
                    gradient.to_f64_vec().into_iter().zip(expected.param(param).unwrap().to_f64_vec());
                // The same sums in another order, of values below 1.
                assert!(pairs.into_iter().all(|(x, y)| (x - y).abs() < 1e-14), "{name}");
            }
        }
    }
}

#[test]
fn training_a_recurrent_network_lowers_both_losses_of_the_last_step() {
    for (size, loss_at, lambda) in [
        (Size::S, LossAt::EveryStep, 0.0),
        (Size::M, LossAt::EveryStep, 0.5),
        (Size::M, LossAt::LastStep, 1.0),
    ] {
        // With a larger learning rate, the 616 hidden units saturate for images of twelve pixels.
        let optimiser = AdamConfig { learning_rate: 1e-3, ..AdamConfig::PAPER };
        let config = Config { loss_at, lambda, optimiser, ..config(size, 3) };
        let mut network = trainer(&config);
        let before = network.evaluate(batches(1)).unwrap();
        let report = network.epoch(7, batches(200)).unwrap();
        let after = network.evaluate(batches(1)).unwrap();
        assert_eq!((report.epoch, report.steps), (7, 200));
        assert!(report.conflict.cosine.abs() <= 1.0 && report.conflict.norm_ratio > 0.0);
        assert!(after.mse < 0.9 * before.mse, "{config:?}: {before:?} {after:?}");
        assert!(after.cross_entropy < 0.9 * before.cross_entropy, "{config:?}: {before:?} {after:?}");
    }
}

#[test]
fn a_stored_recurrent_network_resumes_with_the_same_bits() {
    let config = config(Size::M, 2);
    let mut whole = trainer(&config);
    whole.epoch(1, batches(3)).unwrap();
    let state = whole.state();
    let expected = whole.epoch(2, batches(3)).unwrap();

    let mut resumed = Recurrent::trainer(&config, &Stream::new(12, "init")).unwrap();
    let stored = |name: &str| state.iter().find(|(own, _)| own == name).map(|(_, tensor)| tensor.clone());
    resumed.load(stored).unwrap();
    assert_eq!(resumed.epoch(2, batches(3)), Ok(expected));
    for (missing, _) in &state {
        let refused = resumed.load(|name| stored(name).filter(|_| name != missing));
        assert!(matches!(refused, Err(Error::State { name, .. }) if missing.ends_with(&name)));
    }
}

#[test]
fn feedback_parameters_are_named_within_the_recurrent_encoder_only() {
    let names = |steps| -> Vec<String> {
        let network = network(&config(Size::S, steps), DType::F32);
        network
            .params()
            .into_iter()
            .map(|(name, param)| format!("{name} {:?}", param.value().shape()))
            .collect()
    };
    let feedback = ["encoder.feedback.latent.weight [4, 4]", "encoder.feedback.error.weight [4, 12]"];
    assert_eq!(names(2)[2..4], feedback);
    assert_eq!(names(2).len() - 2, names(1).len());
}

#[test]
fn a_non_finite_recurrent_loss_ends_the_epoch_by_name_and_changes_no_weight() {
    let mut network = trainer(&config(Size::S, 2));
    let before = format!("{:?}", network.state());
    let (_, labels) = batch(DType::F32);
    let images = Tensor::full(f64::NAN, &[N, PIXELS], DType::F32);
    let outcome = network.epoch(1, batches(0).chain([(images, labels)]));
    assert!(matches!(outcome, Err(Error::Diverged { step: 0, loss: "the MSE", .. })), "{outcome:?}");
    assert_eq!(format!("{:?}", network.state()), before);
    assert_eq!(network.epoch(1, Vec::<Example>::new()), Err(Error::NoBatches));
}

#[test]
fn recurrent_settings_out_of_their_range_are_refused_by_name() {
    for (refused, expected) in [
        (Config { lambda: -0.5, ..config(Size::S, 1) }, "lambda: expected a number from 0 to 1, got -0.5"),
        (config(Size::S, 0), "steps: expected at least 1, got 0"),
    ] {
        let message = Recurrent::trainer(&refused, &Stream::new(0, "init")).err().unwrap().to_string();
        assert_eq!(message, expected);
    }
    let images = Tensor::zeros(&[N, PIXELS + 1], DType::F32);
    assert!(network(&config(Size::S, 2), DType::F32).represent(&images).is_err());
}
