//! Exercise: the backward pass of tanh.

use crate::check::{Expected, Outcome, Random, compare};
use crate::{CALLS, Exercise};

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "tanh",
    module: "tanh",
    task: "the gradient of tanh from its output",
    page: "tape.md",
    stub: include_str!("../stubs/tanh.rs"),
    function: "tanh_backward",
    hints: &[
        "the derivative of tanh(x) can be written in terms of y = tanh(x)",
        "it is 1 - y^2; the chain rule multiplies it with the gradient of the output",
    ],
};

/// Checks `tanh_backward(y, dy)`.
///
/// # Errors
/// The first wrong call.
pub fn check(yours: fn(f64, f64) -> f64, seed: u64) -> Outcome {
    for call in 0..CALLS {
        let mut random = Random::new(seed, call);
        let (x, dy) = (random.value(), random.value());
        let y = x.tanh();
        let mistakes = [
            ("the square is missing: the derivative is 1 - y^2", vec![(1.0 - y) * dy]),
            ("y is the output already, so tanh must not be taken again", vec![(1.0 - y.tanh().powi(2)) * dy]),
            ("the gradient of the output is missing", vec![1.0 - y * y]),
        ];
        let expected = Expected {
            name: "dx",
            inputs: format!("y = {y:.4}, dy = {dy:.4}"),
            shape: &[],
            elements: &[(1.0 - y * y) * dy],
            mistakes: &mistakes,
        };
        compare(&[yours(y, dy)], &expected)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "../solutions/tanh.rs"]
mod solution;
#[cfg(test)]
#[path = "../stubs/tanh.rs"]
mod stub;

#[cfg(test)]
mod tests {
    use super::{check, solution, stub};

    #[test]
    fn the_solution_passes_and_the_stub_and_two_mistakes_fail() {
        assert!((0..20).all(|seed| check(solution::tanh_backward, seed).is_ok()));
        assert!(check(stub::tanh_backward, 1).is_err());
        assert!(check(|y, dy| (1.0 - y) * dy, 1).unwrap_err().contains("the square is missing"));
        let again = |y: f64, dy: f64| (1.0 - y.tanh() * y.tanh()) * dy;
        assert!(check(again, 1).unwrap_err().contains("tanh must not be taken again"));
    }
}
