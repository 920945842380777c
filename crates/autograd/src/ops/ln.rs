//! The natural logarithm.

use tensor::{Map, Real, Tensor};

use crate::op::run_if;
use crate::ops::div::Div;
use crate::{Op, Result, Var};

/// `ln x`, element-wise: minus infinity at 0, NaN below.
#[derive(Debug, Clone, Copy)]
pub struct Ln;

impl Map for Ln {
    const NAME: &'static str = "ln";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A) -> A {
        x.ln()
    }
}

impl Op<1> for Ln {
    const NAME: &'static str = "ln";

    /// The input: the derivative is `1 / x`.
    type Saved = Tensor;

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        Ok((tensor::run(self, [x])?, x.clone()))
    }

    fn backward(&self, x: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([run_if(needed, &Div, [dy, x])?])
    }
}

impl<'t> Var<'t> {
    /// The natural logarithm of each element.
    pub fn ln(&self) -> Result<Self> {
        let [y] = self.tape.apply(Ln, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;
    use tensor::Tensor;

    use super::Ln;
    use crate::testing::cases::AnyShape;
    use crate::testing::strategies::positive_values;

    impl AnyShape<1> for Ln {
        const LINEAR: [bool; 1] = [false; 1];

        fn op() -> BoxedStrategy<Self> {
            Just(Ln).boxed()
        }

        fn input(shape: &[usize]) -> BoxedStrategy<Tensor> {
            positive_values(shape)
        }
    }
}
