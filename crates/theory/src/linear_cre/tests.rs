//! Tests of the closed form against its special cases, against random codes, and against perturbations of itself.

use super::*;
use crate::Ridge;
use crate::noise::Noise;
use crate::part::columns;

const N: usize = 60;
const CLASSES: usize = 4;
const LAMBDAS: [f64; 6] = [0.0, 0.1, 0.5, 0.9, 0.99, 1.0];

/// The tolerance for sums of 420 products of values of magnitude 1, after a whitening, which amplifies rounding errors
/// by the ratio of the largest standard deviation to the smallest, below 40.
const TOLERANCE: f64 = 420.0 * 40.0 * f64::EPSILON;

/// Seven pixels: six with class means and a decreasing spectrum, far from zero, and one that is constant.
struct Problem {
    x: Array2<f64>,
    labels: Vec<u8>,
}

impl Problem {
    fn new(seed: u64) -> Self {
        let mut noise = Noise::new(seed);
        let labels = noise.labels(N, CLASSES as u8);
        let means = noise.normal(CLASSES, 7);
        let mut x = noise.normal(N, 7) + one_hot(&labels, CLASSES).dot(&means);
        for (pixel, mut column) in x.columns_mut().into_iter().enumerate() {
            let spread = if pixel == 6 { 0.0 } else { 0.6f64.powi(pixel as i32) };
            column.mapv_inplace(|value| 1.0 + spread * value);
        }
        Self { x, labels }
    }

    fn moments(&self) -> Moments {
        Moments::of(self.x.view(), &self.labels, CLASSES).unwrap()
    }

    fn front(&self) -> LinearFront {
        LinearFront::new(&self.moments(), 1.0).unwrap()
    }

    fn evaluate(&self, model: &LinearCre) -> Evaluation {
        model.evaluate(self.x.view(), &self.labels).unwrap()
    }

    fn one_hot(&self) -> Array2<f64> {
        one_hot(&self.labels, CLASSES)
    }
}

fn objective(lambda: f64, mse: f64, one_hot_mse: f64) -> f64 {
    lambda * mse + (1.0 - lambda) * one_hot_mse
}

fn optimum(lambda: f64, model: &LinearCre) -> f64 {
    objective(lambda, model.mse, model.one_hot_mse)
}

fn assert_close(got: f64, expected: f64) {
    assert!((got - expected).abs() <= TOLERANCE, "{got} against {expected}");
}

#[test]
fn the_errors_are_those_of_the_training_samples_including_variance_outside_the_span() {
    for seed in 0..5 {
        let problem = Problem::new(seed);
        for fraction in [0.9, 1.0] {
            let front = LinearFront::new(&problem.moments(), fraction).unwrap();
            for (lambda, k) in LAMBDAS.into_iter().flat_map(|lambda| [(lambda, 1), (lambda, front.rank())]) {
                let model = front.solve(lambda, k).unwrap();
                let direct = problem.evaluate(&model);
                assert_close(model.mse, direct.mse);
                assert_close(model.one_hot_mse, direct.one_hot_mse);
                let images = model.reconstruct(problem.x.view()).unwrap();
                assert_close(direct.mse, mean_squared_error(images.view(), problem.x.view()));
            }
        }
    }
}

#[test]
fn reconstruction_alone_is_principal_component_analysis() {
    let problem = Problem::new(5);
    let errors = Pca::fit(&problem.moments()).unwrap().errors(problem.x.view(), 6).unwrap();
    for k in 1..=6 {
        assert_close(problem.front().solve(1.0, k).unwrap().mse, errors[k]);
    }
}

#[test]
fn classification_alone_is_regression_of_reduced_rank_and_exhausts_the_classes() {
    let problem = Problem::new(6);
    let x = columns(problem.x.view(), ..6);
    let y = problem.one_hot();
    let least_squares = Ridge::fit(x, y.view(), 0.0).unwrap();
    let fitted = least_squares.predict(x).unwrap();
    let spectrum = Pca::fit(&Moments::of(fitted.view(), &problem.labels, CLASSES).unwrap()).unwrap();
    let full = mean_squared_error(fitted.view(), y.view());
    for k in 1..=6 {
        let lost = elements(spectrum.variances(), k.min(CLASSES)..).sum() / CLASSES as f64;
        assert_close(problem.front().solve(0.0, k).unwrap().one_hot_mse, full + lost);
    }
    assert_close(problem.front().solve(0.0, CLASSES - 1).unwrap().one_hot_mse, full);
}

#[test]
fn at_lambda_0_the_remaining_dimensions_are_those_of_the_limit() {
    let problem = Problem::new(7);
    for k in 1..=6 {
        let [at, near] = [0.0, 1e-9].map(|lambda| problem.front().solve(lambda, k).unwrap());
        // The errors are smooth in lambda, with slopes of magnitude 1 over gaps of a tenth.
        assert!((at.mse - near.mse).abs() < 1e-7 && (at.one_hot_mse - near.one_hot_mse).abs() < 1e-7, "{k}");
    }
}

#[test]
fn more_weight_on_reconstruction_never_hurts_it_and_never_helps_classification() {
    for seed in 0..5 {
        let front = Problem::new(seed).front();
        for k in 1..=6 {
            let errors = LAMBDAS.map(|lambda| front.solve(lambda, k).unwrap());
            for pair in errors.windows(2) {
                assert!(pair[1].mse <= pair[0].mse + TOLERANCE);
                assert!(pair[1].one_hot_mse >= pair[0].one_hot_mse - TOLERANCE);
            }
        }
    }
}

#[test]
fn the_heads_are_the_least_squares_fits_to_the_codes() {
    let problem = Problem::new(8);
    let model = problem.front().solve(0.7, 3).unwrap();
    let codes = model.codes(problem.x.view()).unwrap();
    let covariance = codes.t().dot(&codes) / N as f64;
    assert!((covariance - Array2::<f64>::eye(3)).iter().all(|gap| gap.abs() < TOLERANCE));
    let images = Ridge::fit(codes.view(), problem.x.view(), 0.0).unwrap();
    let scores = Ridge::fit(codes.view(), problem.one_hot().view(), 0.0).unwrap();
    assert_close(model.mse, images.mse(codes.view(), problem.x.view()).unwrap());
    assert_close(model.one_hot_mse, scores.mse(codes.view(), problem.one_hot().view()).unwrap());
}

#[test]
fn no_random_code_with_optimal_heads_is_better() {
    for seed in 0..20 {
        let problem = Problem::new(seed);
        let random = Noise::new(1_000 + seed).normal(7, 7);
        let rotation = linalg::eigen("random", (&random + &random.t()).view()).unwrap().vectors;
        for k in [1, 3] {
            let codes = problem.x.dot(&rows(rotation.view(), ..k).t());
            let images = Ridge::fit(codes.view(), problem.x.view(), 0.0).unwrap();
            let scores = Ridge::fit(codes.view(), problem.one_hot().view(), 0.0).unwrap();
            let mse = images.mse(codes.view(), problem.x.view()).unwrap();
            let one_hot_mse = scores.mse(codes.view(), problem.one_hot().view()).unwrap();
            for lambda in LAMBDAS {
                let best = optimum(lambda, &problem.front().solve(lambda, k).unwrap());
                assert!(best <= objective(lambda, mse, one_hot_mse) + TOLERANCE);
            }
        }
    }
}

#[test]
fn no_perturbation_of_the_weights_lowers_the_objective() {
    let problem = Problem::new(9);
    let mut noise = Noise::new(10);
    for lambda in LAMBDAS {
        let model = problem.front().solve(lambda, 2).unwrap();
        for size in [1e-4, 1e-2, 1.0] {
            for _ in 0..10 {
                let mut changed = model.clone();
                for weights in [&mut changed.encoder, &mut changed.decoder, &mut changed.classifier] {
                    let (rows, columns) = weights.dim();
                    weights.scaled_add(size, &noise.normal(rows, columns));
                }
                let Evaluation { mse, one_hot_mse, .. } = problem.evaluate(&changed);
                assert!(objective(lambda, mse, one_hot_mse) >= optimum(lambda, &model) - TOLERANCE);
            }
        }
    }
}

#[test]
fn accuracy_counts_the_samples_whose_label_scores_highest() {
    let problem = Problem::new(11);
    let model = problem.front().solve(0.0, 3).unwrap();
    let scores = model.scores(problem.x.view()).unwrap();
    let right = accuracy(scores.view(), &problem.labels);
    assert_eq!(problem.evaluate(&model).accuracy, right);
    assert!(right > 0.5, "{right}, and chance is a quarter");
}

#[test]
fn invalid_arguments_are_refused() {
    let problem = Problem::new(12);
    let front = problem.front();
    assert_eq!(front.rank(), 6);
    let complaint = |lambda, k| front.solve(lambda, k).unwrap_err().to_string();
    assert_eq!(complaint(0.5, 7), "dimensions of the code: expected 1 to 6, got 7");
    assert_eq!(complaint(0.5, 0), "dimensions of the code: expected 1 to 6, got 0");
    assert_eq!(complaint(-0.1, 1), "lambda: expected 0 to 1, got -0.1");
    assert!(front.solve(f64::NAN, 1).is_err());
    let same = Moments::of(Array2::ones((3, 2)).view(), &[0, 1, 0], 2).unwrap();
    let message = LinearFront::new(&same, 1.0).map(|_| ()).unwrap_err().to_string();
    assert_eq!(message, "samples: expected at least two different rows, got 3 identical ones");
    let model = front.solve(0.5, 2).unwrap();
    assert!(model.evaluate(problem.x.view(), &[0]).is_err());
    assert!(model.codes(columns(problem.x.view(), ..3)).is_err());
}
