//! Exercise: the backward pass of a convolution.

use crate::check::{Expected, Outcome, Random, compare, text};
use crate::{CALLS, Exercise};

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "conv",
    module: "conv",
    task: "both gradients of a convolution in one dimension",
    page: "tensors.md",
    stub: include_str!("../stubs/conv.rs"),
    function: "conv_backward",
    hints: &[
        "which outputs does x[i] take part in, and with which element of w?",
        "loop over the outputs i and the offsets j: y[i] uses w[j] x[i + j], so dy[i] contributes to dw[j] and to dx[i + j]",
        "dx[i + j] += w[j] dy[i] and dw[j] += x[i + j] dy[i]",
    ],
};

/// The learner's function.
pub type ConvBackward = fn(&[f64], &[f64], &[f64]) -> (Vec<f64>, Vec<f64>);

/// Checks `conv_backward(x, w, dy)`, which returns `(dx, dw)`.
///
/// # Errors
/// The first wrong call.
pub fn check(yours: ConvBackward, seed: u64) -> Outcome {
    for call in 0..CALLS {
        let mut random = Random::new(seed, call);
        let (n, r) = (random.between(4, 7), random.between(2, 3));
        let (x, w, dy) = (random.values(n), random.values(r), random.values(n - r + 1));
        let offsets = || (0..dy.len()).flat_map(|i| (0..r).map(move |j| (i, j)));
        let (mut dx, mut dw, mut last, mut forward) =
            (vec![0.0; n], vec![0.0; r], vec![0.0; n], vec![0.0; n]);
        for (i, j) in offsets() {
            dx[i + j] += w[j] * dy[i];
            dw[j] += x[i + j] * dy[i];
            last[i + j] = w[j] * dy[i];
            if i + j < dy.len() {
                forward[i] += w[j] * dy[i + j];
            }
        }
        let mistakes = [
            ("the offset has the wrong sign: output i reads x[i + j], so dy[i] goes to dx[i + j]", forward),
            ("a later output replaces the contribution of an earlier one; contributions add up", last),
        ];
        let (got_dx, got_dw) = yours(&x, &w, &dy);
        let inputs = format!("x = {}, w = {}, dy = {}", text(&x), text(&w), text(&dy));
        compare(
            &got_dx,
            &Expected { name: "dx", inputs: inputs.clone(), shape: &[n], elements: &dx, mistakes: &mistakes },
        )?;
        compare(&got_dw, &Expected { name: "dw", inputs, shape: &[r], elements: &dw, mistakes: &[] })?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "../solutions/conv.rs"]
mod solution;
#[cfg(test)]
#[path = "../stubs/conv.rs"]
mod stub;

#[cfg(test)]
mod tests {
    use super::{check, solution, stub};

    #[test]
    fn the_solution_passes_and_the_stub_and_two_mistakes_fail() {
        assert!((0..20).all(|seed| check(solution::conv_backward, seed).is_ok()));
        assert!(check(stub::conv_backward, 1).is_err());
        let replaces = |x: &[f64], w: &[f64], dy: &[f64]| {
            let (mut dx, dw) = solution::conv_backward(x, w, dy);
            for (i, j) in (0..dy.len()).flat_map(|i| (0..w.len()).map(move |j| (i, j))) {
                dx[i + j] = w[j] * dy[i];
            }
            (dx, dw)
        };
        assert!(check(replaces, 1).unwrap_err().contains("contributions add up"));
        let forward = |x: &[f64], w: &[f64], dy: &[f64]| {
            let (mut dx, dw) = solution::conv_backward(x, w, dy);
            for (i, dx) in dx.iter_mut().enumerate() {
                *dx = w.iter().enumerate().filter_map(|(j, w)| Some(w * dy.get(i + j)?)).sum();
            }
            (dx, dw)
        };
        assert!(check(forward, 1).unwrap_err().contains("the wrong sign"));
    }
}
