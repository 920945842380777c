//! Clamping of elements to an interval.

use tensor::{Error, Map, Real, Tensor};

use crate::op::if_needed;
use crate::ops::mul::Mul;
use crate::{Op, Result, Var};

/// `min(max(x, low), high)`, element-wise; NaN stays NaN. The derivative is 1 in the closed interval and 0 outside.
#[derive(Debug, Clone, Copy)]
pub struct Clamp {
    /// The lower limit, which has no gradient.
    pub low: f64,
    /// The upper limit, at least `low`.
    pub high: f64,
}

impl Map for Clamp {
    const NAME: &'static str = "clamp";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A) -> A {
        let (low, high) = (A::from_f64(self.low), A::from_f64(self.high));
        let at_least = if x < low { low } else { x };
        if at_least > high { high } else { at_least }
    }

    fn constants(&self) -> [Option<f32>; 2] {
        [self.low, self.high].map(|limit| Some(limit as f32))
    }
}

/// 1 in the interval, 0 outside, and NaN at NaN.
#[derive(Debug, Clone, Copy)]
struct Inside(Clamp);

impl Map for Inside {
    const NAME: &'static str = "clamp_inside";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A) -> A {
        let (low, high) = (A::from_f64(self.0.low), A::from_f64(self.0.high));
        let inside = if x < low || x > high { A::zero() } else { A::one() };
        if x.is_nan() { x } else { inside }
    }

    fn constants(&self) -> [Option<f32>; 2] {
        self.0.constants()
    }
}

impl Op<1> for Clamp {
    const NAME: &'static str = "clamp";

    /// The input.
    type Saved = Tensor;

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        // This is false for a NaN limit too.
        let are_in_order = self.low <= self.high;
        if !are_in_order {
            let (op, expected) = ("clamp".into(), "a lower limit of at most the upper one".into());
            return Err(Error::Shape { op, expected, got: format!("{} and {}", self.low, self.high) }.into());
        }
        Ok((tensor::run(self, [x])?, x.clone()))
    }

    fn backward(&self, x: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([if_needed(needed, || {
            let [inside] = tensor::run(&Inside(*self), [x])?;
            let [dx] = tensor::run(&Mul, [&inside, dy])?;
            Ok(dx)
        })?])
    }
}

impl<'t> Var<'t> {
    /// Each element limited to `[low, high]`; limits may be infinite.
    ///
    /// # Errors
    /// If `low` is above `high` or either is NaN.
    pub fn clamp(&self, low: f64, high: f64) -> Result<Self> {
        let [y] = self.tape.apply(Clamp { low, high }, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;
    use tensor::Tensor;

    use super::Clamp;
    use crate::testing::cases::{AnyShape, Kink};
    use crate::testing::strategies::values_away_from_zero;

    impl AnyShape<1> for Clamp {
        const LINEAR: [bool; 1] = [false; 1];

        /// Limits at zero and outside of all values, because inputs are not near zero.
        fn op() -> BoxedStrategy<Self> {
            let limits = [(0.0, 4.0), (-4.0, 0.0), (0.0, f64::INFINITY)];
            proptest::sample::select(limits.to_vec()).prop_map(|(low, high)| Clamp { low, high }).boxed()
        }

        fn input(shape: &[usize]) -> BoxedStrategy<Tensor> {
            values_away_from_zero(shape)
        }

        fn kinks() -> Vec<Kink<Self, 1>> {
            let x = Tensor::from_vec(vec![-2.0, -1.0, 0.0, 1.0, 2.0], &[5]).expect("five elements");
            let op = Clamp { low: -1.0, high: 1.0 };
            vec![Kink { op, inputs: [x], gradients: [vec![0.0, 1.0, 1.0, 1.0, 0.0]] }]
        }
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn both_limits_are_applied_nan_stays_and_exchanged_limits_are_an_error() {
        for dtype in DType::ALL {
            let tape = Tape::new();
            let x = [-3.0, -1.0, 0.5, 7.0, f64::NAN];
            let x = tape.input(&Tensor::from_vec(x.to_vec(), &[5]).unwrap().to_dtype(dtype));
            let y = x.clamp(-1.0, 2.0).unwrap().value().to_f64_vec();
            assert_eq!(y[..4], [-1.0, -1.0, 0.5, 2.0], "{dtype}");
            assert!(y[4].is_nan(), "{dtype}");
            for (low, high) in [(2.0, -1.0), (f64::NAN, 1.0)] {
                let message = x.clamp(low, high).unwrap_err().to_string();
                assert!(
                    message.starts_with("clamp: expected a lower limit of at most the upper one"),
                    "{message}"
                );
            }
        }
    }
}
