//! The hyperbolic tangent.

use ndarray::{ArrayD, ArrayViewD, Zip};
use tensor::gpu::Call;
use tensor::{Kernel, Real, Slice, Tensor, math, vector};

use crate::launch::elementwise;
use crate::op::if_wanted;
use crate::{Op, Result, Var};

/// `tanh x`, element by element.
#[derive(Debug, Clone, Copy)]
pub struct Tanh;

impl Kernel<1, 1> for Tanh {
    fn name(&self) -> &'static str {
        "tanh"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        Ok([x.to_vec()])
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        [x.mapv(|x| x.tanh())]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        elementwise(call, "tanh", y, inputs, &[])
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        vector::map(x.data, y, math::tanh);
        true
    }
}

/// `dx = (1 - y^2) dy`
#[derive(Debug, Clone, Copy)]
struct TanhGrad;

impl Kernel<2, 1> for TanhGrad {
    fn name(&self) -> &'static str {
        "tanh_grad"
    }

    fn shapes(&self, [y, dy]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        if y != dy {
            return Err(tensor::Error::shape("tanh_grad", "two equal shapes", &[y, dy]));
        }
        Ok([y.to_vec()])
    }

    fn reference<A: Real>(&self, [y, dy]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        [Zip::from(&y).and(&dy).map_collect(|&y, &dy| (A::one() - y * y) * dy)]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 2], [dx]: [&Tensor; 1]) -> tensor::Result<()> {
        elementwise(call, "tanh_grad", dx, inputs, &[])
    }

    fn fast(&self, [y, dy]: [Slice<'_>; 2], [dx]: [&mut [f32]; 1]) -> bool {
        vector::map2(y.data, dy.data, dx, |y, dy| (1.0 - y * y) * dy);
        true
    }
}

impl Op<1> for Tanh {
    const NAME: &'static str = "tanh";

    /// The output: the derivative of `tanh` is `1 - tanh^2`.
    type Saved = Tensor;

    fn forward(&self, inputs: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        let [y] = tensor::run(self, inputs)?;
        Ok(([y.clone()], y))
    }

    fn backward(&self, y: &Tensor, [dy]: [&Tensor; 1], [wanted]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([if_wanted(wanted, || {
            let [dx] = tensor::run(&TanhGrad, [y, dy])?;
            Ok(dx)
        })?])
    }
}

impl<'t> Var<'t> {
    /// The hyperbolic tangent of each element.
    ///
    /// # Errors
    /// If the kernel fails.
    pub fn tanh(&self) -> Result<Self> {
        let [y] = self.tape.apply(Tanh, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "cases")]
mod cases {
    use proptest::prelude::*;

    use super::Tanh;
    use crate::gradcheck::cases::{Case, Cases, long_shape, shape, swept_lengths, values};
    use crate::gradcheck::classes::{self, Claim, ShapeClass};

    impl Cases<1> for Tanh {
        /// `|d(1 - y^2) / dy| = 2 |y|`
        const OUTPUT_SENSITIVITY: f64 = 2.0;

        const LINEAR: [bool; 1] = [false];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            of_shape(shape(0..=3, 1..4))
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            of_shape(long_shape())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            swept_lengths(|n| of_shape(Just(vec![n]).boxed()))
        }
    }

    fn of_shape(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<Tanh, 1>> {
        shape
            .prop_flat_map(|shape| values(&shape))
            .prop_map(|x| Case { op: Tanh, inputs: [x], reduced: 1 })
            .boxed()
    }
}
