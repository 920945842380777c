//! The logistic sigmoid.

use tensor::{Map, Map2, Real, Tensor, math};

use crate::op::run_if;
use crate::{Op, Result, Var};

/// `1 / (1 + e^-x)`, element-wise.
#[derive(Debug, Clone, Copy)]
pub struct Sigmoid;

impl Map for Sigmoid {
    const NAME: &'static str = "sigmoid";

    /// Uses `e^-|x|`, which never overflows; small results keep their precision.
    #[inline(always)]
    fn formula<A: Real>(&self, x: A) -> A {
        let small = (-x.abs()).exp();
        if x < A::zero() { small / (A::one() + small) } else { A::one() / (A::one() + small) }
    }

    #[inline(always)]
    fn formula_f32(&self, x: f32) -> f32 {
        let small = math::exp(-x.abs());
        let above = if x < 0.0 { small } else { 1.0 };
        above / (1.0 + small)
    }
}

/// `dx = y (1 - y) dy`
#[derive(Debug, Clone, Copy)]
struct SigmoidGrad;

impl Map2 for SigmoidGrad {
    const NAME: &'static str = "sigmoid_grad";

    #[inline(always)]
    fn formula<A: Real>(&self, y: A, dy: A) -> A {
        y * (A::one() - y) * dy
    }
}

impl Op<1> for Sigmoid {
    const NAME: &'static str = "sigmoid";

    /// The output: the derivative of the sigmoid `y` is `y (1 - y)`.
    type Saved = Tensor;

    fn forward(&self, inputs: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        let [y] = tensor::run(self, inputs)?;
        Ok(([y.clone()], y))
    }

    fn backward(&self, y: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([run_if(needed, &SigmoidGrad, [y, dy])?])
    }
}

impl<'t> Var<'t> {
    /// The logistic sigmoid of each element.
    pub fn sigmoid(&self) -> Result<Self> {
        let [y] = self.tape.apply(Sigmoid, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;

    use super::Sigmoid;
    use crate::testing::cases::AnyShape;

    impl AnyShape<1> for Sigmoid {
        /// `|d(y - y^2) / dy| = |1 - 2 y|`, and `y` is between 0 and 1.
        const OUTPUT_SENSITIVITY: f64 = 1.0;

        const LINEAR: [bool; 1] = [false; 1];

        fn op() -> BoxedStrategy<Self> {
            Just(Sigmoid).boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn it_saturates_without_nan_in_every_type() {
        for dtype in DType::ALL {
            let tape = Tape::new();
            let far = [f64::NEG_INFINITY, -1e4, 0.0, 1e4, f64::INFINITY];
            let x = tape.input(&Tensor::from_slice(&far, &[5]).unwrap().to_dtype(dtype));
            let y = x.sigmoid().unwrap();
            assert_eq!(y.value().to_f64_vec(), [0.0, 0.0, 0.5, 1.0, 1.0], "{dtype}");
            let dx = tape.backward_from(&y, Tensor::full(1.0, &[5], dtype)).unwrap();
            assert_eq!(dx.of(&x).unwrap().to_f64_vec(), [0.0, 0.0, 0.25, 0.0, 0.0], "{dtype}");
        }
    }

    #[test]
    fn small_results_keep_their_precision() {
        let x: Vec<f32> = (0..=870).map(|i| -0.1 * i as f32).collect();
        let tape = Tape::without_gradients();
        let y = tape.input(&Tensor::from_slice(&x, &[x.len()]).unwrap()).sigmoid().unwrap();
        for (&x, y) in x.iter().zip(y.value().to_f64_vec()) {
            let expected = 1.0 / (1.0 + f64::from(-x).exp());
            // Three units in the last place each for the exponential in numerator and denominator, one each for sum and
            // quotient.
            assert!((y - expected).abs() <= 8.0 * f64::from(f32::EPSILON) * expected, "{x}");
        }
    }

    #[test]
    fn nan_is_propagated() {
        let x = Tensor::full(f64::NAN, &[3], DType::F32);
        let [y] = tensor::run(&super::Sigmoid, [&x]).unwrap();
        assert!(y.to_f64_vec().iter().all(|y| y.is_nan()));
    }
}
