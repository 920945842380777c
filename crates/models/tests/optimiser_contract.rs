//! Tests of optimisers with tied weights, wrong parameter lists, invalid settings, and weight decay of some of the
//! parameters.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use agon_models::train::ClassifierObjective;
use agon_models::{
    Adam, AdamConfig, Cre, CreTrainer, Decayed, Error, Example, Linear, LossScale, LossTrainer, Mode, Module,
    Optimiser, PositionalEncoding, ProbeTrainer, Result, Schedule, Sequential, Sgd, SgdConfig, Trainer, init,
};
use autograd::{Gradients, Param, Tape, Var};
use tensor::random::Stream;
use tensor::{DType, Tensor};

const SGD: SgdConfig = SgdConfig { learning_rate: 0.1, momentum: 0.9, nesterov: true };

fn elements(purpose: &str, shape: &[usize]) -> Tensor {
    let mut words = Stream::new(5, purpose).sequence(0);
    let values = (0..shape.iter().product()).map(|_| 2.0 * words.uniform() - 1.0).collect();
    Tensor::from_vec::<f64>(values, shape).unwrap()
}

type Named<'a> = Vec<(String, &'a Param)>;

fn named<'a>(params: &[&'a Param]) -> Named<'a> {
    params.iter().enumerate().map(|(place, param)| (format!("p{place}"), *param)).collect()
}

/// The gradients of all distinct parameters for the sum of their products with fixed weights and with themselves.
fn gradients(params: &[&Param]) -> Gradients {
    let tape = Tape::new();
    let loss = params.iter().fold(None, |sum: Option<Var<'_>>, param| {
        let p = tape.param(param).unwrap();
        let zero = tape.constant(&elements("target", p.shape()).to_dtype(p.value().dtype()));
        let term = p.mse(&zero).unwrap();
        Some(sum.map_or(term.clone(), |sum| sum.add(&term).unwrap()))
    });
    tape.backward(&loss.unwrap()).unwrap()
}

fn both(check: impl Fn(&dyn Fn(&Named<'_>) -> Box<dyn Optimiser>)) {
    check(&|params| Box::new(Adam::new(params, AdamConfig::PAPER).unwrap().with_weight_decay(0.1).unwrap()));
    check(&|params| Box::new(Sgd::new(params, SGD).unwrap()));
}

#[test]
fn tied_weights_have_one_state_and_one_update_in_a_step() {
    both(|made| {
        let [once, tied] = [(); 2].map(|()| [elements("w", &[3, 2]), elements("b", &[3])].map(Param::new));
        let list_once = named(&[&once[0], &once[1]]);
        let list_tied = named(&[&tied[0], &tied[1], &tied[0], &tied[0]]);
        let (mut of_once, mut of_tied) = (made(&list_once), made(&list_tied));
        for step in 0..3 {
            let schedule_value = Schedule::OneCycle { steps: 3 }.at(step);
            of_once.step(&list_once, &gradients(&[&once[0], &once[1]]), schedule_value).unwrap();
            of_tied.step(&list_tied, &gradients(&[&tied[0], &tied[1]]), schedule_value).unwrap();
        }
        for (once, tied) in once.iter().zip(&tied) {
            assert_eq!(once.value().to_f64_vec(), tied.value().to_f64_vec());
        }
        let bits = |optimiser: &dyn Optimiser| -> Vec<(String, Vec<f64>)> {
            optimiser.state().into_iter().map(|(name, tensor)| (name, tensor.to_f64_vec())).collect()
        };
        assert_eq!(bits(&*of_once), bits(&*of_tied));
        let mut resumed = made(&list_tied);
        let state = of_tied.state();
        let stored = |name: &str| state.iter().find(|(own, _)| own == name).map(|(_, t)| t.clone());
        resumed.load(&list_tied, &stored).unwrap();
        assert_eq!(bits(&*resumed), bits(&*of_tied));
    });
}

/// `x W^T W`: an autoencoder whose decoder is the transposed encoder.
struct Tied(Arc<Param>);

impl Module for Tied {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        let w = x.tape().param(&self.0)?;
        let [z] = x.tape().apply(product(true), [x, &w])?;
        let [y] = x.tape().apply(product(false), [&z, &w])?;
        Ok(y)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![("encoder".into(), &self.0), ("decoder".into(), &self.0)]
    }
}

fn product(transpose_b: bool) -> autograd::ops::matmul::MatMul {
    autograd::ops::matmul::MatMul { transpose_a: false, transpose_b }
}

#[test]
fn a_learner_trains_tied_weights_and_they_count_once() {
    let model = Tied(Arc::new(Param::new(elements("w", &[2, 5]))));
    assert_eq!(model.n_params(), 10);
    let config = AdamConfig { learning_rate: 0.05, ..AdamConfig::PAPER };
    let adam = Adam::new(&model.params(), config).unwrap();
    let mut trainer =
        LossTrainer::new(model.params(), vec![], adam, Schedule::Constant, |tape, example, mode| {
            let images = tape.constant(&example.images);
            Ok(model.forward(&images, mode)?.mse(&images)?)
        })
        .unwrap();
    // The images lie in a plane, which two components represent exactly.
    let tape = Tape::without_gradients();
    let plane = (tape.constant(&elements("codes", &[20, 2])), tape.constant(&elements("plane", &[2, 5])));
    let images = tape.apply(product(false), [&plane.0, &plane.1]).map(|[x]: [Var<'_>; 1]| x.value().clone());
    let images = images.unwrap();
    let example = Example { images, target: None, labels: tensor::Indices::new(vec![]) };
    let mut losses = Vec::new();
    for _ in 0..400 {
        losses.push(trainer.step(&example).unwrap().loss);
    }
    assert!(losses[399] < 1e-2 * losses[0], "{} {}", losses[0], losses[399]);
}

/// A module that shares its layer with another part.
struct Shared(Arc<Linear>);

impl Module for Shared {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        self.0.forward(x, mode)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        self.0.params()
    }
}

#[test]
fn a_parameter_of_two_parts_is_refused_by_name_and_one_listed_twice_in_a_part_is_updated_once() {
    let stream = Stream::new(1, "init");
    let layer = |from, to, name: &str| Linear::new(from, to, &stream.child(name), DType::F32);
    let shared = Arc::new(layer(4, 4, "shared"));
    let part = |layers: [bool; 2]| {
        layers.into_iter().enumerate().fold(Sequential::new(), |part, (place, is_shared)| match is_shared {
            true => part.then(Shared(Arc::clone(&shared))),
            false => part.then(layer(4, 4, &place.to_string())),
        })
    };
    let cre = |parts: [[bool; 2]; 3]| {
        let [encoder, decoder, classifier] = parts.map(part);
        Cre::new(encoder, decoder, classifier, &[4])
    };
    let across = cre([[false, true], [true, false], [false, false]]);
    let message = "`encoder.1.weight` and `decoder.0.weight` are the same parameter";
    for refused in [
        CreTrainer::new(&across, AdamConfig::PAPER, 0.5).err().unwrap(),
        ProbeTrainer::new(&across, AdamConfig::PAPER).err().unwrap(),
    ] {
        assert!(
            matches!(refused, Error::Shared { .. }) && refused.to_string().starts_with(message),
            "{refused}"
        );
    }
    let within = cre([[true, true], [false, false], [false, false]]);
    let mut trainer = CreTrainer::new(&within, AdamConfig::PAPER, 0.5).unwrap();
    let (images, labels) = (elements("images", &[6, 4]).to_dtype(DType::F32), vec![0, 1, 2, 3, 0, 1]);
    let before = shared.params()[0].1.value().to_f64_vec();
    trainer.step((images, tensor::Indices::new(labels))).unwrap();
    let rate = AdamConfig::PAPER.learning_rate;
    for (before, after) in before.iter().zip(shared.params()[0].1.value().to_f64_vec()) {
        // The size of Adam's first step is the learning rate; allows two roundings of values below 1.
        assert!((after - before).abs() <= rate + 2.0 * f64::from(f32::EPSILON), "{before} {after}");
    }
}

#[test]
fn a_different_parameter_list_is_an_error_and_nothing_changes() {
    both(|made| {
        let [w, b, other] =
            [elements("w", &[3, 2]), elements("b", &[3]), elements("o", &[3])].map(Param::new);
        let wide = Param::new(elements("b", &[3]).to_dtype(DType::F32));
        let own = named(&[&w, &b, &w]);
        let before = [&w, &b, &other].map(|param| param.value().to_f64_vec());
        let lists: [(&str, &[&Param]); 7] = [
            ("a shorter one", &[&w, &b]),
            ("none", &[]),
            ("a longer one", &[&w, &b, &w, &b]),
            ("another order", &[&b, &w, &b]),
            ("without the tie", &[&w, &b, &Param::new(elements("w", &[3, 2]))]),
            ("with another tie", &[&w, &w, &w]),
            ("of another type", &[&w, &wide, &w]),
        ];
        let schedule_value = Schedule::Constant.at(0);
        for (what, list) in lists {
            let mut optimiser = made(&own);
            let state = optimiser.state();
            // Step counts and moments that differ visibly from the initial ones.
            let stored = |name: &str| {
                let found = state.iter().find(|(own, _)| own == name);
                found.map(|(_, tensor)| Tensor::full(7.0, tensor.shape(), tensor.dtype()))
            };
            let (list, of) = (named(list), gradients(&[&w, &b, &other]));
            for refused in [
                optimiser.step(&list, &of, schedule_value),
                optimiser.to_device(&list),
                optimiser.load(&list, &stored),
            ] {
                let refused = refused.unwrap_err();
                assert!(matches!(refused, Error::OtherParams { .. }), "{what}: {refused}");
            }
            // A step that failed because of a missing gradient is not counted either.
            let missing = optimiser.step(&own, &gradients(&[&w]), schedule_value).unwrap_err();
            assert!(matches!(missing, Error::Autograd(_)), "{missing}");
            let bits = |state: Vec<(String, Tensor)>| -> Vec<Vec<f64>> {
                state.iter().map(|(_, tensor)| tensor.to_f64_vec()).collect()
            };
            assert_eq!(bits(optimiser.state()), bits(state), "{what}");
        }
        assert_eq!([&w, &b, &other].map(|param| param.value().to_f64_vec()), before);
    });
}

#[test]
fn a_trainer_needs_one_optimiser_for_each_group() {
    let model = Sequential::new().then(Linear::new(4, 2, &Stream::new(1, "init"), DType::F32));
    for n in [0, 2] {
        let optimisers =
            (0..n).map(|_| Box::new(Sgd::new(&model.params(), SGD).unwrap()) as Box<dyn Optimiser>);
        let objective = ClassifierObjective::new(&model, false);
        let refused = Trainer::with_optimisers(objective, optimisers.collect(), Schedule::Constant);
        let message = format!("optimisers: expected one for each group of parameters, got {n} for 1 groups");
        assert_eq!(refused.err().unwrap().to_string(), message);
    }
}

#[test]
fn a_step_that_was_not_prepared_is_an_error() {
    let w = Param::new(elements("w", &[3]));
    let mut adam = Adam::new(&named(&[&w]), AdamConfig::PAPER).unwrap();
    assert!(matches!(adam.apply(&named(&[&w]), &gradients(&[&w])), Err(Error::Setting { .. })));
}

#[test]
fn settings_out_of_range_are_refused_with_the_range() {
    let w = Param::new(elements("w", &[3]));
    let params = named(&[&w]);
    let paper = AdamConfig::PAPER;
    let bad = [f64::NAN, f64::INFINITY, -1e-3];
    let mut configs = Vec::new();
    for value in bad {
        configs.push((
            AdamConfig { learning_rate: value, ..paper },
            "learning_rate: expected a number above 0, got ",
        ));
        configs
            .push((AdamConfig { epsilon: value, ..paper }, "epsilon: expected a number from 1.2e-38, got "));
    }
    for value in [f64::NAN, -0.1, 1.0, 2.0] {
        configs.push((
            AdamConfig { beta1: value, ..paper },
            "beta1: expected a number from 0 and below 1, got ",
        ));
        configs.push((
            AdamConfig { beta2: value, ..paper },
            "beta2: expected a number from 0 and below 1, got ",
        ));
    }
    configs.push((AdamConfig { epsilon: 0.0, ..paper }, "epsilon: expected a number from 1.2e-38, got 0"));
    let model = Cre::new(Sequential::new(), Sequential::new(), Sequential::new(), &[3]);
    for (config, message) in configs {
        let refused = [
            Adam::new(&params, config).err().unwrap(),
            CreTrainer::new(&model, config, 0.5).err().unwrap(),
            ProbeTrainer::new(&model, config).err().unwrap(),
        ];
        assert!(refused.iter().all(|error| error.to_string().starts_with(message)), "{message} {refused:?}");
    }
    for value in [f64::NAN, -0.1, 1.1] {
        let refused = CreTrainer::new(&model, paper, value).err().unwrap().to_string();
        assert!(refused.starts_with("lambda: expected a number from 0 to 1, got "), "{refused}");
    }
    for value in bad {
        let refused = Adam::new(&params, paper).unwrap().with_weight_decay(value).err().unwrap().to_string();
        assert!(refused.starts_with("weight_decay: expected a number from 0, got "), "{refused}");
        let refused = Sgd::new(&params, SgdConfig { learning_rate: value, ..SGD }).err().unwrap().to_string();
        assert!(refused.starts_with("learning_rate: expected a number above 0, got "), "{refused}");
        let refused =
            init::normal(&[2], value, &Stream::new(0, "init"), DType::F32).err().unwrap().to_string();
        assert!(refused.starts_with("standard deviation: expected a number from 0, got "), "{refused}");
        // The schedule value is checked in every step.
        let schedule_value = agon_models::ScheduleValue { factor: value, beta1: None };
        both(|made| {
            let refused =
                made(&params).step(&params, &gradients(&[&w]), schedule_value).unwrap_err().to_string();
            assert!(refused.starts_with("learning_rate: expected a number from 0, got "), "{refused}");
        });
    }
    let schedule_value = agon_models::ScheduleValue { factor: 1.0, beta1: Some(1.0) };
    let refused =
        Optimiser::prepare(&mut Adam::new(&params, paper).unwrap(), schedule_value).unwrap_err().to_string();
    assert_eq!(refused, "beta1: expected a number from 0 and below 1, got 1");
    for momentum in [f64::NAN, -0.1, 1.0] {
        let refused = Sgd::new(&params, SgdConfig { momentum, ..SGD }).err().unwrap().to_string();
        assert!(refused.starts_with("momentum: expected a number from 0 and below 1, got "), "{refused}");
    }
    assert!(Sgd::new(&params, SgdConfig { momentum: 0.0, ..SGD }).is_err());
    assert!(Sgd::new(&params, SgdConfig { momentum: 0.0, nesterov: false, ..SGD }).is_ok());
    for schedule in [Schedule::Cosine { steps: 0 }, Schedule::OneCycle { steps: 0 }] {
        let sgd = Sgd::new(&params, SGD).unwrap();
        let refused = LossTrainer::new(params.clone(), vec![], sgd, schedule, |tape, example, _| {
            Ok(tape.constant(&example.images))
        });
        assert_eq!(refused.err().unwrap().to_string(), "steps of the schedule: expected at least 1, got 0");
    }
    for (exponent, patience) in [(-25, 1), (128, 1), (i32::MIN, 1), (0, 0)] {
        assert!(
            matches!(LossScale::starting_at(exponent, patience), Err(Error::Setting { .. })),
            "{exponent}"
        );
    }
    for d in [0, 2, 6] {
        assert!(matches!(PositionalEncoding::of_tokens(3, d, DType::F32), Err(Error::Setting { .. })), "{d}");
    }
}

#[test]
fn a_layer_without_inputs_has_a_bias_of_zero() {
    let layer = Linear::new(0, 2, &Stream::new(0, "init"), DType::F32);
    assert!(layer.params().iter().all(|(_, param)| param.value().to_f64_vec().iter().all(|x| *x == 0.0)));
    assert!(Linear::xavier(0, 0, &Stream::new(0, "init"), DType::F32).params()[0].1.is_empty());
}

/// With zero gradients, a step of Adam is only its weight decay.
#[test]
fn decay_can_leave_out_biases_and_norms_by_shape_and_any_parameter_by_name() {
    let of = |decays: &dyn Fn(&str, &[usize]) -> bool| -> Vec<bool> {
        let values =
            [elements("w", &[3, 2]), elements("b", &[3]), elements("scale", &[4]), elements("v", &[2, 2])];
        let params = values.clone().map(Param::new);
        let names = ["0.weight", "0.bias", "1.weight", "2.weight"];
        let list: Named<'_> =
            names.iter().zip(&params).map(|(name, param)| ((*name).into(), param)).collect();
        let adam = Adam::new(&list, AdamConfig { learning_rate: 0.5, ..AdamConfig::PAPER }).unwrap();
        let mut adam = adam.with_weight_decay_where(0.5, decays).unwrap();
        let tape = Tape::new();
        let all: Vec<Var<'_>> = list
            .iter()
            .map(|(_, param)| tape.param(param).unwrap().reshape(&[param.len()]).unwrap())
            .collect();
        let all = Var::concat(&all.iter().collect::<Vec<_>>(), 0).unwrap();
        let zeros = Tensor::zeros(all.shape(), DType::F64);
        adam.step(&list, &tape.backward_from(&all, zeros).unwrap()).unwrap();
        let decayed = |(before, param): (&Tensor, &Param)| {
            let (before, after) = (before.to_f64_vec(), param.value().to_f64_vec());
            // 1 - learning_rate * decay is exact.
            let expected: Vec<f64> = before.iter().map(|x| 0.75 * x).collect();
            assert!(after == before || after == expected, "{before:?} {after:?}");
            after == expected
        };
        values.iter().zip(&params).map(decayed).collect()
    };
    assert_eq!(of(&|_, shape| Decayed::All.includes(shape)), [true, true, true, true]);
    assert_eq!(of(&|_, shape| Decayed::Weights.includes(shape)), [true, false, false, true]);
    assert_eq!(of(&|name, _| name != "0.weight"), [false, true, true, true]);
}
