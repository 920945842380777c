//! The element-wise maximum of two tensors.

use tensor::{Map2, Real, Tensor};

use crate::op::if_needed;
use crate::ops::mul::Mul;
use crate::{Op, Result, Var};

/// `max(x, y)` for two tensors of equal shape, NaN if either is NaN. At a tie each input gets half of the gradient.
#[derive(Debug, Clone, Copy)]
pub struct Maximum;

impl Map2 for Maximum {
    const NAME: &'static str = "maximum";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A, y: A) -> A {
        // A comparison with NaN is false; the sum then propagates the NaN.
        let larger = if x > y { x } else { y };
        if x.is_nan() || y.is_nan() { x + y } else { larger }
    }
}

/// The fraction of the gradient that `x` gets from `max(x, y)`: 1 above `y`, 0 below, 1/2 at a tie.
#[derive(Debug, Clone, Copy)]
struct Share;

impl Map2 for Share {
    const NAME: &'static str = "maximum_share";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A, y: A) -> A {
        let (zero, one) = (A::zero(), A::one());
        let not_above = if x < y { zero } else { one / (one + one) };
        let share = if x > y { one } else { not_above };
        if x.is_nan() || y.is_nan() { x + y } else { share }
    }
}

/// The gradient of `x` from `max(x, y)`. With `x` and `y` exchanged, it is also the gradient of `x` from `min(x, y)`.
pub(crate) fn share_of(x: &Tensor, y: &Tensor, grad_output: &Tensor, needed: bool) -> Result<Option<Tensor>> {
    if_needed(needed, || {
        let [share] = tensor::run(&Share, [x, y])?;
        let [dx] = tensor::run(&Mul, [&share, grad_output])?;
        Ok(dx)
    })
}

impl Op<2> for Maximum {
    const NAME: &'static str = "maximum";

    /// The two inputs.
    type Saved = [Tensor; 2];

    fn forward(&self, inputs: [&Tensor; 2]) -> Result<([Tensor; 1], [Tensor; 2])> {
        Ok((tensor::run(self, inputs)?, inputs.map(Tensor::clone)))
    }

    fn backward(
        &self,
        [x, y]: &[Tensor; 2],
        [grad_output]: [&Tensor; 1],
        [needed_x, needed_y]: [bool; 2],
    ) -> Result<[Option<Tensor>; 2]> {
        Ok([share_of(x, y, grad_output, needed_x)?, share_of(y, x, grad_output, needed_y)?])
    }
}

impl<'t> Var<'t> {
    /// The maximum of `self` and `other`, element-wise; the shapes are broadcast.
    ///
    /// # Errors
    /// If the shapes do not broadcast to a common shape.
    pub fn maximum(&self, other: &Self) -> Result<Self> {
        let [x, y] = self.broadcast_with(other)?;
        let [larger] = self.tape.apply(Maximum, [&x, &y])?;
        Ok(larger)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;
    use tensor::Tensor;

    use super::Maximum;
    use crate::testing::cases::{AnyShape, Kink};
    use crate::testing::strategies::values_apart;

    impl AnyShape<2> for Maximum {
        const LINEAR: [bool; 2] = [false; 2];

        fn op() -> BoxedStrategy<Self> {
            Just(Maximum).boxed()
        }

        fn inputs(shape: &[usize]) -> BoxedStrategy<[Tensor; 2]> {
            values_apart(shape)
        }

        fn kinks() -> Vec<Kink<Self, 2>> {
            let of = |values: [f64; 3]| Tensor::from_vec(values.to_vec(), &[3]).expect("three elements");
            let inputs = [of([1.0, 2.0, -0.0]), of([0.0, 2.0, 0.0])];
            vec![Kink { op: Maximum, inputs, gradients: [vec![1.0, 0.5, 0.5], vec![0.0, 0.5, 0.5]] }]
        }
    }
}
