//! The exponential function.

use tensor::{Map, Real, Tensor, math};

use crate::op::run_if;
use crate::ops::mul::Mul;
use crate::{Op, Result, Var};

/// `e^x`, element-wise.
#[derive(Debug, Clone, Copy)]
pub struct Exp;

impl Map for Exp {
    const NAME: &'static str = "exp";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A) -> A {
        x.exp()
    }

    #[inline(always)]
    fn formula_f32(&self, x: f32) -> f32 {
        math::exp(x)
    }
}

impl Op<1> for Exp {
    const NAME: &'static str = "exp";

    /// The output, because `e^x` is its own derivative.
    type Saved = Tensor;

    fn forward(&self, inputs: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        let [y] = tensor::run(self, inputs)?;
        Ok(([y.clone()], y))
    }

    fn backward(&self, y: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([run_if(needed, &Mul, [y, dy])?])
    }
}

impl<'t> Var<'t> {
    /// `e` to the power of each element.
    pub fn exp(&self) -> Result<Self> {
        let [y] = self.tape.apply(Exp, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;

    use super::Exp;
    use crate::testing::cases::AnyShape;

    impl AnyShape<1> for Exp {
        /// `|d(y dy) / dy| = 1`
        const OUTPUT_SENSITIVITY: f64 = 1.0;

        const LINEAR: [bool; 1] = [false; 1];

        /// `e^11` is near the largest finite `f16` value, and the gradient reads the output.
        const LARGE: [f64; 2] = [8.0, 11.0];

        fn op() -> BoxedStrategy<Self> {
            Just(Exp).boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn infinities_and_nan_are_mapped_to_their_limits() {
        for dtype in [DType::F32, DType::F64] {
            let x = [f64::NEG_INFINITY, f64::INFINITY, 0.0, f64::NAN];
            let x = Tensor::from_vec(x.to_vec(), &[4]).unwrap().to_dtype(dtype);
            let y = Tape::new().input(&x).exp().unwrap().value().to_f64_vec();
            assert_eq!(y[..3], [0.0, f64::INFINITY, 1.0], "{dtype}");
            assert!(y[3].is_nan(), "{dtype}");
        }
    }
}
