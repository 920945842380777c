//! Addition of two tensors of one shape.

use ndarray::{ArrayD, ArrayViewD};
use tensor::gpu::Call;
use tensor::{Kernel, Real, Slice, Tensor, vector};

use crate::launch::elementwise;
use crate::{Op, Result, Var};

/// `x + y` for two equal shapes.
#[derive(Debug, Clone, Copy)]
pub struct Add;

impl Kernel<2, 1> for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn shapes(&self, [x, y]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        if x != y {
            return Err(tensor::Error::shape("add", "two equal shapes", &[x, y]));
        }
        Ok([x.to_vec()])
    }

    fn reference<A: Real>(&self, [x, y]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        [&x + &y]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 2], [sum]: [&Tensor; 1]) -> tensor::Result<()> {
        elementwise(call, "add", sum, inputs, &[])
    }

    fn fast(&self, [x, y]: [Slice<'_>; 2], [out]: [&mut [f32]; 1]) -> bool {
        vector::map2(x.data, y.data, out, |x, y| x + y);
        true
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
        wanted: [bool; 2],
    ) -> Result<[Option<Tensor>; 2]> {
        Ok(wanted.map(|wanted| wanted.then(|| grad_output.clone())))
    }
}

/// The sum of two gradients.
pub(crate) fn sum(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let [sum] = tensor::run(&Add, [x, y])?;
    Ok(sum)
}

impl<'t> Var<'t> {
    /// `self + other`; the one of lower rank, or with axes of length 1, is repeated to the other's shape.
    ///
    /// # Errors
    /// If neither shape can be repeated to the other.
    pub fn add(&self, other: &Self) -> Result<Self> {
        let [x, y] = self.broadcast_with(other)?;
        let [sum] = self.tape.apply(Add, [&x, &y])?;
        Ok(sum)
    }
}

#[cfg(feature = "cases")]
mod cases {
    use proptest::prelude::*;

    use super::Add;
    use crate::gradcheck::cases::{Case, Cases, long_shape, shape, swept_lengths, values};
    use crate::gradcheck::classes::{self, Claim, ShapeClass};

    impl Cases<2> for Add {
        const LINEAR: [bool; 2] = [true; 2];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 2>> {
            of_shape(shape(0..=3, 1..4))
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 2>> {
            of_shape(long_shape())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 2>>> {
            swept_lengths(|n| of_shape(Just(vec![n]).boxed()))
        }
    }

    fn of_shape(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<Add, 2>> {
        shape
            .prop_flat_map(|shape| (values(&shape), values(&shape)))
            .prop_map(|(x, y)| Case { op: Add, inputs: [x, y], reduced: 1 })
            .boxed()
    }
}
