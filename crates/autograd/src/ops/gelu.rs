//! GELU, the Gaussian error linear unit (Hendrycks and Gimpel, 2016, arXiv 1606.08415), in its exact form with the error
//! function.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

use tensor::{Element, Map, Map2, Real, Tensor, math};

use crate::op::run_if;
use crate::{Op, Result, Var};

/// `x P(x)`, element-wise, where `P` is the cumulative distribution function of the standard normal distribution.
#[derive(Debug, Clone, Copy)]
pub struct Gelu;

/// `P(x) = (1 + erf(x / sqrt 2)) / 2`
fn probability_below<A: Real>(x: A) -> A {
    A::from_f64((1.0 + math::erf_f64(Element::to_f64(x) * FRAC_1_SQRT_2)) / 2.0)
}

/// The density of the normal distribution, the derivative of `P`: `e^(-x^2 / 2) / sqrt(2 pi)`.
fn density<A: Real>(x: A) -> A {
    (-x * x / A::of(2)).exp() / A::from_f64(TAU.sqrt())
}

impl Map for Gelu {
    const NAME: &'static str = "gelu";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A) -> A {
        x * probability_below(x)
    }

    #[inline(always)]
    fn formula_f32(&self, x: f32) -> f32 {
        x * (0.5 + 0.5 * math::erf(x * FRAC_1_SQRT_2 as f32))
    }
}

/// `dx = (P(x) + x density(x)) dy`
#[derive(Debug, Clone, Copy)]
struct GeluGrad;

impl Map2 for GeluGrad {
    const NAME: &'static str = "gelu_grad";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A, dy: A) -> A {
        (probability_below(x) + x * density(x)) * dy
    }

    #[inline(always)]
    fn formula_f32(&self, x: f32, dy: f32) -> f32 {
        // Not computed with `erf`: `erf` and `exp` together make the loop too large for the compiler to vectorise.
        let [below, density] = math::normal(x);
        (below + x * density) * dy
    }
}

impl Op<1> for Gelu {
    const NAME: &'static str = "gelu";

    /// The input: GELU is not injective, so the output does not determine the derivative.
    type Saved = Tensor;

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        Ok((tensor::run(self, [x])?, x.clone()))
    }

    fn backward(&self, x: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([run_if(needed, &GeluGrad, [x, dy])?])
    }
}

impl<'t> Var<'t> {
    /// The exact GELU of each element.
    pub fn gelu(&self) -> Result<Self> {
        let [y] = self.tape.apply(Gelu, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;

    use super::Gelu;
    use crate::testing::cases::AnyShape;

    impl AnyShape<1> for Gelu {
        const LINEAR: [bool; 1] = [false; 1];

        fn op() -> BoxedStrategy<Self> {
            Just(Gelu).boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::{Gelu, GeluGrad};
    use crate::Tape;

    #[test]
    fn far_from_zero_it_is_relu() {
        for dtype in DType::ALL {
            let tape = Tape::new();
            let x = tape.input(&Tensor::from_vec(vec![-64.0, 0.0, 64.0f64], &[3]).unwrap().to_dtype(dtype));
            let y = x.gelu().unwrap();
            assert_eq!(y.value().to_f64_vec(), [0.0, 0.0, 64.0], "{dtype}");
            let dx = tape.backward_from(&y, Tensor::full(1.0, &[3], dtype)).unwrap();
            assert_eq!(dx.of(&x).unwrap().to_f64_vec(), [0.0, 0.5, 1.0], "{dtype}");
        }
    }

    #[test]
    fn known_values_are_met() {
        let x = Tensor::from_vec(vec![-3.0, -1.0, 0.5, 1.0, 2.5], &[5]).unwrap();
        let [y] = tensor::run(&Gelu, [&x]).unwrap();
        let known = [
            -0.004_049_694_094_890_284,
            -0.158_655_253_931_457_05,
            0.345_731_230_637_006_55,
            0.841_344_746_068_542_9,
            2.484_475_836_685_559_7,
        ];
        for (y, known) in y.to_f64_vec().into_iter().zip(known) {
            // The error of the error function, 1e-15, is multiplied by at most 3/2.
            assert!((y - known).abs() <= 2e-15, "{y} {known}");
        }
    }

    #[test]
    fn the_fast_path_is_close_to_the_reference_also_in_the_tails() {
        let x: Vec<f32> = (-10_000..=10_000).map(|i| i as f32 / 1000.0).collect();
        let x = Tensor::from_slice(&x, &[x.len()]).unwrap();
        let one = Tensor::full(1.0, x.shape(), DType::F32);
        let pairs = [
            (tensor::run(&Gelu, [&x]), tensor::run_reference(&Gelu, [&x])),
            (tensor::run(&GeluGrad, [&x, &one]), tensor::run_reference(&GeluGrad, [&x, &one])),
        ];
        for (fast, slow) in pairs {
            let ([fast], [slow]) = (fast.unwrap(), slow.unwrap());
            let values = fast.to_f64_vec().into_iter().zip(slow.to_f64_vec()).zip(x.to_f64_vec());
            for ((fast, slow), x) in values {
                // The distribution function has an error of at most three epsilon and a value of at most 1; the product
                // adds one rounding.
                let allowed = 4.0 * f64::from(f32::EPSILON) * x.abs().max(1.0);
                assert!((fast - slow).abs() <= allowed, "{fast} and {slow} at {x}");
            }
        }
    }
}
