//! Addition of a constant.

use tensor::{Map, Real, Tensor};

use crate::{Op, Result, Var};

/// `x + term`, element-wise.
#[derive(Debug, Clone, Copy)]
pub struct AddScalar {
    /// The constant, which has no gradient.
    pub term: f64,
}

impl Map for AddScalar {
    const NAME: &'static str = "add_scalar";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A) -> A {
        x + A::from_f64(self.term)
    }

    fn constants(&self) -> [Option<f32>; 2] {
        [Some(self.term as f32), None]
    }
}

impl Op<1> for AddScalar {
    const NAME: &'static str = "add_scalar";

    type Saved = ();

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], ())> {
        Ok((tensor::run(self, [x])?, ()))
    }

    fn backward(&self, (): &(), [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([needed.then(|| dy.clone())])
    }
}

impl<'t> Var<'t> {
    /// Adds a constant to each element; a negative constant is subtracted. The operators `+` and `-` with an `f64` on
    /// either side do the same: `(&x + 1.0)?`, `(1.0 - &x)?`.
    ///
    /// ```
    /// use agon_autograd::Tape;
    /// use tensor::{DType, Tensor};
    ///
    /// let tape = Tape::new();
    /// let x = tape.input(&Tensor::full(3.0, &[], DType::F32));
    /// let y = x.square()?.add_scalar(-1.0)?;
    /// assert_eq!(y.value().item()?, 8.0);
    /// assert_eq!(tape.backward(&y)?.of(&x)?.item()?, 6.0);
    /// # Ok::<(), agon_autograd::Error>(())
    /// ```
    pub fn add_scalar(&self, term: f64) -> Result<Self> {
        let [y] = self.tape.apply(AddScalar { term }, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;

    use super::AddScalar;
    use crate::testing::cases::AnyShape;

    impl AnyShape<1> for AddScalar {
        const LINEAR: [bool; 1] = [true; 1];

        fn op() -> BoxedStrategy<Self> {
            let term = prop_oneof![Just(0.0), Just(1.0), Just(-1.0), -4.0..4.0f64];
            term.prop_map(|term| AddScalar { term }).boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::AddScalar;

    #[test]
    fn the_constant_is_rounded_to_the_type_of_arithmetic_and_not_to_that_of_storage() {
        // 1 + 1/256 is a tie that rounds to 1 in bf16, and 1 - 1/256 is a bf16 value.
        let x = Tensor::full(1.0 - 1.0 / 256.0, &[1], DType::BF16);
        let [y] = tensor::run(&AddScalar { term: 1.0 + 1.0 / 256.0 }, [&x]).unwrap();
        assert_eq!((y.dtype(), y.to_f64_vec()), (DType::BF16, vec![2.0]));
    }
}
