//! The backward pass over a tape.

use learn::walk::Node;

/// The derivative of the value at position `loss` with respect to every value on the tape.
pub fn backward(nodes: &[Node], loss: usize) -> Vec<f64> {
    let mut gradients = vec![0.0; nodes.len()];
    gradients[loss] = 1.0;
    for at in (0..=loss).rev() {
        for &(operand, derivative) in &nodes[at].operands {
            gradients[operand] += derivative * gradients[at];
        }
    }
    gradients
}
