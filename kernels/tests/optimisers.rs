//! Tests that the steps of optimisers on the emulated device equal those on the CPU.

use autograd::{Gradients, Param, Tape, Var};
use kernels::Setting;
use models::{Adam, AdamConfig, Optimiser, Schedule, Sgd, SgdConfig, to_device};
use tensor::random::Stream;
use tensor::{Device, Tensor};

const STEPS: u64 = 4;

/// The shapes of a scalar, of a few elements, of as many elements as one block updates, and of more.
const SHAPES: [&[usize]; 4] = [&[], &[3, 5], &[4096], &[2, 2100]];

type Named<'a> = Vec<(String, &'a Param)>;

/// Uniform random values in [-1, 1), the same in every run.
fn random_values(purpose: &str, sequence: u64, shape: &[usize]) -> Tensor {
    let mut words = Stream::new(1, purpose).sequence(sequence);
    let values = (0..shape.iter().product()).map(|_| (2.0 * words.uniform() - 1.0) as f32).collect();
    Tensor::from_vec(values, shape).expect("the shapes fit, and the device works")
}

fn params() -> Vec<Param> {
    (0..)
        .zip(SHAPES)
        .map(|(sequence, shape)| Param::new(random_values("parameters", sequence, shape)))
        .collect()
}

fn named(params: &[Param]) -> Named<'_> {
    params.iter().enumerate().map(|(place, param)| (format!("p{place}"), param)).collect()
}

/// The gradients of a step on the device of the parameters. They have the same values on every device and are far from
/// zero, where Adam would amplify small differences.
fn gradients(params: &Named<'_>, step: u64) -> Gradients {
    let tape = Tape::new();
    let flat: Vec<Var<'_>> = params
        .iter()
        .map(|(_, param)| {
            tape.param(param)
                .expect("the shapes fit, and the device works")
                .reshape(&[param.len()])
                .expect("the shapes fit, and the device works")
        })
        .collect();
    let all = Var::concat(&flat.iter().collect::<Vec<_>>(), 0).expect("the shapes fit, and the device works");
    let weight = random_values("gradients", step, all.shape());
    let away = weight.to_f64_vec().iter().map(|x| (x + 0.5 * x.signum()) as f32).collect();
    let weight = Tensor::from_vec(away, weight.shape())
        .expect("the shapes fit, and the device works")
        .to_device(&all.value().device())
        .expect("the shapes fit, and the device works");
    tape.backward_from(&all, weight).expect("the shapes fit, and the device works")
}

fn steps<O: Optimiser>(optimiser: &mut O, params: &Named<'_>, steps: std::ops::Range<u64>) {
    for step in steps {
        let schedule_value = Schedule::OneCycle { steps: STEPS }.at(step);
        optimiser
            .step(params, &gradients(params, step), schedule_value)
            .expect("the shapes fit, and the device works");
    }
}

fn assert_equal(there: &Named<'_>, here: &Named<'_>, device: &Device) {
    for ((name, there), (_, here)) in there.iter().zip(here) {
        assert_eq!(there.value().device(), *device, "{name}");
        for (got, expected) in there.value().to_f64_vec().into_iter().zip(here.value().to_f64_vec()) {
            // A weight is below 2, and on either device each step rounds the weight and its update about ten times.
            let allowed = 2.0 * 2.0 * 10.0 * STEPS as f64 * f64::from(f32::EPSILON);
            assert!((got - expected).abs() <= allowed, "{name}: {got} {expected}");
        }
    }
}

/// Compares all steps on the CPU with all steps on a device.
fn steps_as_on_the_cpu<O: Optimiser>(made: impl Fn(&Named<'_>) -> O) {
    for setting in &Setting::ALL[..3] {
        let (here, there, device) = (params(), params(), setting.device());
        let (here, there) = (named(&here), named(&there));
        let (mut of_here, mut of_there) = (made(&here), made(&there));
        to_device(there.iter().cloned(), &device).expect("the shapes fit, and the device works");
        of_there.to_device(&there).expect("the shapes fit, and the device works");
        steps(&mut of_here, &here, 0..STEPS);
        steps(&mut of_there, &there, 0..STEPS);
        assert_equal(&there, &here, &device);
    }
}

/// Runs half of the steps on the CPU, then continues from the stored state on the CPU and on a device.
fn goes_on_elsewhere<O: Optimiser>(made: impl Fn(&Named<'_>) -> O) {
    let (here, there, device) = (params(), params(), Setting::ALL[0].device());
    let (here, there) = (named(&here), named(&there));
    let mut of_here = made(&here);
    steps(&mut of_here, &here, 0..STEPS / 2);
    let state = of_here.state();
    for ((_, from), (_, to)) in here.iter().zip(&there) {
        to.set(from.value().to_device(&device).expect("the shapes fit, and the device works"))
            .expect("the shapes fit, and the device works");
    }
    let mut of_there = made(&there);
    let stored = |name: &str| state.iter().find(|(own, _)| own == name).map(|(_, tensor)| tensor.clone());
    of_there.load(&there, &stored).expect("the shapes fit, and the device works");
    steps(&mut of_here, &here, STEPS / 2..STEPS);
    steps(&mut of_there, &there, STEPS / 2..STEPS);
    assert_equal(&there, &here, &device);
    // The optimiser's state has been moved, and can be stored again.
    let devices = |(name, tensor): &(String, Tensor)| name == "steps" || tensor.device() == device;
    assert!(of_there.state().iter().all(devices));
    of_here
        .load(&here, &|name| of_there.state().into_iter().find(|(own, _)| own == name).map(|(_, t)| t))
        .expect("the shapes fit, and the device works");
    steps(&mut of_here, &here, STEPS..STEPS + 1);
}

fn adam(params: &Named<'_>) -> Adam {
    Adam::new(params, AdamConfig { learning_rate: 0.01, ..AdamConfig::PAPER })
        .expect("the settings are valid")
}

fn sgd(params: &Named<'_>, momentum: f64, nesterov: bool) -> Sgd {
    Sgd::new(params, SgdConfig { learning_rate: 0.01, momentum, nesterov }).expect("the settings are legal")
}

#[test]
fn adam_and_adamw_steps_on_a_device_equal_those_on_the_cpu() {
    steps_as_on_the_cpu(adam);
    steps_as_on_the_cpu(|params| adam(params).with_weight_decay(0.1).expect("a legal decay"));
}

#[test]
fn adam_decays_a_part_of_the_parameters_on_a_device_as_on_the_cpu() {
    steps_as_on_the_cpu(|params| {
        adam(params).with_weight_decay_where(0.1, |name, _| name != "p1").expect("a legal decay")
    });
}

/// Settings without weight decay take memory only if a parameter has no decay; the decay may also be set on a device.
#[test]
fn adam_stores_the_settings_of_the_steps_that_it_uses() {
    let (here, there, device) = (params(), params(), Setting::ALL[0].device());
    let (here, there) = (named(&here), named(&there));
    let Device::Cuda(gpu) = &device else { unreachable!("an emulated device is a GPU") };
    to_device(there.iter().cloned(), &device).unwrap();
    let used = || gpu.memory_statistics().used_bytes;
    let (before, mut of_there) = (used(), adam(&there));
    of_there.to_device(&there).unwrap();
    let one = used() - before;
    let decayed = of_there.with_weight_decay(0.1).unwrap();
    assert_eq!(used() - before, one);
    let part = |adam: Adam| adam.with_weight_decay_where(0.1, |name, _| name != "p1").unwrap();
    let (mut of_here, mut of_there) = (part(adam(&here)), part(decayed));
    // The settings of a second group are in the same page.
    assert_eq!(used() - before, one);
    steps(&mut of_here, &here, 0..STEPS);
    steps(&mut of_there, &there, 0..STEPS);
    assert_equal(&there, &here, &device);
}

/// A list whose last entry is its first parameter again.
fn tied<'a>(params: &Named<'a>) -> Named<'a> {
    params.iter().chain(&params[..1]).cloned().collect()
}

#[test]
fn tied_weights_are_updated_once_on_a_device_as_on_the_cpu() {
    let (here, there, device) = (params(), params(), Setting::ALL[1].device());
    let (here, there) = (named(&here), named(&there));
    let (mut of_here, mut of_there) = (adam(&here), adam(&tied(&there)));
    to_device(there.iter().cloned(), &device).unwrap();
    of_there.to_device(&tied(&there)).unwrap();
    for step in 0..STEPS {
        of_here.step(&here, &gradients(&here, step)).unwrap();
        of_there.step(&tied(&there), &gradients(&there, step)).unwrap();
    }
    assert_equal(&there, &here, &device);
}

#[test]
fn sgd_steps_on_a_device_equal_those_on_the_cpu() {
    for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
        steps_as_on_the_cpu(|params| sgd(params, momentum, nesterov));
    }
}

#[test]
fn a_stored_optimiser_continues_on_the_device_of_its_parameters() {
    goes_on_elsewhere(adam);
    goes_on_elsewhere(|params| sgd(params, 0.9, true));
}
