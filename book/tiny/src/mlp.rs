//! A network with one hidden layer, and its training by gradient descent.

use crate::{Tape, Var};

/// The four cases of exclusive or: two inputs and the expected output.
pub const XOR: [([f64; 2], f64); 4] =
    [([-1.0, -1.0], -1.0), ([-1.0, 1.0], 1.0), ([1.0, -1.0], 1.0), ([1.0, 1.0], -1.0)];

// ANCHOR: forward
/// A network of two inputs, `hidden` units with tanh, and one output.
#[derive(Debug, Clone)]
pub struct Mlp {
    hidden: usize,
    /// For each hidden unit two weights, a bias and its weight in the output; at the end the bias of the output.
    weights: Vec<f64>,
}

impl Mlp {
    /// The output for `inputs`, computed on the tape of `weights`.
    fn forward<'t>(&self, weights: &[Var<'t>], [a, b]: [Var<'t>; 2]) -> Var<'t> {
        let mut output = weights[4 * self.hidden];
        for unit in weights[..4 * self.hidden].chunks_exact(4) {
            let activation = (unit[0] * a + unit[1] * b + unit[2]).tanh();
            output = output + unit[3] * activation;
        }
        output
    }
    // ANCHOR_END: forward

    /// A network with weights that are uniform in [-1, 1), determined by `seed`.
    pub fn new(hidden: usize, seed: u64) -> Self {
        let weights = (0..4 * hidden as u64 + 1).map(|at| uniform(seed, at)).collect();
        Self { hidden, weights }
    }

    // ANCHOR: step
    /// One step of gradient descent on the mean squared error over `examples`; returns the loss before it.
    pub fn step(&mut self, examples: &[([f64; 2], f64)], learning_rate: f64) -> f64 {
        let tape = Tape::new();
        let weights: Vec<Var<'_>> = self.weights.iter().map(|&w| tape.input("w", w)).collect();
        let mut sum = tape.input("0", 0.0);
        for &(inputs, expected) in examples {
            let output = self.forward(&weights, inputs.map(|x| tape.input("x", x)));
            let error = output - tape.input("t", expected);
            sum = sum + error * error;
        }
        let loss = sum / tape.input("n", examples.len() as f64);
        let gradients = tape.backward(loss);
        for (weight, var) in self.weights.iter_mut().zip(&weights) {
            *weight -= learning_rate * gradients.of(*var);
        }
        loss.value()
    }
    // ANCHOR_END: step

    /// The output for `inputs`.
    pub fn predict(&self, inputs: [f64; 2]) -> f64 {
        let tape = Tape::new();
        let weights: Vec<Var<'_>> = self.weights.iter().map(|&w| tape.input("w", w)).collect();
        self.forward(&weights, inputs.map(|x| tape.input("x", x))).value()
    }
}

/// A uniform number in [-1, 1) that is a function of a seed and a counter (SplitMix64; Steele, Lea and Flood, 2014).
fn uniform(seed: u64, counter: u64) -> f64 {
    let mut x = seed.wrapping_add((counter + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    // 53 bits fill the significand of an f64.
    (x >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusive_or_is_learned_from_several_seeds() {
        for seed in 0..5 {
            let mut network = Mlp::new(4, seed);
            let first = network.step(&XOR, 0.1);
            let last = (0..1000).fold(first, |_, _| network.step(&XOR, 0.1));
            assert!(last < first / 10.0, "seed {seed}: the loss fell from {first} to {last} only");
            for (inputs, expected) in XOR {
                assert!(network.predict(inputs) * expected > 0.5, "seed {seed}, {inputs:?}");
            }
        }
    }

    #[test]
    fn a_network_without_hidden_units_cannot_learn_exclusive_or() {
        let mut network = Mlp::new(0, 0);
        let last = (0..1000).fold(0.0, |_, _| network.step(&XOR, 0.1));
        // The best constant is 0, and every case is then missed by 1.
        assert!((last - 1.0).abs() < 1e-9, "{last}");
    }

    #[test]
    fn weights_are_a_function_of_the_seed() {
        assert_eq!(Mlp::new(3, 7).weights, Mlp::new(3, 7).weights);
        assert_ne!(Mlp::new(3, 7).weights, Mlp::new(3, 8).weights);
        assert!((0..1000).all(|at| (-1.0..1.0).contains(&uniform(1, at))));
    }
}
