//! Tests an operation of another crate with `op_tests!`, using only the public interface.

use agon_autograd::testing::cases::AnyShape;
use agon_autograd::testing::proptest::prelude::*;
use agon_autograd::{Op, Result, op_tests};
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
