//! Tests an operation of another crate with `op_tests!`, using only the public interface.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use agon_autograd::ops::mul::Mul;
use agon_autograd::testing::cases::AnyShape;
use agon_autograd::testing::proptest::prelude::*;
use agon_autograd::testing::suite;
use agon_autograd::{Op, Result, op_tests, run_if};
use tensor::{Map, Map2, Real, Tensor};

/// `y = ln(1 + exp(x))`, element-wise.
#[derive(Debug, Clone, Copy)]
struct Softplus;

impl Map for Softplus {
    const NAME: &'static str = "softplus";

    fn formula<A: Real>(&self, x: A) -> A {
        // `exp` is applied only to values below zero, so it cannot overflow.
        let (above, magnitude) = if x > A::zero() { (x, x) } else { (A::zero(), -x) };
        above + (A::one() + (-magnitude).exp()).ln()
    }
}

/// `dx = dy / (1 + exp(-x))`
#[derive(Debug, Clone, Copy)]
struct SoftplusGrad;

impl Map2 for SoftplusGrad {
    const NAME: &'static str = "softplus_grad";

    fn formula<A: Real>(&self, x: A, dy: A) -> A {
        dy / (A::one() + (-x).exp())
    }
}

impl Op<1> for Softplus {
    const NAME: &'static str = "softplus";
    type Saved = Tensor;

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        Ok((tensor::run(self, [x])?, x.clone()))
    }

    fn backward(&self, x: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        let dx = || -> Result<Tensor> {
            let [dx] = tensor::run(&SoftplusGrad, [x, dy])?;
            Ok(dx)
        };
        Ok([needed.then(dx).transpose()?])
    }
}

impl AnyShape<1> for Softplus {
    const LINEAR: [bool; 1] = [false];

    fn op() -> BoxedStrategy<Self> {
        Just(Softplus).boxed()
    }
}

op_tests!(softplus: Softplus);

/// `x^2` with a derivative without its factor of 2.
#[derive(Debug, Clone, Copy)]
struct WrongSquare;

impl Op<1> for WrongSquare {
    const NAME: &'static str = "wrong_square";
    type Saved = Tensor;

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        Ok((tensor::run(&Mul, [x, x])?, x.clone()))
    }

    fn backward(&self, x: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([run_if(needed, &Mul, [x, dy])?])
    }
}

impl AnyShape<1> for WrongSquare {
    const LINEAR: [bool; 1] = [false];

    fn op() -> BoxedStrategy<Self> {
        Just(WrongSquare).boxed()
    }
}

#[test]
fn a_wrong_backward_pass_is_named_before_any_planted_mistake() {
    let gradients = || {
        suite::gradients::<WrongSquare, _, _>();
    };
    let tests: [fn(); 2] = [gradients, suite::planted_mistakes::<WrongSquare, _, _>];
    for test in tests {
        let panicked = std::panic::catch_unwind(test).unwrap_err();
        let message = panicked.downcast::<String>().unwrap();
        let mut lines = message.lines();
        let first = "wrong_square: the unmodified backward pass fails, before any mistake is planted";
        assert_eq!(lines.next(), Some(first), "{message}");
        let second = lines.next().unwrap();
        assert!(second.contains("the gradient of input 0 of wrong_square at ["), "{message}");
        assert!(second.contains("off by a factor of 1/2"), "{message}");
    }
}
