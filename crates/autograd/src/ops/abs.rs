//! The absolute value.

use tensor::{Map, Map2, Real, Tensor};

use crate::op::run_if;
use crate::{Op, Result, Var};

/// `|x|`, element-wise; its derivative at 0 is defined as 0, and at NaN it is NaN.
#[derive(Debug, Clone, Copy)]
pub struct Abs;

impl Map for Abs {
    const NAME: &'static str = "abs";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A) -> A {
        x.abs()
    }
}

/// `dx = sign(x) dy` with `sign(0) = 0`
#[derive(Debug, Clone, Copy)]
struct AbsGrad;

impl Map2 for AbsGrad {
    const NAME: &'static str = "abs_grad";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A, dy: A) -> A {
        let below = if x < A::zero() { -dy } else { A::zero() };
        let signed = if x > A::zero() { dy } else { below };
        if x.is_nan() { x } else { signed }
    }
}

impl Op<1> for Abs {
    const NAME: &'static str = "abs";

    /// The input, whose sign the gradient needs.
    type Saved = Tensor;

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        Ok((tensor::run(self, [x])?, x.clone()))
    }

    fn backward(&self, x: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([run_if(needed, &AbsGrad, [x, dy])?])
    }
}

impl<'t> Var<'t> {
    /// The absolute value of each element, in the same shape.
    pub fn abs(&self) -> Result<Self> {
        let [y] = self.tape.apply(Abs, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;
    use tensor::Tensor;

    use super::Abs;
    use crate::testing::cases::{AnyShape, Kink};
    use crate::testing::strategies::values_away_from_zero;

    impl AnyShape<1> for Abs {
        const LINEAR: [bool; 1] = [false; 1];

        fn op() -> BoxedStrategy<Self> {
            Just(Abs).boxed()
        }

        fn input(shape: &[usize]) -> BoxedStrategy<Tensor> {
            values_away_from_zero(shape)
        }

        fn kinks() -> Vec<Kink<Self, 1>> {
            let x = Tensor::from_vec(vec![-1.0, -0.0, 0.0, 1.0], &[4]).expect("four elements");
            vec![Kink { op: Abs, inputs: [x], gradients: [vec![-1.0, 0.0, 0.0, 1.0]] }]
        }
    }
}
