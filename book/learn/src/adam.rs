//! Exercise: the Adam optimiser.

use crate::check::{Expected, Outcome, Random, compare, text};
use crate::{CALLS, Exercise};

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "adam",
    module: "adam",
    task: "steps of Adam for one parameter",
    page: "training.md",
    stub: include_str!("../stubs/adam.rs"),
    function: "adam",
    hints: &[
        "m and v are running means that start at zero; both are too small in the first steps",
        "after step t divide m by 1 - 0.9^t and v by 1 - 0.999^t, with t counted from 1",
        "p = p - rate * m_hat / (sqrt(v_hat) + 1e-8)",
    ],
};

/// Adam; `corrects` whether means are corrected, `inside` whether epsilon is added inside of the root.
fn run(p: f64, gradients: &[f64], rate: f64, corrects: bool, inside: bool) -> f64 {
    let (mut p, mut m, mut v) = (p, 0.0, 0.0);
    for (step, g) in gradients.iter().enumerate() {
        let t = step as i32 + 1;
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        let [of_m, of_v] = if corrects { [1.0 - 0.9f64.powi(t), 1.0 - 0.999f64.powi(t)] } else { [1.0; 2] };
        let root = if inside { (v / of_v + 1e-8).sqrt() } else { (v / of_v).sqrt() + 1e-8 };
        p -= rate * m / of_m / root;
    }
    p
}

/// Checks `adam(p, gradients, rate)`, which returns the parameter after one step for each gradient.
///
/// # Errors
/// The first wrong call.
pub fn check(yours: fn(f64, &[f64], f64) -> f64, seed: u64) -> Outcome {
    for call in 0..CALLS {
        let mut random = Random::new(seed, call);
        let n_steps = random.between(1, 6);
        // Small gradients show where epsilon is.
        let size = if call % 3 == 2 { 1e-4 } else { 1.0 };
        let gradients: Vec<f64> = random.values(n_steps).into_iter().map(|g| size * g).collect();
        let (p, rate) = (random.value(), 0.1);
        let mistakes = [
            (
                "the running means are not corrected for their start at zero",
                vec![run(p, &gradients, rate, false, false)],
            ),
            (
                "epsilon is inside of the root; it is added to the root",
                vec![run(p, &gradients, rate, true, true)],
            ),
            ("the step goes uphill", vec![2.0 * p - run(p, &gradients, rate, true, false)]),
        ];
        let inputs = if size < 1.0 {
            format!(
                "p = {p:.4}, rate = {rate}, gradients 1e-4 times {}",
                text(&gradients.iter().map(|g| g / size).collect::<Vec<_>>())
            )
        } else {
            format!("p = {p:.4}, rate = {rate}, gradients {}", text(&gradients))
        };
        let elements = [run(p, &gradients, rate, true, false)];
        compare(
            &[yours(p, &gradients, rate)],
            &Expected { name: "p", inputs, shape: &[], elements: &elements, mistakes: &mistakes },
        )?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "../solutions/adam.rs"]
mod solution;
#[cfg(test)]
#[path = "../stubs/adam.rs"]
mod stub;

#[cfg(test)]
mod tests {
    use super::{check, run, solution, stub};

    #[test]
    fn the_solution_passes_and_the_stub_and_two_mistakes_fail() {
        assert!((0..20).all(|seed| check(solution::adam, seed).is_ok()));
        assert!(check(stub::adam, 1).is_err());
        assert!(check(|p, g, rate| run(p, g, rate, false, false), 1).unwrap_err().contains("not corrected"));
        assert!(
            check(|p, g, rate| run(p, g, rate, true, true), 1).unwrap_err().contains("inside of the root")
        );
    }
}
