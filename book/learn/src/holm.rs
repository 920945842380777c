//! Exercise: Holm's procedure.

use crate::check::{Expected, Outcome, Random, compare, text};
use crate::{CALLS, Exercise};

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "holm",
    module: "holm",
    task: "which of several hypotheses are rejected",
    page: "verdicts.md",
    stub: include_str!("../stubs/holm.rs"),
    function: "holm",
    hints: &[
        "sort the p-values; compare the smallest with α / m, the next with α / (m - 1), and so on",
        "stop at the first that is too large: all later ones stay, even if they are below their own level",
    ],
};

/// As 0 and 1, for the comparison.
fn numbers(rejected: &[bool]) -> Vec<f64> {
    rejected.iter().map(|one| f64::from(u8::from(*one))).collect()
}

/// Rejections by levels `alpha / divisor(place in the order)`; `stops` at the first p-value above its level.
fn rejected(p: &[f64], alpha: f64, stops: bool, divisor: impl Fn(usize) -> usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let (mut rejected, mut goes_on) = (vec![false; p.len()], true);
    for (place, &which) in order.iter().enumerate() {
        let below = p[which] <= alpha / divisor(place) as f64;
        goes_on &= below;
        rejected[which] = below && (goes_on || !stops);
    }
    rejected
}

/// Checks `holm(p_values, alpha)`.
///
/// # Errors
/// The first wrong call.
pub fn check(yours: fn(&[f64], f64) -> Vec<bool>, seed: u64) -> Outcome {
    for call in 0..CALLS {
        let mut random = Random::new(seed, call);
        let (m, alpha) = (random.between(3, 6), 0.05);
        let p: Vec<f64> = (0..m).map(|_| 0.03 * random.value().abs()).collect();
        let mistakes = [
            (
                "every p-value is compared with alpha / m; after a rejection fewer hypotheses are left",
                numbers(&rejected(&p, alpha, true, |_| m)),
            ),
            (
                "it goes on after the first p-value above its level",
                numbers(&rejected(&p, alpha, false, |place| m - place)),
            ),
            ("no level is adjusted", numbers(&rejected(&p, alpha, true, |_| 1))),
        ];
        let inputs = format!("p = {}, alpha = {alpha}", text(&p));
        let elements = numbers(&rejected(&p, alpha, true, |place| m - place));
        let got = numbers(&yours(&p, alpha));
        compare(
            &got,
            &Expected { name: "rejected", inputs, shape: &[m], elements: &elements, mistakes: &mistakes },
        )?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "../solutions/holm.rs"]
mod solution;
#[cfg(test)]
#[path = "../stubs/holm.rs"]
mod stub;

#[cfg(test)]
mod tests {
    use super::{check, rejected, solution, stub};

    #[test]
    fn the_solution_passes_and_the_stub_and_two_mistakes_fail() {
        assert!((0..20).all(|seed| check(solution::holm, seed).is_ok()));
        assert!(check(stub::holm, 1).is_err());
        let fixed = |p: &[f64], alpha: f64| rejected(p, alpha, true, |_| p.len());
        assert!(check(fixed, 1).unwrap_err().contains("fewer hypotheses are left"));
        let goes_on = |p: &[f64], alpha: f64| rejected(p, alpha, false, |place| p.len() - place);
        assert!(check(goes_on, 1).unwrap_err().contains("goes on after the first"));
    }
}
