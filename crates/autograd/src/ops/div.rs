//! Element-wise division.

use tensor::{Map2, Real, Tensor};

use crate::op::if_needed;
use crate::{Op, Result, Var};

/// `x / y` for two tensors of equal shape.
#[derive(Debug, Clone, Copy)]
pub struct Div;

impl Map2 for Div {
    const NAME: &'static str = "div";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A, y: A) -> A {
        x / y
    }
}

/// `-(quotient dx)`: the gradient of the divisor, where `dx = grad_output / y` is the gradient of the dividend.
#[derive(Debug, Clone, Copy)]
struct DivisorGrad;

impl Map2 for DivisorGrad {
    const NAME: &'static str = "divisor_grad";

    #[inline(always)]
    fn formula<A: Real>(&self, quotient: A, dx: A) -> A {
        -(quotient * dx)
    }
}

impl Op<2> for Div {
    const NAME: &'static str = "div";

    /// The quotient and the divisor.
    type Saved = [Tensor; 2];

    fn forward(&self, [x, y]: [&Tensor; 2]) -> Result<([Tensor; 1], [Tensor; 2])> {
        let [quotient] = tensor::run(self, [x, y])?;
        Ok(([quotient.clone()], [quotient, y.clone()]))
    }

    fn backward(
        &self,
        [quotient, y]: &[Tensor; 2],
        [grad_output]: [&Tensor; 1],
        [needed_x, needed_y]: [bool; 2],
    ) -> Result<[Option<Tensor>; 2]> {
        if !(needed_x || needed_y) {
            return Ok([None, None]);
        }
        let [dx] = tensor::run(self, [grad_output, y])?;
        let dy = if_needed(needed_y, || {
            let [dy] = tensor::run(&DivisorGrad, [quotient, &dx])?;
            Ok(dy)
        })?;
        Ok([needed_x.then_some(dx), dy])
    }
}

impl<'t> Var<'t> {
    /// `self / other`; the shapes are broadcast.
    ///
    /// # Errors
    /// If the shapes do not broadcast to a common shape.
    pub fn div(&self, other: &Self) -> Result<Self> {
        let [x, y] = self.broadcast_with(other)?;
        let [quotient] = self.tape.apply(Div, [&x, &y])?;
        Ok(quotient)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;
    use tensor::Tensor;

    use super::Div;
    use crate::testing::cases::AnyShape;
    use crate::testing::strategies::positive_values;

    impl AnyShape<2> for Div {
        const LINEAR: [bool; 2] = [true, false];

        fn op() -> BoxedStrategy<Self> {
            Just(Div).boxed()
        }

        fn input(shape: &[usize]) -> BoxedStrategy<Tensor> {
            (positive_values(shape), any::<bool>())
                .prop_map(|(x, negative)| {
                    let sign = if negative { -1.0 } else { 1.0 };
                    let values = x.to_f64_vec().into_iter().map(|x| sign * x).collect();
                    Tensor::from_vec(values, x.shape()).expect("the number of values is unchanged")
                })
                .boxed()
        }
    }
}
