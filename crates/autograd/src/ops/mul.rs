//! Element-wise multiplication.

use tensor::{Map2, Real, Tensor};

use crate::op::run_if;
use crate::{Op, Result, Var};

/// `x y` for two tensors of equal shape.
#[derive(Debug, Clone, Copy)]
pub struct Mul;

impl Map2 for Mul {
    const NAME: &'static str = "mul";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A, y: A) -> A {
        x * y
    }
}

impl Op<2> for Mul {
    const NAME: &'static str = "mul";

    /// The two factors.
    type Saved = [Tensor; 2];

    fn forward(&self, inputs: [&Tensor; 2]) -> Result<([Tensor; 1], [Tensor; 2])> {
        Ok((tensor::run(self, inputs)?, inputs.map(Tensor::clone)))
    }

    /// The gradient of each factor is the other factor times `grad_output`.
    fn backward(
        &self,
        [x, y]: &[Tensor; 2],
        [grad_output]: [&Tensor; 1],
        [needed_x, needed_y]: [bool; 2],
    ) -> Result<[Option<Tensor>; 2]> {
        Ok([run_if(needed_x, self, [y, grad_output])?, run_if(needed_y, self, [x, grad_output])?])
    }
}

impl<'t> Var<'t> {
    /// `self * other`; the shapes are broadcast.
    ///
    /// # Errors
    /// If the shapes do not broadcast to a common shape.
    pub fn mul(&self, other: &Self) -> Result<Self> {
        let [x, y] = self.broadcast_with(other)?;
        let [product] = self.tape.apply(Mul, [&x, &y])?;
        Ok(product)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;

    use super::Mul;
    use crate::testing::cases::AnyShape;

    impl AnyShape<2> for Mul {
        const LINEAR: [bool; 2] = [true; 2];

        fn op() -> BoxedStrategy<Self> {
            Just(Mul).boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn a_square_gets_both_gradients() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::full(3.0, &[], DType::F64));
        let y = x.mul(&x).unwrap();
        assert_eq!(y.value().item(), Ok(9.0));
        assert_eq!(tape.backward(&y).unwrap().of(&x).unwrap().item(), Ok(6.0));
    }

    #[test]
    fn a_channel_factor_is_broadcast_and_its_gradient_is_summed() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::from_vec(vec![1.0f64, 2.0, 3.0, 4.0], &[1, 2, 2]).unwrap());
        let factor = tape.input(&Tensor::from_vec(vec![10.0f64, 100.0], &[2, 1]).unwrap());
        let y = x.mul(&factor).unwrap();
        assert_eq!(y.value().to_f64_vec(), [10.0, 20.0, 300.0, 400.0]);
        let gradients = tape.backward_from(&y, Tensor::full(1.0, &[1, 2, 2], DType::F64)).unwrap();
        assert_eq!(gradients.of(&factor).unwrap().to_f64_vec(), [3.0, 7.0]);
    }

    #[test]
    fn unequal_shapes_are_an_error_with_both() {
        let (x, y) = (Tensor::zeros(&[2], DType::F32), Tensor::zeros(&[3], DType::F32));
        let message = tensor::run(&super::Mul, [&x, &y]).unwrap_err().to_string();
        assert_eq!(message, "mul: expected two equal shapes, got [2] and [3]");
    }
}
