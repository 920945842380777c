//! Exercise: the backward pass of layer normalisation.

use crate::check::{Expected, Outcome, Random, compare, text};
use crate::{CALLS, Exercise};

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "layer_norm",
    module: "layer_norm",
    task: "the gradient of a normalised row",
    page: "from-formula-to-code.md",
    stub: include_str!("../stubs/layer_norm.rs"),
    function: "layer_norm_backward",
    hints: &[
        "every element of x also moves the mean and the variance of its row",
        "with z = (x - m) s and s = 1 / sqrt(v + eps): the derivative of s with respect to x_j is -s^2 z_j / d",
        "dx = s (dz - mean(dz) - z mean(dz z))",
    ],
};

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

/// Checks `layer_norm_backward(x, dz, eps)`.
///
/// # Errors
/// The first wrong call.
pub fn check(yours: fn(&[f64], &[f64], f64) -> Vec<f64>, seed: u64) -> Outcome {
    for call in 0..CALLS {
        let mut random = Random::new(seed, call);
        let d = random.between(2, 6);
        let (x, dz, eps) = (random.values(d), random.values(d), 0.1);
        let m = mean(x.iter().copied());
        let s = 1.0 / (mean(x.iter().map(|x| (x - m) * (x - m))) + eps).sqrt();
        let z: Vec<f64> = x.iter().map(|x| (x - m) * s).collect();
        let mean_g = mean(dz.iter().copied());
        let mean_gz = mean(dz.iter().zip(&z).map(|(g, z)| g * z).collect::<Vec<_>>().into_iter());
        let with = |a: f64, b: f64| -> Vec<f64> {
            dz.iter().zip(&z).map(|(g, z)| s * (g - a * mean_g - b * z * mean_gz)).collect()
        };
        let mistakes = [
            ("mean and variance are taken as constants, but x moves both", with(0.0, 0.0)),
            ("the variance is taken as a constant; the term with z is missing", with(1.0, 0.0)),
            ("the mean is taken as a constant; mean(dz) is missing", with(0.0, 1.0)),
            ("a sign is wrong in the term with z", with(1.0, -1.0)),
        ];
        let expected = Expected {
            name: "dx",
            inputs: format!("x = {}, dz = {}, eps = {eps}", text(&x), text(&dz)),
            shape: &[d],
            elements: &with(1.0, 1.0),
            mistakes: &mistakes,
        };
        compare(&yours(&x, &dz, eps), &expected)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "../solutions/layer_norm.rs"]
mod solution;
#[cfg(test)]
#[path = "../stubs/layer_norm.rs"]
mod stub;

#[cfg(test)]
mod tests {
    use super::{check, mean, solution, stub};

    #[test]
    fn the_solution_passes_and_the_stub_and_two_mistakes_fail() {
        assert!((0..20).all(|seed| check(solution::layer_norm_backward, seed).is_ok()));
        assert!(check(stub::layer_norm_backward, 1).is_err());
        fn scaled(x: &[f64], dz: &[f64], eps: f64, centred: bool) -> Vec<f64> {
            let m = mean(x.iter().copied());
            let s = 1.0 / (mean(x.iter().map(|x| (x - m).powi(2))) + eps).sqrt();
            let mean_g = if centred { mean(dz.iter().copied()) } else { 0.0 };
            dz.iter().map(|g| s * (g - mean_g)).collect()
        }
        let constants = |x: &[f64], dz: &[f64], eps| scaled(x, dz, eps, false);
        assert!(check(constants, 1).unwrap_err().contains("taken as constants"));
        let no_variance = |x: &[f64], dz: &[f64], eps| scaled(x, dz, eps, true);
        assert!(check(no_variance, 1).unwrap_err().contains("the variance is taken as a constant"));
    }

    #[test]
    fn the_solution_agrees_with_central_differences() {
        let (x, dz, eps, h) = ([0.3, -1.2, 0.8, 1.9], [0.5, -0.4, 1.1, 0.2], 0.1, 6e-6);
        let loss = |x: &[f64]| -> f64 {
            let m = mean(x.iter().copied());
            let s = 1.0 / (mean(x.iter().map(|x| (x - m).powi(2))) + eps).sqrt();
            x.iter().zip(dz).map(|(x, g)| (x - m) * s * g).sum()
        };
        let dx = solution::layer_norm_backward(&x, &dz, eps);
        for place in 0..x.len() {
            let [mut above, mut below] = [x, x];
            (above[place], below[place]) = (x[place] + h, x[place] - h);
            let slope = (loss(&above) - loss(&below)) / (2.0 * h);
            assert!((slope - dx[place]).abs() < 1e-8, "{place}: {slope} {}", dx[place]);
        }
    }
}
