//! The element-wise minimum of two tensors.

use tensor::{Map2, Real, Tensor};

use crate::ops::maximum::share_of;
use crate::{Op, Result, Var};

/// `min(x, y)` for two tensors of equal shape, NaN if either is NaN. At a tie each input gets half of the gradient.
#[derive(Debug, Clone, Copy)]
pub struct Minimum;

impl Map2 for Minimum {
    const NAME: &'static str = "minimum";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A, y: A) -> A {
        // A comparison with NaN is false; the sum then propagates the NaN.
        let smaller = if x < y { x } else { y };
        if x.is_nan() || y.is_nan() { x + y } else { smaller }
    }
}

impl Op<2> for Minimum {
    const NAME: &'static str = "minimum";

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
        Ok([share_of(y, x, grad_output, needed_x)?, share_of(x, y, grad_output, needed_y)?])
    }
}

impl<'t> Var<'t> {
    /// The minimum of `self` and `other`, element-wise; the shapes are broadcast.
    ///
    /// # Errors
    /// If the shapes do not broadcast to a common shape.
    pub fn minimum(&self, other: &Self) -> Result<Self> {
        let [x, y] = self.broadcast_with(other)?;
        let [smaller] = self.tape.apply(Minimum, [&x, &y])?;
        Ok(smaller)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;
    use tensor::Tensor;

    use super::Minimum;
    use crate::testing::cases::{AnyShape, Kink};
    use crate::testing::strategies::values_apart;

    impl AnyShape<2> for Minimum {
        const LINEAR: [bool; 2] = [false; 2];

        fn op() -> BoxedStrategy<Self> {
            Just(Minimum).boxed()
        }

        fn inputs(shape: &[usize]) -> BoxedStrategy<[Tensor; 2]> {
            values_apart(shape)
        }

        fn kinks() -> Vec<Kink<Self, 2>> {
            let of = |values: [f64; 3]| Tensor::from_vec(values.to_vec(), &[3]).expect("three elements");
            let inputs = [of([1.0, 2.0, -0.0]), of([0.0, 2.0, 0.0])];
            vec![Kink { op: Minimum, inputs, gradients: [vec![0.0, 0.5, 0.5], vec![1.0, 0.5, 0.5]] }]
        }
    }
}
