//! Exercise: the interval of a paired difference.

use crate::check::{Expected, Outcome, Random, compare, text};
use crate::{CALLS, Exercise};

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "interval",
    module: "interval",
    task: "the confidence interval of a difference that is paired by seeds",
    page: "verdicts.md",
    stub: include_str!("../stubs/interval.rs"),
    function: "paired_interval",
    hints: &[
        "take the difference within each seed first, then treat the differences as one sample",
        "the standard error is sqrt(sum of squared deviations / (n (n - 1)))",
        "the interval is the mean less and plus t times the standard error",
    ],
};

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn squares(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|x| (x - mean) * (x - mean)).sum()
}

/// The learner's function.
pub type PairedInterval = fn(&[f64], &[f64], f64) -> (f64, f64);

/// Checks `paired_interval(a, b, t)`, which returns the ends of the interval of the mean of `a - b`.
///
/// # Errors
/// The first wrong call.
pub fn check(yours: PairedInterval, seed: u64) -> Outcome {
    for call in 0..CALLS {
        let mut random = Random::new(seed, call);
        let n = random.between(3, 7);
        let common = random.values(n);
        // What the seed does to both settings is larger than their difference.
        let [a, b] = [1.0, 0.7].map(|shift| -> Vec<f64> {
            common.iter().map(|of_seed| 10.0 * of_seed + shift + 0.1 * random.value()).collect()
        });
        let t = 2.0 + random.value().abs();
        let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
        let size = n as f64;
        let ends = |error: f64| vec![mean(&differences) - t * error, mean(&differences) + t * error];
        let paired = squares(&differences);
        let mistakes = [
            (
                "it is that of two independent samples; take differences within each seed",
                ends(((squares(&a) + squares(&b)) / (size * (size - 1.0))).sqrt()),
            ),
            ("the squares are divided by n in place of n - 1", ends((paired / (size * size)).sqrt())),
            (
                "it is the spread of single seeds; the error of their mean is smaller by the root of n",
                ends((paired / (size - 1.0)).sqrt()),
            ),
        ];
        let expected = Expected {
            name: "ends",
            inputs: format!("a = {}, b = {}, t = {t:.4}", text(&a), text(&b)),
            shape: &[2],
            elements: &ends((paired / (size * (size - 1.0))).sqrt()),
            mistakes: &mistakes,
        };
        let (low, high) = yours(&a, &b, t);
        compare(&[low, high], &expected)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "../solutions/interval.rs"]
mod solution;
#[cfg(test)]
#[path = "../stubs/interval.rs"]
mod stub;

#[cfg(test)]
mod tests {
    use super::{check, mean, solution, squares, stub};

    #[test]
    fn the_solution_passes_and_the_stub_and_two_mistakes_fail() {
        assert!((0..20).all(|seed| check(solution::paired_interval, seed).is_ok()));
        assert!(check(stub::paired_interval, 1).is_err());
        let unpaired = |a: &[f64], b: &[f64], t: f64| {
            let (n, centre) = (a.len() as f64, mean(a) - mean(b));
            let half = t * ((squares(a) + squares(b)) / (n * (n - 1.0))).sqrt();
            (centre - half, centre + half)
        };
        assert!(check(unpaired, 1).unwrap_err().contains("two independent samples"));
        let by_n = |a: &[f64], b: &[f64], t: f64| {
            let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
            let half = t * (squares(&differences)).sqrt() / a.len() as f64;
            (mean(&differences) - half, mean(&differences) + half)
        };
        assert!(check(by_n, 1).unwrap_err().contains("n in place of n - 1"));
    }
}
