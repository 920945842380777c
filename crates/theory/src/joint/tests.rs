//! Tests in the sixteen settings of section 4.1 of `book/lbr.md`, for its facts LBR A1 to LBR A7.

use super::*;
use crate::adam::adam;
use crate::noise::Noise;

const N: usize = 256;
const LAMBDAS: [f64; 4] = [0.0, 0.1, 1.0, 10.0];

/// Random signs, with two targets that are linear in them.
fn problem(d: usize) -> (Array2<f64>, Array2<f64>) {
    let mut noise = Noise::new(d as u64);
    let x = noise.normal(N, d).mapv(|value| f64::from(value > 0.0));
    let y = x.dot(&noise.normal(d, 2)) / (d as f64).sqrt();
    (x, y)
}

fn squares(of: &Array2<f64>) -> f64 {
    of.iter().map(|value| value * value).sum()
}

/// The objective by its definition, for encoder, decoder and classifier.
fn loss(x: &Array2<f64>, y: &Array2<f64>, lambda: f64, [v, z, w]: [&Array2<f64>; 3]) -> f64 {
    let codes = x.dot(&v.t());
    squares(&(codes.dot(&w.t()) - y)) + lambda * squares(&(codes.dot(&z.t()) - x))
}

fn of_code(x: &Array2<f64>, y: &Array2<f64>, lambda: f64, code: &JointCode) -> f64 {
    loss(x, y, lambda, [&code.encoder, &code.decoder, &code.classifier])
}

/// Facts LBR A1 and LBR A6 of `book/lbr.md`: the loss is zero where it can be.
#[test]
fn the_loss_at_the_optimum_is_the_optimum() {
    for d in [16, 512] {
        let (x, y) = problem(d);
        let optimum = JointOptimum::new(x.view(), y.view()).unwrap();
        assert_eq!(optimum.rank(), d.min(N));
        for (k, lambda) in [3, 16].into_iter().flat_map(|k| LAMBDAS.map(|lambda| (k, lambda))) {
            let code = optimum.solve(lambda, k).unwrap();
            let total = squares(&y) + lambda * squares(&x);
            let direct = of_code(&x, &y, lambda, &code);
            assert!((direct - code.loss).abs() <= 1e-12 * total, "{d} {k} {lambda}: {direct} {}", code.loss);
            if lambda == 0.0 || k == d {
                assert!(code.loss <= 1e-12 * total && direct <= 1e-12 * total);
            }
        }
    }
}

/// Fact LBR A2 of `book/lbr.md`, for random weights and for small perturbations of the optimum.
#[test]
fn no_random_weights_are_below_the_optimum() {
    let (x, y) = problem(16);
    let optimum = JointOptimum::new(x.view(), y.view()).unwrap();
    let mut noise = Noise::new(1);
    for (k, lambda) in [3, 16].into_iter().flat_map(|k| LAMBDAS.map(|lambda| (k, lambda))) {
        let best = optimum.solve(lambda, k).unwrap();
        let tolerance = 1e-12 * (squares(&y) + lambda * squares(&x));
        for (size, keep) in [(1e-4, 1.0), (1e-2, 1.0), (1.0, 1.0), (0.25, 0.0)] {
            for _ in 0..5 {
                let [v, z, w] = [&best.encoder, &best.decoder, &best.classifier].map(|weights| {
                    let (rows, columns) = weights.dim();
                    keep * weights + size * noise.normal(rows, columns)
                });
                assert!(loss(&x, &y, lambda, [&v, &z, &w]) >= best.loss - tolerance);
            }
        }
    }
}

/// Fact LBR A2 of `book/lbr.md`, for training.
#[test]
fn adam_reaches_the_optimum_and_never_falls_below_it() {
    let (x, y) = problem(16);
    // Losses are invariant to rotations of the samples, so 256 samples are reduced to 16 without changing the losses.
    let q = linalg::orthonormal(x.view());
    let (x, y) = (q.t().dot(&x), q.t().dot(&y));
    let optimum = JointOptimum::new(x.view(), y.view()).unwrap();
    let scale = (16 * N) as f64;
    for (k, lambda) in [3, 16].into_iter().flat_map(|k| LAMBDAS.map(|lambda| (k, lambda))) {
        let best = optimum.solve(lambda, k).unwrap().loss;
        let mut noise = Noise::new(2);
        let start = [noise.normal(k, 16) / 4.0, noise.normal(16, k) / 4.0, noise.normal(2, k)];
        let gaps = [0.1, 0.01].map(|rate| {
            let [v, z, w] = adam(start.clone(), rate, 10_000, |[v, z, w]| {
                let codes = x.dot(&v.t());
                let images = lambda * (codes.dot(&z.t()) - &x);
                let scores = codes.dot(&w.t()) - &y;
                let dcodes = images.dot(z) + scores.dot(w);
                [dcodes.t().dot(&x), images.t().dot(&codes), scores.t().dot(&codes)]
                    .map(|gradient| gradient * 2.0 / scale)
            });
            (loss(&x, &y, lambda, [&v, &z, &w]) - best) / scale
        });
        assert!(gaps.iter().all(|&gap| gap >= -1e-12), "{k} {lambda}: {gaps:?}");
        assert!(gaps.iter().any(|&gap| gap <= 1e-10), "{k} {lambda}: {gaps:?}");
    }
}

/// Fact LBR A4 of `book/lbr.md`.
#[test]
fn much_reconstruction_is_principal_component_analysis() {
    let (x, y) = problem(16);
    let code = JointOptimum::new(x.view(), y.view()).unwrap().solve(1e9, 3).unwrap();
    let components = linalg::singular("x", x.view()).unwrap().right;
    let span = linalg::orthonormal(code.encoder.t());
    let cosines = rows(components.view(), ..3).dot(&span);
    let least = linalg::singular("cosines", cosines.view()).unwrap().values[2];
    assert!(least > 1.0 - 1e-10, "{least}");
}

/// Fact LBR A4 of `book/lbr.md`, with targets that the samples do not determine.
#[test]
fn no_reconstruction_is_regression_of_reduced_rank() {
    let (x, _) = problem(16);
    let y = Noise::new(3).normal(N, 5) + x.dot(&Noise::new(4).normal(16, 5));
    let optimum = JointOptimum::new(x.view(), y.view()).unwrap();
    let q = linalg::orthonormal(x.view());
    let fitted = q.dot(&q.t().dot(&y));
    let values = linalg::singular("fitted", fitted.view()).unwrap().values;
    for k in 1..=6 {
        let held: f64 = values.iter().take(k).map(|value| value * value).sum();
        let expected = squares(&y) - held;
        let got = optimum.solve(0.0, k).unwrap().loss;
        assert!((got / expected - 1.0).abs() < 1e-10, "{k}: {got} {expected}");
    }
}

/// Fact LBR A5 of `book/lbr.md`.
#[test]
fn the_loss_decreases_with_the_dimensions_up_to_the_rank_of_the_targets() {
    let (x, y) = problem(16);
    let y = y + 0.1 * Noise::new(5).normal(N, 2);
    let optimum = JointOptimum::new(x.view(), y.view()).unwrap();
    for lambda in LAMBDAS {
        let losses: Vec<f64> =
            (1..=16).map(|k| of_code(&x, &y, lambda, &optimum.solve(lambda, k).unwrap())).collect();
        let rounding = 1e-12 * (squares(&y) + lambda * squares(&x));
        assert!(losses.is_sorted_by(|high, low| *low <= high + rounding), "{losses:?}");
        if lambda == 0.0 {
            assert!(losses[1..].iter().all(|loss| (loss - losses[1]).abs() < 1e-10 * squares(&y)));
        }
    }
}

/// Fact LBR A7 of `book/lbr.md`: compares generalised eigenvalues of `d × d` matrices, `n × n` matrices, and this
/// closed form.
#[test]
fn two_other_methods_give_the_same_optimum() {
    let mut noise = Noise::new(6);
    let [x, y] = [24, 3].map(|columns| noise.normal(24, columns));
    let optimum = JointOptimum::new(x.view(), y.view()).unwrap();
    for lambda in LAMBDAS {
        let target = y.dot(&y.t()) + lambda * x.dot(&x.t());
        let by_samples = linalg::eigen("n", target.view()).unwrap().values;
        let b = linalg::cholesky("b", "", x.t().dot(&x).view()).unwrap();
        let root = linalg::dot(linalg::inverse_of_lower(b.view()).view(), x.t().as_standard_layout().view());
        let by_numbers = linalg::eigen("d", root.dot(&target).dot(&root.t()).view()).unwrap().values;
        let gains = optimum.solve(lambda, 24).unwrap().gains;
        for k in 0..24 {
            assert!((gains[k] - by_samples[k]).abs() < 1e-8 * gains[0], "{lambda} {k}");
            assert!((gains[k] - by_numbers[k]).abs() < 1e-8 * gains[0], "{lambda} {k}");
        }
    }
}

#[test]
fn invalid_arguments_are_refused() {
    let (mut x, y) = problem(16);
    let twin = x.column(1).to_owned();
    x.column_mut(0).assign(&twin);
    let optimum = JointOptimum::new(x.view(), y.view()).unwrap();
    assert_eq!(optimum.rank(), 15);
    let complaint = |lambda, k| optimum.solve(lambda, k).map(|_| ()).unwrap_err().to_string();
    assert_eq!(complaint(1.0, 16), "dimensions of the code: expected 1 to 15, got 16");
    assert_eq!(complaint(-1.0, 1), "lambda: expected at least 0 and finite, got -1");
    complaint(f64::NAN, 1);
    complaint(f64::INFINITY, 1);
    let refused = |x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>| {
        JointOptimum::new(x, y).map(|_| ()).unwrap_err().to_string()
    };
    let few = refused(x.view(), rows(y.view(), 1..));
    assert_eq!(few, "targets: expected 256, one for each sample, got 255");
    assert!(refused(Array2::zeros((3, 2)).view(), Array2::ones((3, 1)).view()).contains("differ"));
    x[[3, 2]] = f64::NAN;
    assert_eq!(refused(x.view(), y.view()), "samples: expected finite values, got NaN in row 3, column 2");
}
