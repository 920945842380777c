//! A gradient check: the tape's derivatives against central differences.

use crate::{Tape, Var};

// ANCHOR: difference
/// The slope of `f` at `x` by a central difference with step `h`; its error is about `h^2 f'''(x) / 6`, plus rounding
/// of about `epsilon |f(x)| / h`.
pub fn central_difference(f: impl Fn(f64) -> f64, x: f64, h: f64) -> f64 {
    (f(x + h) - f(x - h)) / (2.0 * h)
}
// ANCHOR_END: difference

// ANCHOR: check
/// The derivatives of `f` by the tape and by central differences, for each input.
pub fn compare<const N: usize>(
    f: impl for<'t> Fn([Var<'t>; N]) -> Var<'t>,
    inputs: [f64; N],
    h: f64,
) -> [(f64, f64); N] {
    let value = |inputs: [f64; N]| {
        let tape = Tape::new();
        f(inputs.map(|x| tape.input("x", x))).value()
    };
    let tape = Tape::new();
    let vars = inputs.map(|x| tape.input("x", x));
    let gradients = tape.backward(f(vars));
    std::array::from_fn(|place| {
        let moved = |x: f64| {
            let mut inputs = inputs;
            inputs[place] = x;
            value(inputs)
        };
        (gradients.of(vars[place]), central_difference(moved, inputs[place], h))
    })
}
// ANCHOR_END: check

#[cfg(test)]
mod tests {
    use super::*;

    /// Near the cube root of epsilon, where both errors of a central difference are about equal.
    const H: f64 = 6e-6;

    #[test]
    fn every_operation_agrees_with_central_differences() {
        type Function = for<'t> fn([Var<'t>; 2]) -> Var<'t>;
        let functions: [(&str, Function); 9] = [
            ("+", |[x, y]| x + y),
            ("-", |[x, y]| x - y),
            ("*", |[x, y]| x * y),
            ("/", |[x, y]| x / y),
            ("negate", |[x, y]| -x * y),
            ("tanh", |[x, y]| x.tanh() * y),
            ("exp", |[x, y]| x.exp() * y),
            ("ln", |[x, y]| x.ln() * y),
            ("relu", |[x, y]| x.relu() * y),
        ];
        for (name, f) in functions {
            for inputs in [[0.3, 2.0], [1.5, -0.7], [2.0, 2.0]] {
                for (analytic, numeric) in compare(f, inputs, H) {
                    // Values and third derivatives here are below 100: 100 h^2 / 6 + 100 epsilon / h.
                    let allowed = 100.0 * (H * H / 6.0 + f64::EPSILON / H);
                    assert!((analytic - numeric).abs() < allowed, "{name} {inputs:?}: {analytic} {numeric}");
                }
            }
        }
    }

    #[test]
    fn the_error_is_smallest_between_coarse_and_fine_steps() {
        let error = |h| (central_difference(f64::exp, 1.0, h) - 1f64.exp()).abs();
        assert!(error(6e-6) < error(1e-2) / 1e4 && error(6e-6) < error(1e-12) / 1e4);
    }
}
