//! Exercise: softmax and cross-entropy, forward and backward.

use crate::check::{Expected, Outcome, Random, compare, text};
use crate::{CALLS, Exercise};

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "cross_entropy",
    module: "cross_entropy",
    task: "softmax cross-entropy and its gradient, also for huge scores",
    page: "training.md",
    stub: include_str!("../stubs/cross_entropy.rs"),
    function: "cross_entropy",
    hints: &[
        "softmax does not change if the same value is subtracted from all scores; which value prevents an overflow?",
        "loss = ln(sum of exp(s - max)) - (s[label] - max)",
        "the gradient is softmax(s), less 1 at the label",
    ],
};

/// The loss and the probabilities.
fn softmax(scores: &[f64], label: usize) -> (f64, Vec<f64>) {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|s| (s - largest).exp()).sum();
    (sum.ln() - (scores[label] - largest), scores.iter().map(|s| (s - largest).exp() / sum).collect())
}

/// Checks `cross_entropy(scores, label)`, which returns the loss and its gradient.
///
/// # Errors
/// The first wrong call.
pub fn check(yours: fn(&[f64], usize) -> (f64, Vec<f64>), seed: u64) -> Outcome {
    for call in 0..CALLS {
        let mut random = Random::new(seed, call);
        let classes = random.between(2, 6);
        // Every fifth call has scores whose exponentials overflow.
        let size = if call % 5 == 4 { 1000.0 } else { 1.0 };
        let scores: Vec<f64> = random.values(classes).into_iter().map(|s| size * s).collect();
        let label = random.between(0, classes - 1);
        let (loss, probabilities) = softmax(&scores, label);
        let less_at_label = |one: f64| -> Vec<f64> {
            let is_label = |class: usize| f64::from(u8::from(class == label));
            probabilities.iter().enumerate().map(|(class, p)| p - one * is_label(class)).collect()
        };
        let negated = less_at_label(1.0).iter().map(|g| -g).collect();
        let (got, gradient) = yours(&scores, label);
        let inputs = format!("scores {}, label {label}", text(&scores));
        if !(got.is_finite() && gradient.iter().all(|g| g.is_finite())) {
            return Err(format!(
                "loss for {inputs}: expected {loss:.6e}, got {got:e}, with a gradient of {gradient:.3?}; exponentials overflow, so subtract the largest score first"
            ));
        }
        let of_loss = [("the sign is wrong: it is -ln of the probability", vec![-loss])];
        compare(
            &[got],
            &Expected {
                name: "loss",
                inputs: inputs.clone(),
                shape: &[],
                elements: &[loss],
                mistakes: &of_loss,
            },
        )?;
        let mistakes = [
            ("it is softmax alone; the class of the label gets 1 less", less_at_label(0.0)),
            ("the sign is wrong", negated),
        ];
        let elements = less_at_label(1.0);
        compare(
            &gradient,
            &Expected {
                name: "gradient",
                inputs,
                shape: &[classes],
                elements: &elements,
                mistakes: &mistakes,
            },
        )?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "../solutions/cross_entropy.rs"]
mod solution;
#[cfg(test)]
#[path = "../stubs/cross_entropy.rs"]
mod stub;

#[cfg(test)]
mod tests {
    use super::{check, softmax, solution, stub};

    #[test]
    fn the_solution_passes_and_the_stub_and_two_mistakes_fail() {
        assert!((0..20).all(|seed| check(solution::cross_entropy, seed).is_ok()));
        assert!(check(stub::cross_entropy, 1).is_err());
        assert!(check(softmax, 1).unwrap_err().contains("gets 1 less"));
        let overflows = |scores: &[f64], label: usize| {
            let sum: f64 = scores.iter().map(|s| s.exp()).sum();
            let mut gradient: Vec<f64> = scores.iter().map(|s| s.exp() / sum).collect();
            gradient[label] -= 1.0;
            (sum.ln() - scores[label], gradient)
        };
        assert!(
            (1..5).all(|seed| check(overflows, seed).unwrap_err().contains("subtract the largest score"))
        );
    }
}
