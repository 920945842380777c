//! The checks that every model family must pass.

use std::collections::HashMap;

use agon_models::{Adam, AdamConfig, Example, LossTrainer, Mode, Schedule};
use autograd::{Param, Tape};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

use crate::subject::Subject;

/// The finite-difference step along a direction of length 1, which is so short that none of the thousands of ReLUs and
/// pooling windows crosses a kink.
const STEP: f64 = 1e-6;

/// Rounding adds about `1.5 epsilon / STEP`, 3e-10, for each of the dozens of roundings of a loss of about 1,
/// which partly cancel. Nearly all slopes are between 1e-5 and 10.
const TOLERANCE: f64 = 5e-9;

/// Compares the derivative of the loss along random directions of length 1 with finite differences: in training, along
/// one direction for each parameter alone and one for all of them; in evaluation, along one for all of them.
pub(crate) fn gradients_agree_with_finite_differences(subject: &impl Subject) {
    let params = subject.params();
    let mut words = Stream::new(1, "directions").sequence(0);
    let mut direction = |param: &Param| (0..param.len()).map(|_| 2.0 * words.uniform() - 1.0).collect();
    let mut check = |name: &str, mode: Mode, params: &[(String, &Param)]| {
        let mut along: Vec<(&Param, Vec<f64>)> =
            params.iter().map(|(_, param)| (*param, direction(param))).collect();
        let length = along.iter().flat_map(|(_, d)| d).map(|d| d * d).sum::<f64>().sqrt();
        along.iter_mut().flat_map(|(_, d)| d).for_each(|d| *d /= length);
        let (analytic, numeric) = (slope(subject, mode, &along), differences(subject, mode, &along));
        let off = (analytic - numeric).abs();
        assert!(off <= TOLERANCE, "{name} {mode:?}: {analytic} {numeric}, {off} apart");
    };
    let training = Mode::Training { step: 0 };
    for param in &params {
        check(&param.0, training, std::slice::from_ref(param));
    }
    check("all parameters", training, &params);
    check("all parameters", Mode::Evaluation, &params);
}

/// The derivative of the loss along a direction, from its gradients.
fn slope(subject: &impl Subject, mode: Mode, along: &[(&Param, Vec<f64>)]) -> f64 {
    let tape = Tape::new();
    let gradients = tape.backward(&subject.loss(&tape, mode).unwrap()).unwrap();
    let of_param = |(param, direction): &(&Param, Vec<f64>)| -> f64 {
        let gradient = gradients.param(param).unwrap().to_f64_vec();
        gradient.iter().zip(direction).map(|(gradient, d)| gradient * d).sum()
    };
    along.iter().map(of_param).sum()
}

/// The derivative of the loss along a direction, from finite differences.
fn differences(subject: &impl Subject, mode: Mode, along: &[(&Param, Vec<f64>)]) -> f64 {
    let start: Vec<Tensor> = along.iter().map(|(param, _)| param.value()).collect();
    let moved = |steps: f64| {
        for ((param, direction), start) in along.iter().zip(&start) {
            let values = start.to_f64_vec();
            let values = values.iter().zip(direction).map(|(value, d)| value + steps * STEP * d).collect();
            param.set(Tensor::from_vec(values, start.shape()).unwrap()).unwrap();
        }
        let tape = Tape::without_gradients();
        subject.loss(&tape, mode).unwrap().value().item().unwrap()
    };
    let slope = (8.0 * (moved(1.0) - moved(-1.0)) - (moved(2.0) - moved(-2.0))) / (12.0 * STEP);
    for ((param, _), start) in along.iter().zip(start) {
        param.set(start).unwrap();
    }
    slope
}

/// A trainer of the subject's model with AdamW.
fn trainer(subject: &impl Subject, rate: f64) -> LossTrainer<'_> {
    let config = AdamConfig { learning_rate: rate, ..AdamConfig::PAPER };
    let adam = Adam::new(&subject.params(), config).unwrap().with_weight_decay(1e-3).unwrap();
    let (params, buffers) = (subject.params(), subject.buffers());
    LossTrainer::new(params, buffers, adam, Schedule::Constant, |tape, _, mode| subject.loss(tape, mode))
        .unwrap()
}

/// The losses before each of `steps` steps.
fn losses(trainer: &mut LossTrainer<'_>, steps: usize) -> Vec<f64> {
    // The loss function uses the batch of the subject, so this example is a placeholder.
    let example =
        Example { images: Tensor::zeros(&[1], DType::F32), target: None, labels: Indices::new(vec![]) };
    (0..steps).map(|_| trainer.step(&example).unwrap().loss).collect()
}

/// Checks the losses of ten steps on one batch: in 64 bits within 1e-9, which allows a million epsilons for the last
/// digits of `exp`, `ln` and roots, and in 32 bits within the tolerance of the family.
pub(crate) fn ten_golden_losses_are_kept<S: Subject>(
    subject: impl Fn(DType) -> S,
    golden: [f64; 10],
    narrow: f64,
) {
    for (dtype, allowed) in [(DType::F64, 1e-9), (DType::F32, narrow)] {
        let subject = subject(dtype);
        let losses = losses(&mut trainer(&subject, 1e-3), 10);
        let off = |(loss, golden): (&f64, f64)| ((loss - golden) / golden).abs();
        // Not compared by the largest difference, because a maximum ignores NaN.
        assert!(losses.iter().zip(golden).map(off).all(|off| off <= allowed), "{dtype}: {losses:#?}");
    }
}

/// Checks that thirty steps on one batch reduce the loss by at least a tenth.
pub(crate) fn training_lowers_the_loss(subject: &impl Subject) {
    let losses = losses(&mut trainer(subject, 1e-2), 30);
    assert!(losses[29] < 0.9 * losses[0], "{losses:?}");
}

/// Checks that the whole state of training is stored, under unique names.
pub(crate) fn a_stored_learner_resumes_with_the_same_bits<S: Subject>(subject: impl Fn(DType) -> S) {
    let (first, second) = (subject(DType::F32), subject(DType::F32));
    let (mut whole, mut resumed) = (trainer(&first, 1e-2), trainer(&second, 1e-2));
    losses(&mut whole, 3);
    let state: HashMap<String, Tensor> = whole.state().into_iter().collect();
    assert_eq!(state.len(), whole.state().len(), "a name stands for two tensors");
    losses(&mut resumed, 2);
    resumed.load(|name| state.get(name).cloned()).unwrap();
    assert_eq!(losses(&mut resumed, 3), losses(&mut whole, 3));
}
