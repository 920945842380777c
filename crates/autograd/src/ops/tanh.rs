//! The hyperbolic tangent.

use tensor::{Map, Map2, Real, Tensor, math};

use crate::op::run_if;
use crate::{Op, Result, Var};

/// `tanh x`, element-wise.
#[derive(Debug, Clone, Copy)]
pub struct Tanh;

// ANCHOR: tanh
impl Map for Tanh {
    const NAME: &'static str = "tanh";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A) -> A {
        x.tanh()
    }

    #[inline(always)]
    fn formula_f32(&self, x: f32) -> f32 {
        math::tanh(x)
    }
}

/// `dx = (1 - y^2) dy`
#[derive(Debug, Clone, Copy)]
struct TanhGrad;

impl Map2 for TanhGrad {
    const NAME: &'static str = "tanh_grad";

    #[inline(always)]
    fn formula<A: Real>(&self, y: A, dy: A) -> A {
        (A::one() - y * y) * dy
    }
}
// ANCHOR_END: tanh

// ANCHOR: op
impl Op<1> for Tanh {
    const NAME: &'static str = "tanh";

    /// The output, because the derivative of `tanh` is `1 - tanh^2`.
    type Saved = Tensor;

    fn forward(&self, inputs: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        let [y] = tensor::run(self, inputs)?;
        Ok(([y.clone()], y))
    }

    fn backward(&self, y: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([run_if(needed, &TanhGrad, [y, dy])?])
    }
}
// ANCHOR_END: op

impl<'t> Var<'t> {
    /// The hyperbolic tangent of each element.
    pub fn tanh(&self) -> Result<Self> {
        let [y] = self.tape.apply(Tanh, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;

    use super::Tanh;
    use crate::testing::cases::AnyShape;

    impl AnyShape<1> for Tanh {
        /// `|d(1 - y^2) / dy| = 2 |y|`
        const OUTPUT_SENSITIVITY: f64 = 2.0;

        const LINEAR: [bool; 1] = [false; 1];

        fn op() -> BoxedStrategy<Self> {
            Just(Tanh).boxed()
        }
    }
}
