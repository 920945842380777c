//! Exercise: the gradient of a latent that two heads share.

use crate::check::{Expected, Outcome, Random, compare, text};
use crate::{CALLS, Exercise};

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "split",
    module: "split",
    task: "the encoder's gradient at the latent of a CRE",
    page: "cre-step.md",
    stub: include_str!("../stubs/split.rs"),
    function: "split_backward",
    hints: &[
        "each head gives its own gradient at z; λ weighs that of the reconstruction",
        "dz = λ g_r + (1 - λ) g_c",
    ],
};

/// Checks `split_backward(of_mse, of_cross_entropy, lambda)`.
///
/// # Errors
/// The first wrong call.
pub fn check(yours: fn(&[f64], &[f64], f64) -> Vec<f64>, seed: u64) -> Outcome {
    for call in 0..CALLS {
        let mut random = Random::new(seed, call);
        let k = random.between(2, 5);
        let (of_mse, of_cross_entropy) = (random.values(k), random.values(k));
        let lambda = 0.05 + 0.2 * random.value().abs();
        let with = |a: f64, b: f64| -> Vec<f64> {
            of_mse.iter().zip(&of_cross_entropy).map(|(r, c)| a * r + b * c).collect()
        };
        let mistakes = [
            ("λ weighs the reconstruction, not the classification", with(1.0 - lambda, lambda)),
            ("it is the plain sum; the encoder gets a mixture", with(1.0, 1.0)),
        ];
        let inputs = format!("g_r = {}, g_c = {}, λ = {lambda:.4}", text(&of_mse), text(&of_cross_entropy));
        let elements = with(lambda, 1.0 - lambda);
        let got = yours(&of_mse, &of_cross_entropy, lambda);
        compare(
            &got,
            &Expected { name: "dz", inputs, shape: &[k], elements: &elements, mistakes: &mistakes },
        )?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "../solutions/split.rs"]
mod solution;
#[cfg(test)]
#[path = "../stubs/split.rs"]
mod stub;

#[cfg(test)]
mod tests {
    use super::{check, solution, stub};

    #[test]
    fn the_solution_passes_and_the_stub_and_two_mistakes_fail() {
        assert!((0..20).all(|seed| check(solution::split_backward, seed).is_ok()));
        assert!(check(stub::split_backward, 1).is_err());
        let swapped = |r: &[f64], c: &[f64], lambda: f64| solution::split_backward(c, r, lambda);
        assert!(check(swapped, 1).unwrap_err().contains("not the classification"));
        let sum = |r: &[f64], c: &[f64], _: f64| r.iter().zip(c).map(|(r, c)| r + c).collect();
        assert!(check(sum, 1).unwrap_err().contains("plain sum"));
    }
}
