//! Exercise: the backward pass over a tape.

use crate::check::{Expected, Outcome, Random, compare};
use crate::{CALLS, Exercise};

/// A recorded value: its operands' positions on the tape, each with the derivative of this value with respect to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Positions before that of this value, which may be equal, and derivatives.
    pub operands: Vec<(usize, f64)>,
}

/// The exercise.
pub const EXERCISE: Exercise = Exercise {
    name: "walk",
    module: "walk",
    task: "the backward pass over a tape of scalars",
    page: "tape.md",
    stub: include_str!("../stubs/walk.rs"),
    function: "backward",
    hints: &[
        "visit positions from the loss down to 0: by then all uses of a value have contributed",
        "each operand gets its derivative times the gradient of the value, added to what it has",
    ],
};

/// A random tape on which values are used several times.
fn tape(random: &mut Random) -> Vec<Node> {
    let n = random.between(3, 9);
    let node = |at: usize, random: &mut Random| {
        let n_operands = if at == 0 { 0 } else { random.between(1, 2) };
        Node { operands: (0..n_operands).map(|_| (random.between(0, at - 1), random.value())).collect() }
    };
    (0..n).map(|at| node(at, random)).collect()
}

/// The backward pass in this order, where `add` combines a gradient with a contribution.
fn walk(nodes: &[Node], loss: usize, order: &[usize], add: fn(f64, f64) -> f64) -> Vec<f64> {
    let mut gradients = vec![0.0; nodes.len()];
    gradients[loss] = 1.0;
    for &at in order {
        for &(operand, derivative) in &nodes[at].operands {
            gradients[operand] = add(gradients[operand], derivative * gradients[at]);
        }
    }
    gradients
}

/// Checks `backward(nodes, loss)`.
///
/// # Errors
/// The first wrong call.
pub fn check(yours: fn(&[Node], usize) -> Vec<f64>, seed: u64) -> Outcome {
    for call in 0..CALLS {
        let mut random = Random::new(seed, call);
        let nodes = tape(&mut random);
        // Not always the last value: nothing after the loss matters.
        let loss = random.between(1, nodes.len() - 1);
        let upward: Vec<usize> = (0..=loss).collect();
        let downward: Vec<usize> = upward.iter().rev().copied().collect();
        let mistakes = [
            ("no operand has received a contribution yet", walk(&nodes, loss, &[], |before, _| before)),
            (
                "a second use replaces the gradient of the first; contributions add up",
                walk(&nodes, loss, &downward, |_, contribution| contribution),
            ),
            (
                "positions are visited upward, before their gradients are complete",
                walk(&nodes, loss, &upward, |before, contribution| before + contribution),
            ),
        ];
        let expected = Expected {
            name: "gradients",
            inputs: format!("loss = {loss} and {nodes:.3?}"),
            shape: &[nodes.len()],
            elements: &walk(&nodes, loss, &downward, |before, contribution| before + contribution),
            mistakes: &mistakes,
        };
        compare(&yours(&nodes, loss), &expected)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "../solutions/walk.rs"]
mod solution;
#[cfg(test)]
#[path = "../stubs/walk.rs"]
mod stub;

#[cfg(test)]
mod tests {
    use super::{Node, check, solution, stub};

    fn by(order: impl Iterator<Item = usize>, nodes: &[Node], loss: usize, adds: bool) -> Vec<f64> {
        let mut gradients = vec![0.0; nodes.len()];
        gradients[loss] = 1.0;
        for at in order {
            for &(operand, derivative) in &nodes[at].operands {
                let before = if adds { gradients[operand] } else { 0.0 };
                gradients[operand] = before + derivative * gradients[at];
            }
        }
        gradients
    }

    #[test]
    fn the_solution_passes_and_the_stub_and_two_mistakes_fail() {
        assert!((0..20).all(|seed| check(solution::backward, seed).is_ok()));
        assert!(check(stub::backward, 1).is_err());
        let message = check(|nodes, loss| by((0..=loss).rev(), nodes, loss, false), 1).unwrap_err();
        assert!(message.contains("contributions add up"), "{message}");
        let message = check(|nodes, loss| by(0..=loss, nodes, loss, true), 1).unwrap_err();
        assert!(message.contains("visited upward"), "{message}");
    }
}
