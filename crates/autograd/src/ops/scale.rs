//! Multiplication by a constant.

use tensor::{Map, Real, Tensor};

use crate::op::if_needed;
use crate::{Op, Result, Var};

/// `factor x`, element-wise.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// The constant, which has no gradient.
    pub factor: f64,
}

impl Map for Scale {
    const NAME: &'static str = "scale";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A) -> A {
        A::from_f64(self.factor) * x
    }

    fn constants(&self) -> [Option<f32>; 2] {
        [Some(self.factor as f32), None]
    }
}

impl Op<1> for Scale {
    const NAME: &'static str = "scale";

    type Saved = ();

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], ())> {
        Ok((tensor::run(self, [x])?, ()))
    }

    fn backward(&self, (): &(), [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([if_needed(needed, || scaled(dy, self.factor))?])
    }
}

/// `factor x`, computed in the accumulator type.
pub(crate) fn scaled(x: &Tensor, factor: f64) -> Result<Tensor> {
    let [y] = tensor::run(&Scale { factor }, [x])?;
    Ok(y)
}

impl<'t> Var<'t> {
    /// Multiplies each element by a constant.
    pub fn scale(&self, factor: f64) -> Result<Self> {
        let [y] = self.tape.apply(Scale { factor }, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;

    use super::Scale;
    use crate::testing::cases::AnyShape;

    impl AnyShape<1> for Scale {
        const LINEAR: [bool; 1] = [true; 1];

        fn op() -> BoxedStrategy<Self> {
            let factor = prop_oneof![Just(0.0), Just(1.0), Just(-1.0), -4.0..4.0f64];
            factor.prop_map(|factor| Scale { factor }).boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn a_factor_of_zero_gives_a_gradient_of_zero_and_not_a_missing_one() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::full(3.0, &[2], DType::F32));
        let y = x.scale(0.0).unwrap();
        let gradients = tape.backward_from(&y, Tensor::full(1.0, &[2], DType::F32)).unwrap();
        assert_eq!(gradients.of(&x).unwrap().to_f64_vec(), [0.0, 0.0]);
    }

    #[test]
    fn the_factor_is_rounded_to_the_type_of_arithmetic_and_not_to_that_of_storage() {
        // 1.003 rounds to 1 in bf16, and 255/128 is the largest bf16 value below 2.
        let y = super::scaled(&Tensor::full(255.0 / 128.0, &[1], DType::BF16), 1.003).unwrap();
        assert_eq!((y.dtype(), y.to_f64_vec()), (DType::BF16, vec![2.0]));
    }
}
