//! The square root.

use tensor::{Map, Map2, Real, Tensor};

use crate::op::run_if;
use crate::{Op, Result, Var};

/// `sqrt x`, element-wise; NaN below 0. The derivative at 0 is infinite.
#[derive(Debug, Clone, Copy)]
pub struct Sqrt;

impl Map for Sqrt {
    const NAME: &'static str = "sqrt";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A) -> A {
        x.sqrt()
    }
}

/// `dx = dy / (2 sqrt x)`
#[derive(Debug, Clone, Copy)]
struct SqrtGrad;

impl Map2 for SqrtGrad {
    const NAME: &'static str = "sqrt_grad";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A, dy: A) -> A {
        let y = x.sqrt();
        dy / (y + y)
    }
}

impl Op<1> for Sqrt {
    const NAME: &'static str = "sqrt";

    /// The input: a root rounded to 16 bits would give a less precise gradient.
    type Saved = Tensor;

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        Ok((tensor::run(self, [x])?, x.clone()))
    }

    fn backward(&self, x: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([run_if(needed, &SqrtGrad, [x, dy])?])
    }
}

impl<'t> Var<'t> {
    /// The square root of each element.
    pub fn sqrt(&self) -> Result<Self> {
        let [y] = self.tape.apply(Sqrt, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;
    use tensor::Tensor;

    use super::Sqrt;
    use crate::testing::cases::AnyShape;
    use crate::testing::strategies::positive_values;

    impl AnyShape<1> for Sqrt {
        const LINEAR: [bool; 1] = [false; 1];

        fn op() -> BoxedStrategy<Self> {
            Just(Sqrt).boxed()
        }

        fn input(shape: &[usize]) -> BoxedStrategy<Tensor> {
            positive_values(shape)
        }
    }
}
