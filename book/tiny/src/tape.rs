//! The tape: scalar values in the order of computation, and the backward pass over them.

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

// ANCHOR: data
/// A recorded value: the operation that computed it, and how it changes with each operand.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The operation, or the name of an input.
    pub(crate) op: &'static str,
    pub(crate) value: f64,
    /// The position of each operand on the tape, and the derivative of the value with respect to it.
    pub(crate) operands: Vec<(usize, f64)>,
}

/// The values of one computation; operands always stand before what is computed from them.
#[derive(Debug, Default)]
pub struct Tape {
    pub(crate) nodes: RefCell<Vec<Node>>,
}

/// A value on a tape: a reference to the tape and a position on it.
#[derive(Debug, Clone, Copy)]
pub struct Var<'t> {
    tape: &'t Tape,
    at: usize,
}
// ANCHOR_END: data

// ANCHOR: record
impl Tape {
    /// An empty tape.
    pub fn new() -> Self {
        Self::default()
    }

    /// A value that is given, not computed: an input, a weight or a constant.
    pub fn input(&self, name: &'static str, value: f64) -> Var<'_> {
        self.record(name, value, vec![])
    }

    fn record(&self, op: &'static str, value: f64, operands: Vec<(usize, f64)>) -> Var<'_> {
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(Node { op, value, operands });
        Var { tape: self, at: nodes.len() - 1 }
    }
    // ANCHOR_END: record

    // ANCHOR: backward
    /// The derivative of `loss` with respect to every value before it on the tape.
    pub fn backward(&self, loss: Var<'_>) -> Gradients {
        let nodes = self.nodes.borrow();
        let mut gradients = vec![0.0; nodes.len()];
        gradients[loss.at] = 1.0;
        for at in (0..=loss.at).rev() {
            for &(operand, derivative) in &nodes[at].operands {
                gradients[operand] += derivative * gradients[at];
            }
        }
        Gradients(gradients)
    }
    // ANCHOR_END: backward
}

/// The result of a backward pass: one derivative for each value on the tape.
#[derive(Debug, Clone)]
pub struct Gradients(pub(crate) Vec<f64>);

impl Gradients {
    /// The derivative of the loss with respect to `var`.
    pub fn of(&self, var: Var<'_>) -> f64 {
        self.0[var.at]
    }
}

// ANCHOR: unary
impl<'t> Var<'t> {
    /// The computed value.
    pub fn value(self) -> f64 {
        self.tape.nodes.borrow()[self.at].value
    }

    fn unary(self, op: &'static str, value: f64, derivative: f64) -> Self {
        self.tape.record(op, value, vec![(self.at, derivative)])
    }

    /// The hyperbolic tangent; its derivative is `1 - tanh(x)^2`.
    pub fn tanh(self) -> Self {
        let y = self.value().tanh();
        self.unary("tanh", y, 1.0 - y * y)
    }

    /// The exponential function, which is its own derivative.
    pub fn exp(self) -> Self {
        let y = self.value().exp();
        self.unary("exp", y, y)
    }
    // ANCHOR_END: unary

    /// The natural logarithm; its derivative is `1 / x`.
    pub fn ln(self) -> Self {
        let x = self.value();
        self.unary("ln", x.ln(), 1.0 / x)
    }

    /// The larger of `x` and 0; its derivative at the kink is 0, as in PyTorch.
    pub fn relu(self) -> Self {
        let x = self.value();
        self.unary("relu", x.max(0.0), if x > 0.0 { 1.0 } else { 0.0 })
    }

    // ANCHOR: binary
    /// # Panics
    /// If the operands are on different tapes.
    fn binary(self, op: &'static str, other: Self, value: f64, derivatives: [f64; 2]) -> Self {
        assert!(std::ptr::eq(self.tape, other.tape), "{op}: both operands must be on one tape");
        let [of_self, of_other] = derivatives;
        self.tape.record(op, value, vec![(self.at, of_self), (other.at, of_other)])
    }
}

impl Add for Var<'_> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.binary("+", other, self.value() + other.value(), [1.0, 1.0])
    }
}

impl Mul for Var<'_> {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let (x, y) = (self.value(), other.value());
        self.binary("*", other, x * y, [y, x])
    }
}
// ANCHOR_END: binary

impl Sub for Var<'_> {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.binary("-", other, self.value() - other.value(), [1.0, -1.0])
    }
}

impl Div for Var<'_> {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        let (x, y) = (self.value(), other.value());
        self.binary("/", other, x / y, [1.0 / y, -x / (y * y)])
    }
}

impl Neg for Var<'_> {
    type Output = Self;

    fn neg(self) -> Self {
        self.unary("negate", -self.value(), -1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_used_twice_gets_both_contributions() {
        let tape = Tape::new();
        let x = tape.input("x", 3.0);
        let y = x * x + x;
        assert_eq!(tape.backward(y).of(x), 2.0 * 3.0 + 1.0);
    }

    #[test]
    fn a_value_that_the_loss_does_not_depend_on_has_gradient_zero() {
        let tape = Tape::new();
        let (x, y) = (tape.input("x", 3.0), tape.input("y", 2.0));
        let loss = x.exp();
        let later = loss * y;
        let gradients = tape.backward(loss);
        assert_eq!([gradients.of(y), gradients.of(later)], [0.0, 0.0]);
    }

    #[test]
    #[should_panic(expected = "*: both operands must be on one tape")]
    fn operands_of_two_tapes_are_refused() {
        let (one, two) = (Tape::new(), Tape::new());
        let _ = one.input("x", 1.0) * two.input("y", 1.0);
    }
}
