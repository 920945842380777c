//! The difference of two tensors of one shape.

use ndarray::{ArrayD, ArrayViewD};
use tensor::gpu::Call;
use tensor::{Kernel, Real, Slice, Tensor, vector};

use crate::launch::elementwise;
use crate::op::if_wanted;
use crate::ops::scale::scaled;
use crate::{Op, Result, Var};

/// `x - y` for two equal shapes.
#[derive(Debug, Clone, Copy)]
pub struct Sub;

impl Kernel<2, 1> for Sub {
    fn name(&self) -> &'static str {
        "sub"
    }

    fn shapes(&self, [x, y]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        if x != y {
            return Err(tensor::Error::shape("sub", "two equal shapes", &[x, y]));
        }
        Ok([x.to_vec()])
    }

    fn reference<A: Real>(&self, [x, y]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        [&x - &y]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 2], [difference]: [&Tensor; 1]) -> tensor::Result<()> {
        elementwise(call, "sub", difference, inputs, &[])
    }

    fn fast(&self, [x, y]: [Slice<'_>; 2], [out]: [&mut [f32]; 1]) -> bool {
        vector::map2(x.data, y.data, out, |x, y| x - y);
        true
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
        [wanted_x, wanted_y]: [bool; 2],
    ) -> Result<[Option<Tensor>; 2]> {
        Ok([wanted_x.then(|| grad_output.clone()), if_wanted(wanted_y, || scaled(grad_output, -1.0))?])
    }
}

impl<'t> Var<'t> {
    /// `self - other`; the one of lower rank, or with axes of length 1, is repeated to the other's shape.
    ///
    /// # Errors
    /// If neither shape can be repeated to the other.
    pub fn sub(&self, other: &Self) -> Result<Self> {
        let [x, y] = self.broadcast_with(other)?;
        let [difference] = self.tape.apply(Sub, [&x, &y])?;
        Ok(difference)
    }
}

#[cfg(feature = "cases")]
mod cases {
    use proptest::prelude::*;

    use super::Sub;
    use crate::gradcheck::cases::{Case, Cases, long_shape, shape, swept_lengths, values};
    use crate::gradcheck::classes::{self, Claim, ShapeClass};

    impl Cases<2> for Sub {
        const LINEAR: [bool; 2] = [true; 2];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 2>> {
            of_shape(shape(0..=3, 1..4))
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 2>> {
            of_shape(long_shape())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 2>>> {
            swept_lengths(|n| of_shape(Just(vec![n]).boxed()))
        }
    }

    fn of_shape(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<Sub, 2>> {
        shape
            .prop_flat_map(|shape| (values(&shape), values(&shape)))
            .prop_map(|(x, y)| Case { op: Sub, inputs: [x, y], reduced: 1 })
            .boxed()
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
    fn the_smaller_side_is_repeated_whichever_side_it_is() {
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
        assert_eq!(message, "sub: wanted two equal shapes, got [2, 3] and [3, 2]");
    }
}
