//! Exercise: the backward pass of dropout.

use crate::check::{Expected, Outcome, Random, compare, text};
use crate::{CALLS, Exercise};

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "dropout",
    module: "dropout",
    task: "the gradient of dropout with a given mask",
    page: "determinism.md",
    stub: include_str!("../stubs/dropout.rs"),
    function: "dropout_backward",
    hints: &[
        "with its mask fixed, dropout is a linear function of each element",
        "kept elements are divided by 1 - p in the forward pass; what does this do to the gradient?",
    ],
};

/// Checks `dropout_backward(dy, kept, p)`.
///
/// # Errors
/// The first wrong call.
pub fn check(yours: fn(&[f64], &[bool], f64) -> Vec<f64>, seed: u64) -> Outcome {
    for call in 0..CALLS {
        let mut random = Random::new(seed, call);
        let n = random.between(3, 6);
        let (dy, p) = (random.values(n), 0.1 + 0.15 * random.value().abs());
        let mut kept: Vec<bool> = (0..n).map(|_| random.value() > 0.0).collect();
        // Both kinds are there.
        (kept[0], kept[1]) = (true, false);
        let with = |factor: f64, all: bool| -> Vec<f64> {
            dy.iter().zip(&kept).map(|(dy, kept)| if *kept || all { factor * dy } else { 0.0 }).collect()
        };
        let mistakes = [
            ("kept elements were divided by 1 - p, and so must their gradient be", with(1.0, false)),
            ("it is multiplied by 1 - p; divide", with(1.0 - p, false)),
            ("dropped elements have no influence, so their gradient is zero", with(1.0 / (1.0 - p), true)),
        ];
        let inputs = format!("dy = {}, kept = {kept:?}, p = {p:.4}", text(&dy));
        let elements = with(1.0 / (1.0 - p), false);
        compare(
            &yours(&dy, &kept, p),
            &Expected { name: "dx", inputs, shape: &[n], elements: &elements, mistakes: &mistakes },
        )?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "../solutions/dropout.rs"]
mod solution;
#[cfg(test)]
#[path = "../stubs/dropout.rs"]
mod stub;

#[cfg(test)]
mod tests {
    use super::{check, solution, stub};

    #[test]
    fn the_solution_passes_and_the_stub_and_two_mistakes_fail() {
        assert!((0..20).all(|seed| check(solution::dropout_backward, seed).is_ok()));
        assert!(check(stub::dropout_backward, 1).is_err());
        let unscaled = |dy: &[f64], kept: &[bool], _: f64| solution::dropout_backward(dy, kept, 0.0);
        assert!(check(unscaled, 1).unwrap_err().contains("were divided by 1 - p"));
        let unmasked =
            |dy: &[f64], kept: &[bool], p: f64| solution::dropout_backward(dy, &vec![true; kept.len()], p);
        assert!(check(unmasked, 1).unwrap_err().contains("their gradient is zero"));
    }
}
