//! Properties of every model family: correct gradients of whole models, gradients linear in lambda, and the same bits on
//! any number of threads.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use autograd::Tape;
use reliability::Measurement;
use tensor::random::Stream;
use tensor::{DType, Tensor};
use tests::families::{FAMILIES, Instance};

/// A small batch, since the f64 references are slow. Batch norms need two images.
const IMAGES: usize = 2;
const LAMBDAS: [f64; 3] = [0.0, 0.3, 1.0];
const DIRECTIONS: usize = 3;

/// The step along a direction of length one.
const STEP: f64 = 1e-5;
/// Rounding adds about `1.5 epsilon / STEP` times a loss, 3e-11; sums of some thousand terms add more.
const FROM_ROUNDING: f64 = 1e-9;
/// The tolerance of row R5 of `book/reliability.md`.
const TOLERANCE: f64 = 1e-7;

/// For each part, the gradients of the sum of the losses, or of one of them, with respect to each parameter; without
/// parts that do not affect the loss.
fn gradients(instance: &dyn Instance, lambda: f64, only: Option<usize>) -> Vec<Vec<Vec<f64>>> {
    let tape = Tape::new();
    let losses = instance.losses(&tape, lambda).unwrap();
    let sum = match only {
        Some(loss) => losses[loss].clone(),
        None => losses[1..].iter().fold(losses[0].clone(), |sum, loss| sum.add(loss).unwrap()),
    };
    let gradients = tape.backward(&sum).unwrap();
    let descents = instance.descents(lambda);
    let reached = descents.iter().filter(|descent| only.is_none_or(|loss| descent.weights[loss] > 0.0));
    reached
        .map(|descent| {
            let params = descent.params.iter();
            params.map(|(_, param)| gradients.param(param).unwrap().to_f64_vec()).collect()
        })
        .collect()
}

/// A random unit direction for the parameters of a part.
fn direction(lengths: &[usize], number: u64) -> Vec<Vec<f64>> {
    let mut words = Stream::new(7, "direction").sequence(number);
    let random = |&length: &usize| (0..length).map(|_| 2.0 * words.uniform() - 1.0).collect();
    let direction: Vec<Vec<f64>> = lengths.iter().map(random).collect();
    let norm = direction.iter().flatten().map(|x| x * x).sum::<f64>().sqrt();
    direction.into_iter().map(|values| values.into_iter().map(|x| x / norm).collect()).collect()
}

/// The derivative of each loss along a direction of one part, by a five-point stencil.
fn slopes(instance: &dyn Instance, part: usize, direction: &[Vec<f64>], step: f64) -> Vec<f64> {
    let descents = instance.descents(0.5);
    let params: Vec<_> = descents[part].params.iter().map(|(_, param)| *param).collect();
    let start: Vec<Tensor> = params.iter().map(|param| param.value()).collect();
    let at = |steps: f64| -> Vec<f64> {
        for ((param, start), direction) in params.iter().zip(&start).zip(direction) {
            let moved = start.to_f64_vec().iter().zip(direction).map(|(x, d)| x + steps * step * d).collect();
            param.set(Tensor::from_vec::<f64>(moved, start.shape()).unwrap()).unwrap();
        }
        let tape = Tape::without_gradients();
        instance.losses(&tape, 0.5).unwrap().iter().map(|loss| loss.value().item().unwrap()).collect()
    };
    let [ahead, behind, far_ahead, far_behind] = [1.0, -1.0, 2.0, -2.0].map(at);
    params.iter().zip(&start).for_each(|(param, start)| param.set(start.clone()).unwrap());
    let slope = |loss: usize| 8.0 * (ahead[loss] - behind[loss]) - (far_ahead[loss] - far_behind[loss]);
    (0..ahead.len()).map(|loss| slope(loss) / (12.0 * step)).collect()
}

/// Perturbs every parameter. The norm of a channel that dropout has zeroed is its bias, and a bias of zero would put the
/// following ReLU exactly at its kink.
fn leave_the_start(instance: &dyn Instance) {
    let mut words = Stream::new(7, "start").sequence(0);
    for (_, param) in instance.descents(0.5).iter().flat_map(|descent| &descent.params) {
        let start = param.value();
        let moved = start.to_f64_vec().iter().map(|x| x + 0.02 * (2.0 * words.uniform() - 1.0)).collect();
        param.set(Tensor::from_vec::<f64>(moved, start.shape()).unwrap()).unwrap();
    }
}

/// Row R5. ReLU and pooling have kinks: if the stencil and one of a quarter of its size disagree, there is a kink within
/// reach, and the next direction is used.
#[test]
fn whole_models_have_the_gradients_of_finite_differences() {
    let measured = Measurement::of("R5", "the gradients of whole models are what finite differences say");
    let mut slopes_compared = 0;
    for family in FAMILIES {
        let instance = (family.instance)(DType::F64, IMAGES);
        leave_the_start(&*instance);
        let of_lambda = LAMBDAS.map(|lambda| gradients(&*instance, lambda, None));
        let tape = Tape::without_gradients();
        let losses = instance.losses(&tape, 0.5).unwrap();
        let losses: f64 = losses.iter().map(|loss| loss.value().item().unwrap().abs()).sum();
        let agree = |x: f64, y: f64| {
            let allowed = TOLERANCE * x.abs() + FROM_ROUNDING * losses;
            allowed.is_finite() && (x - y).abs() <= allowed
        };
        for part in 0..of_lambda[0].len() {
            let lengths: Vec<usize> = of_lambda[0][part].iter().map(Vec::len).collect();
            let smooth = (0..12).filter_map(|number| {
                let direction = direction(&lengths, number);
                let whole = slopes(&*instance, part, &direction, STEP);
                let quarter = slopes(&*instance, part, &direction, STEP / 4.0);
                let smooth = whole.iter().zip(&quarter).all(|(&x, &y)| agree(x, y));
                smooth.then_some((direction, whole))
            });
            let smooth: Vec<_> = smooth.take(DIRECTIONS).collect();
            assert_eq!(smooth.len(), DIRECTIONS, "{}: too many kinks in part {part}", family.name);
            for (direction, slopes) in smooth {
                for (lambda, gradients) in LAMBDAS.iter().zip(&of_lambda) {
                    let descent = &instance.descents(*lambda)[part];
                    let numeric: f64 =
                        slopes.iter().zip(&descent.weights).map(|(x, weight)| x * weight).sum();
                    let numbers = gradients[part].iter().flatten().zip(direction.iter().flatten());
                    let analytic: f64 = numbers.map(|(x, d)| x * d).sum();
                    assert!(
                        agree(analytic, numeric),
                        "{} {} lambda = {lambda}: {analytic:e}, finite differences say {numeric:e}",
                        family.name,
                        descent.name
                    );
                    slopes_compared += 1;
                }
            }
        }
    }
    let figure = format!("{} families: {slopes_compared} slopes within 1e-7", FAMILIES.len());
    measured.passed(slopes_compared, figure);
}

/// Row R6. At lambda 0 and 1 the encoder's gradient is exactly that of one loss, and heads do not depend on lambda.
/// Between them the gradients are mixed at z with two roundings, and each layer below adds its own: for each parameter
/// of the encoder, four epsilons of the largest element of its gradient are allowed.
#[test]
fn the_gradients_of_the_encoder_are_linear_in_lambda() {
    let measured = Measurement::of("R6", "the encoder's gradient is linear in lambda");
    let (mut n, mut worst_of_all) = (0, 0.0f64);
    for family in FAMILIES {
        let instance = (family.instance)(DType::F64, IMAGES);
        if instance.descents(0.5).len() == 1 {
            // Models with one loss have no mixture.
            continue;
        }
        let [at_0, at_1] = [0.0, 1.0].map(|lambda| gradients(&*instance, lambda, None));
        for (only, lambda, end) in [(1, 0.0, &at_0), (0, 1.0, &at_1)] {
            let alone = gradients(&*instance, lambda, Some(only));
            assert!(end[0] == alone[0], "{}: lambda = {lambda} mixes something in", family.name);
        }
        let mixed = gradients(&*instance, 0.3, None);
        assert!(at_0[1..] == at_1[1..] && at_0[1..] == mixed[1..], "{}: lambda reaches a head", family.name);
        let both = at_0[0].iter().chain(&at_1[0]).flatten();
        let largest = both.fold(0.0f64, |largest, x| largest.max(x.abs()));
        let mut worst = 0.0f64;
        for ((at_0, at_1), mixed) in at_0[0].iter().zip(&at_1[0]).zip(&mixed[0]) {
            for ((at_0, at_1), mixed) in at_0.iter().zip(at_1).zip(mixed) {
                worst = worst.max((0.3 * at_1 + 0.7 * at_0 - mixed).abs() / (f64::EPSILON * largest));
            }
        }
        let allowed = 4.0 * at_0[0].len() as f64;
        assert!(worst <= allowed, "{}: {worst} epsilons, allowed are {allowed}", family.name);
        n += 1;
        worst_of_all = worst_of_all.max(worst);
    }
    measured.passed(
        n,
        format!("{n} families: both ends to the last bit, between them within {worst_of_all:.1} epsilons"),
    );
}

/// Row R9, for steps of training.
#[test]
fn three_steps_give_the_same_bits_in_every_run_and_on_any_number_of_threads() {
    for family in FAMILIES {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let instance = (family.instance)(DType::F32, family.batch);
                instance.train(3, &mut |_| ()).unwrap();
                let state = instance.state().into_iter();
                state.map(|(name, tensor)| (name, tensor.to_f64_vec())).collect::<Vec<_>>()
            })
        };
        let one = on(1);
        for threads in [1, 2, 3] {
            for ((name, one), (_, other)) in one.iter().zip(on(threads)) {
                let same = one.iter().zip(&other).all(|(x, y)| x.to_bits() == y.to_bits());
                assert!(same, "{}: {name} has other bits on {threads} threads", family.name);
            }
        }
    }
}
