//! The mean over some axes.

use ndarray::{ArrayD, ArrayViewD};
use tensor::gpu::Call;
use tensor::{Kernel, Real, Slice, Tensor};

use crate::launch::sum_over;
use crate::op::if_needed;
use crate::ops::sum_axes::{SumAxes, with_shape};
use crate::{Op, Result, Var};

/// The mean over non-empty axes, in the type of the input.
///
/// The gradient has the same type, so for a mean over very many 16-bit elements, use a loss in the accumulator type.
#[derive(Debug, Clone)]
pub struct MeanAxes(pub SumAxes);

impl Kernel<1, 1> for MeanAxes {
    fn name(&self) -> &'static str {
        "mean_axes"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        let shape = self.0.shape("mean_axes", x)?;
        if self.0.count(x) == 0 {
            let expected = format!("a shape whose axes {:?} are not empty", self.0.axes);
            return Err(tensor::Error::shape("mean_axes", &expected, &[x]));
        }
        Ok([shape])
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        let [shape] = self.shapes([x.shape()]).expect("the shape rule was checked");
        let count = A::of(self.0.count(x.shape()));
        [with_shape(self.0.reference_sum(&x), &shape).mapv_into(|sum| sum / count)]
    }

    fn launch(&self, call: Call<'_>, [x]: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        sum_over(call, [x, y], &self.0.axes, 1.0 / self.0.count(x.shape()) as f64)
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        let count = self.0.count(x.shape) as f32;
        let fast = self.0.fast_sum(x, y);
        if fast {
            y.iter_mut().for_each(|y| *y /= count);
        }
        fast
    }
}

impl Op<1> for MeanAxes {
    const NAME: &'static str = "mean_axes";

    /// The shape of the input.
    type Saved = Vec<usize>;

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Vec<usize>)> {
        Ok((tensor::run(self, [x])?, x.shape().to_vec()))
    }

    fn backward(
        &self,
        x: &Vec<usize>,
        [dy]: [&Tensor; 1],
        [needed]: [bool; 1],
    ) -> Result<[Option<Tensor>; 1]> {
        Ok([if_needed(needed, || self.0.gradient(x, dy, 1.0 / self.0.count(x) as f64))?])
    }
}

impl<'t> Var<'t> {
    /// The mean over `axes`, which are kept with length 1 if `keep` is true and removed otherwise.
    ///
    /// # Errors
    /// If an axis does not exist, is repeated or is empty.
    pub fn mean_axes(&self, axes: &[usize], keep: bool) -> Result<Self> {
        let [y] = self.tape.apply(MeanAxes(SumAxes { axes: axes.to_vec(), keep }), [self])?;
        Ok(y)
    }

    /// The mean of all elements, a scalar.
    ///
    /// # Errors
    /// If there are no elements.
    pub fn mean(&self) -> Result<Self> {
        self.mean_axes(&(0..self.shape().len()).collect::<Vec<_>>(), false)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;

    use super::MeanAxes;
    use crate::ops::sum_axes::SumAxes;
    use crate::ops::sum_axes::cases::shape_and_axes;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{LENGTHS, shape, swept, tile, values};

    impl Cases<1> for MeanAxes {
        const LINEAR: [bool; 1] = [true];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            means(shape(0..=4, 1..4))
        }

        /// The sums are not longer, because the gradient of each element is stored in the type of the input, and `f16`
        /// is subnormal below 6e-5.
        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            let lengths = (1..3usize, prop_oneof![256..750usize, tile()], 1..3usize);
            means(lengths.prop_then(|(a, b, c)| Just(vec![a, b, c]).prop_shuffle()).boxed())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            swept([&LENGTHS; 3], &[3, 2, 17, 1], |shape| means(Just(shape.to_vec()).boxed()))
        }
    }

    /// The averaged axes are non-empty; the others may be empty.
    fn means(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<MeanAxes, 1>> {
        shape_and_axes(shape)
            .prop_then(|(mut shape, axes, keep)| {
                axes.iter().for_each(|&axis| shape[axis] = shape[axis].max(1));
                (values(&shape), Just(MeanAxes(SumAxes { axes, keep })))
            })
            .prop_map(|(x, op)| Case { reduced: op.0.count(x.shape()), op, inputs: [x] })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn the_mean_over_tokens_divides_the_gradient_between_the_tokens() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 6.0], &[1, 2, 2]).unwrap());
        let y = x.mean_axes(&[1], false).unwrap();
        assert_eq!((y.shape(), y.value().to_f64_vec()), (&[1, 2][..], vec![2.0, 4.0]));
        let dy = Tensor::from_vec(vec![8.0f32, 4.0], &[1, 2]).unwrap();
        let gradients = tape.backward_from(&y, dy).unwrap();
        assert_eq!(gradients.of(&x).unwrap().to_f64_vec(), [4.0, 2.0, 4.0, 2.0]);
    }

    #[test]
    fn the_mean_over_an_empty_axis_is_an_error_and_not_nan() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[2, 0, 3], DType::F32));
        let message = x.mean_axes(&[1], false).unwrap_err().to_string();
        assert_eq!(message, "mean_axes: expected a shape whose axes [1] are not empty, got [2, 0, 3]");
        assert_eq!(x.mean_axes(&[0], false).unwrap().shape(), [0, 3]);
    }

    #[test]
    fn an_axis_that_does_not_exist_is_an_error_that_names_the_mean() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[2], DType::F32));
        assert!(x.mean_axes(&[1], true).unwrap_err().to_string().starts_with("mean_axes: "));
    }
}
