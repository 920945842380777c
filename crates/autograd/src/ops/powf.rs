//! Powers with a constant exponent.

use tensor::{Map, Real, Tensor};

use crate::op::if_needed;
use crate::ops::mul::Mul;
use crate::ops::scale::scaled;
use crate::{Op, Result, Var};

/// `x^exponent`, element-wise; NaN for a negative `x` unless the exponent is an integer.
#[derive(Debug, Clone, Copy)]
pub struct Powf {
    /// The constant, which has no gradient.
    pub exponent: f64,
}

impl Map for Powf {
    const NAME: &'static str = "powf";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A) -> A {
        x.powf(A::from_f64(self.exponent))
    }

    fn constants(&self) -> [Option<f32>; 2] {
        [Some(self.exponent as f32), None]
    }
}

impl Op<1> for Powf {
    const NAME: &'static str = "powf";

    /// The input.
    type Saved = Tensor;

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        Ok((tensor::run(self, [x])?, x.clone()))
    }

    /// `dx = exponent x^(exponent - 1) dy`; zero everywhere if the exponent is zero.
    fn backward(&self, x: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([if_needed(needed, || {
            let scaled = scaled(dy, self.exponent)?;
            if self.exponent == 0.0 {
                return Ok(scaled);
            }
            let [power] = tensor::run(&Self { exponent: self.exponent - 1.0 }, [x])?;
            let [dx] = tensor::run(&Mul, [&power, &scaled])?;
            Ok(dx)
        })?])
    }
}

impl<'t> Var<'t> {
    /// Each element raised to a constant power.
    pub fn powf(&self, exponent: f64) -> Result<Self> {
        let [y] = self.tape.apply(Powf { exponent }, [self])?;
        Ok(y)
    }

    /// The square of each element.
    pub fn square(&self) -> Result<Self> {
        self.mul(self)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;
    use tensor::Tensor;

    use super::Powf;
    use crate::testing::cases::AnyShape;
    use crate::testing::strategies::positive_values;

    impl AnyShape<1> for Powf {
        const LINEAR: [bool; 1] = [false; 1];

        /// 32^3 is near the largest finite `f16` value.
        const LARGE: [f64; 2] = [8.0, 32.0];

        /// Exponents that 16-bit types represent exactly, so that every element type computes the same power.
        fn op() -> BoxedStrategy<Self> {
            let exponent = prop_oneof![Just(0.0), Just(2.0), (-20..25i32).prop_map(|n| f64::from(n) / 8.0)];
            exponent.prop_map(|exponent| Powf { exponent }).boxed()
        }

        fn input(shape: &[usize]) -> BoxedStrategy<Tensor> {
            positive_values(shape)
        }
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn whole_exponents_accept_negative_elements_and_a_zero_exponent_has_no_gradient() {
        for dtype in DType::ALL {
            let tape = Tape::new();
            let x = tape.input(&Tensor::from_vec(vec![-2.0, 0.0, 3.0], &[3]).unwrap().to_dtype(dtype));
            let one = Tensor::full(1.0, &[3], dtype);
            for (exponent, y, dx) in [
                (2.0, [4.0, 0.0, 9.0], [-4.0, 0.0, 6.0]),
                (1.0, [-2.0, 0.0, 3.0], [1.0, 1.0, 1.0]),
                (0.0, [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]),
            ] {
                let power = x.powf(exponent).unwrap();
                assert_eq!(power.value().to_f64_vec(), y, "{dtype}");
                let gradients = tape.backward_from(&power, one.clone()).unwrap();
                assert_eq!(gradients.of(&x).unwrap().to_f64_vec(), dx, "{dtype}, exponent {exponent}");
            }
        }
    }
}
