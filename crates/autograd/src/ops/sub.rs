//! Element-wise subtraction.

use tensor::{Map2, Real, Tensor};

use crate::op::if_needed;
use crate::ops::scale::scaled;
use crate::{Op, Result, Var};

/// `x - y` for two tensors of equal shape.
#[derive(Debug, Clone, Copy)]
pub struct Sub;

impl Map2 for Sub {
    const NAME: &'static str = "sub";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A, y: A) -> A {
        x - y
    }
}

impl Op<2> for Sub {
    const NAME: &'static str = "sub";

    type Saved = ();

    fn forward(&self, inputs: [&Tensor; 2]) -> Result<([Tensor; 1], ())> {
        Ok((tensor::run(self, inputs)?, ()))
    }

    fn backward(
        &self,
        (): &(),
        [grad_output]: [&Tensor; 1],
        [needed_x, needed_y]: [bool; 2],
    ) -> Result<[Option<Tensor>; 2]> {
        Ok([needed_x.then(|| grad_output.clone()), if_needed(needed_y, || scaled(grad_output, -1.0))?])
    }
}

impl<'t> Var<'t> {
    /// `self - other`; the shapes are broadcast.
    ///
    /// # Errors
    /// If the shapes do not broadcast to a common shape.
    pub fn sub(&self, other: &Self) -> Result<Self> {
        let [x, y] = self.broadcast_with(other)?;
        let [difference] = self.tape.apply(Sub, [&x, &y])?;
        Ok(difference)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;

    use super::Sub;
    use crate::testing::cases::AnyShape;

    impl AnyShape<2> for Sub {
        const LINEAR: [bool; 2] = [true; 2];

        fn op() -> BoxedStrategy<Self> {
            Just(Sub).boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn a_value_minus_itself_has_a_gradient_of_zero() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::full(2.5, &[], DType::F64));
        let y = x.sub(&x).unwrap();
        assert_eq!(tape.backward(&y).unwrap().of(&x).unwrap().item(), Ok(0.0));
    }

    #[test]
    fn the_smaller_operand_is_broadcast_on_either_side() {
        let tape = Tape::new();
        let one = tape.input(&Tensor::full(1.0, &[1], DType::F64));
        let row = tape.input(&Tensor::from_vec(vec![1.0f64, 2.0], &[2]).unwrap());
        assert_eq!(one.sub(&row).unwrap().value().to_f64_vec(), [0.0, -1.0]);
        let y = row.sub(&one).unwrap();
        let gradients = tape.backward_from(&y, Tensor::full(1.0, &[2], DType::F64)).unwrap();
        assert_eq!(gradients.of(&one).unwrap().to_f64_vec(), [-2.0]);
    }

    #[test]
    fn unequal_shapes_are_an_error_with_both() {
        let (x, y) = (Tensor::zeros(&[2, 3], DType::F32), Tensor::zeros(&[3, 2], DType::F32));
        let message = tensor::run(&super::Sub, [&x, &y]).unwrap_err().to_string();
        assert_eq!(message, "sub: expected two equal shapes, got [2, 3] and [3, 2]");
    }
}
