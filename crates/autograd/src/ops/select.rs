//! Element-wise selection between two tensors by a mask.

use ndarray::{ArrayD, ArrayViewD};
use tensor::gpu::{Argument, Call};
use tensor::{Indices, Kernel, Real, Slice, Tensor};

use crate::launch::elementwise;
use crate::op::if_needed;
use crate::{Error, Op, Result, Var};

/// `x` where the mask is set and `y` elsewhere, for two tensors of equal shape. An element that is not selected has a
/// gradient of zero and does not affect the result, even if it is NaN.
#[derive(Debug, Clone)]
pub struct Select {
    /// For each element in row-major order, 1 selects `x` and 0 selects `y`.
    pub mask: Indices,
}

impl Kernel<2, 1> for Select {
    fn name(&self) -> &'static str {
        "select"
    }

    fn shapes(&self, [x, y]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        if x != y {
            return Err(tensor::Error::shape("select", "two equal shapes", &[x, y]));
        }
        Ok([x.to_vec()])
    }

    fn reference<A: Real>(&self, [x, y]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        let mut z = y.to_owned();
        for ((z, &x), &mask) in z.iter_mut().zip(&x).zip(self.mask.as_slice()) {
            *z = if mask == 1 { x } else { *z };
        }
        [z]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 2], [z]: [&Tensor; 1]) -> tensor::Result<()> {
        elementwise(call, "select", z, inputs, &[Argument::Indices(&self.mask)])
    }

    fn fast(&self, [x, y]: [Slice<'_>; 2], [z]: [&mut [f32]; 1]) -> bool {
        let inputs = x.data.iter().zip(y.data).zip(self.mask.as_slice());
        z.iter_mut().zip(inputs).for_each(|(z, ((&x, &y), &mask))| *z = if mask == 1 { x } else { y });
        true
    }
}

impl Op<2> for Select {
    const NAME: &'static str = "select";

    type Saved = ();

    fn forward(&self, [x, y]: [&Tensor; 2]) -> Result<([Tensor; 1], ())> {
        if self.mask.len() != x.len() || self.mask.max() > Some(1) {
            let largest = self.mask.max().unwrap_or(0);
            let got = format!("{} with values of up to {largest} for {} elements", self.mask.len(), x.len());
            let expected = "a mask of 0 or 1 for each element".into();
            return Err(Error::Indices { op: <Self as Op<2>>::NAME, expected, got });
        }
        Ok((tensor::run(self, [x, y])?, ()))
    }

    fn backward(
        &self,
        (): &(),
        [dz]: [&Tensor; 1],
        [needed_x, needed_y]: [bool; 2],
    ) -> Result<[Option<Tensor>; 2]> {
        let nothing = Tensor::zeros_on(&dz.device(), dz.shape(), dz.dtype())?;
        let selected = |needed, [x, y]: [&Tensor; 2]| {
            if_needed(needed, || {
                let [selected] = tensor::run(self, [x, y])?;
                Ok(selected)
            })
        };
        Ok([selected(needed_x, [dz, &nothing])?, selected(needed_y, [&nothing, dz])?])
    }
}

impl<'t> Var<'t> {
    /// `self` where the mask is set and `other` elsewhere; the shapes are broadcast, and the mask has one entry for each
    /// element of the result, in row-major order.
    ///
    /// # Errors
    /// If the shapes do not broadcast to a common shape, or the mask has another length.
    pub fn select(&self, mask: &[bool], other: &Self) -> Result<Self> {
        let [x, y] = self.broadcast_with(other)?;
        let mask = Indices::new(mask.iter().map(|&set| u32::from(set)).collect());
        let [z] = self.tape.apply(Select { mask }, [&x, &y])?;
        Ok(z)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;

    use super::Select;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{indices, long_shape, shape, swept_lengths, values};

    impl Cases<2> for Select {
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

    fn of_shape(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<Select, 2>> {
        shape
            .prop_then(|shape| (values(&shape), values(&shape), indices(shape.iter().product(), 2)))
            .prop_map(|(x, y, mask)| Case { op: Select { mask }, inputs: [x, y], reduced: 1 })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn elements_that_are_not_selected_have_no_influence() {
        for dtype in DType::ALL {
            let tape = Tape::new();
            let x = Tensor::from_vec(vec![1.0, f64::NAN, 3.0], &[3]).unwrap().to_dtype(dtype);
            let (x, y) = (tape.input(&x), tape.input(&Tensor::full(f64::INFINITY, &[], dtype)));
            let z = x.select(&[true, false, true], &y).unwrap();
            assert_eq!(z.value().to_f64_vec(), [1.0, f64::INFINITY, 3.0], "{dtype}");
            let gradients = tape.backward_from(&z, Tensor::full(2.0, &[3], dtype)).unwrap();
            assert_eq!(gradients.of(&x).unwrap().to_f64_vec(), [2.0, 0.0, 2.0], "{dtype}");
            assert_eq!(gradients.of(&y).unwrap().to_f64_vec(), [2.0], "{dtype}");
        }
    }

    #[test]
    fn a_mask_of_another_length_is_an_error_with_both() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[2], DType::F32));
        let message = x.select(&[true], &x).unwrap_err().to_string();
        assert_eq!(
            message,
            "select: expected a mask of 0 or 1 for each element, got 1 with values of up to 1 for 2 elements"
        );
    }
}
