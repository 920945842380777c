//! Element-wise addition.

use tensor::{Map2, Real, Tensor};

use crate::{Op, Result, Var};

/// `x + y` for two tensors of equal shape.
#[derive(Debug, Clone, Copy)]
pub struct Add;

impl Map2 for Add {
    const NAME: &'static str = "add";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A, y: A) -> A {
        x + y
    }
}

impl Op<2> for Add {
    const NAME: &'static str = "add";

    type Saved = ();

    fn forward(&self, inputs: [&Tensor; 2]) -> Result<([Tensor; 1], ())> {
        Ok((tensor::run(self, inputs)?, ()))
    }

    fn backward(
        &self,
        (): &(),
        [grad_output]: [&Tensor; 1],
        needed: [bool; 2],
    ) -> Result<[Option<Tensor>; 2]> {
        Ok(needed.map(|needed| needed.then(|| grad_output.clone())))
    }
}

/// The sum of two gradients.
pub(crate) fn sum(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let [sum] = tensor::run(&Add, [x, y])?;
    Ok(sum)
}

impl<'t> Var<'t> {
    /// `self + other`; the shapes are broadcast.
    ///
    /// # Errors
    /// If the shapes do not broadcast to a common shape.
    pub fn add(&self, other: &Self) -> Result<Self> {
        let [x, y] = self.broadcast_with(other)?;
        let [sum] = self.tape.apply(Add, [&x, &y])?;
        Ok(sum)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;

    use super::Add;
    use crate::testing::cases::AnyShape;

    impl AnyShape<2> for Add {
        const LINEAR: [bool; 2] = [true; 2];

        fn op() -> BoxedStrategy<Self> {
            Just(Add).boxed()
        }
    }
}
