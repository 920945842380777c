//! Slices along one axis.

use ndarray::{ArrayD, ArrayViewD, Axis};
use tensor::gpu::{Argument, Call};
use tensor::{Kernel, Real, Tensor};

use crate::launch::elementwise;
use crate::op::if_needed;
use crate::{Op, Result, Var};

/// The elements `start..end` along `axis`.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    /// The axis.
    pub axis: usize,
    /// The first index.
    pub start: usize,
    /// The index after the last one; at least `start`.
    pub end: usize,
}

impl Slice {
    /// The contiguous blocks of the slice, as offsets into `whole` and one length.
    fn blocks(&self, whole: &[usize]) -> (impl Iterator<Item = usize> + use<>, usize) {
        let inner: usize = whole[self.axis + 1..].iter().product();
        let outer: usize = whole[..self.axis].iter().product();
        let (first, stride) = (self.start * inner, whole[self.axis] * inner);
        ((0..outer).map(move |block| block * stride + first), (self.end - self.start) * inner)
    }

    /// The kernel arguments of the slice within `whole`: start, length and stride of its blocks, in elements.
    fn runs(&self, whole: &[usize]) -> [Argument<'static>; 3] {
        let inner: usize = whole[self.axis + 1..].iter().product();
        [self.start, self.end - self.start, whole[self.axis]].map(|length| Argument::Size(length * inner))
    }

    fn ndarray(&self) -> ndarray::Slice {
        ndarray::Slice::from(self.start..self.end)
    }
}

impl Kernel<1, 1> for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        let &Self { axis, start, end } = self;
        if start > end || x.get(axis).is_none_or(|&length| length < end) {
            let expected = format!("a shape with the range {start}..{end} along axis {axis}");
            return Err(tensor::Error::shape("slice", &expected, &[x]));
        }
        let mut shape = x.to_vec();
        shape[axis] = end - start;
        Ok([shape])
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        [x.slice_axis(Axis(self.axis), self.ndarray()).to_owned()]
    }

    fn launch(&self, call: Call<'_>, [x]: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        elementwise(call, "slice", y, [x], &self.runs(x.shape()))
    }

    fn fast(&self, [x]: [tensor::Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        let (places, length) = self.blocks(x.shape);
        if length > 0 {
            y.chunks_exact_mut(length)
                .zip(places)
                .for_each(|(y, place)| y.copy_from_slice(&x.data[place..place + length]));
        }
        true
    }
}

/// `dy` within the slice, and 0 elsewhere.
#[derive(Debug)]
struct SliceGrad<'a> {
    slice: Slice,
    x: &'a [usize],
}

impl Kernel<1, 1> for SliceGrad<'_> {
    fn name(&self) -> &'static str {
        "slice_grad"
    }

    fn shapes(&self, [dy]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        let [y] = self.slice.shapes([self.x])?;
        if dy != y {
            return Err(tensor::Error::shape("slice_grad", &format!("the shape {y:?}"), &[dy]));
        }
        Ok([self.x.to_vec()])
    }

    fn reference<A: Real>(&self, [dy]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        let mut dx = ArrayD::zeros(self.x);
        dx.slice_axis_mut(Axis(self.slice.axis), self.slice.ndarray()).assign(&dy);
        [dx]
    }

    fn launch(&self, call: Call<'_>, [dy]: [&Tensor; 1], [dx]: [&Tensor; 1]) -> tensor::Result<()> {
        elementwise(call, "slice_grad", dx, [dy], &self.slice.runs(self.x))
    }

    fn fast(&self, [dy]: [tensor::Slice<'_>; 1], [dx]: [&mut [f32]; 1]) -> bool {
        dx.fill(0.0);
        let (places, length) = self.slice.blocks(self.x);
        if length > 0 {
            dy.data
                .chunks_exact(length)
                .zip(places)
                .for_each(|(dy, place)| dx[place..place + length].copy_from_slice(dy));
        }
        true
    }
}

impl Op<1> for Slice {
    const NAME: &'static str = "slice";

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
        Ok([if_needed(needed, || {
            let [dx] = tensor::run(&SliceGrad { slice: *self, x }, [dy])?;
            Ok(dx)
        })?])
    }
}

/// The elements `start..end` of `x` along `axis`.
pub(crate) fn part(x: &Tensor, axis: usize, start: usize, end: usize) -> Result<Tensor> {
    let [part] = tensor::run(&Slice { axis, start, end }, [x])?;
    Ok(part)
}

impl<'t> Var<'t> {
    /// The elements `start..end` along `axis`; the number of axes is unchanged.
    ///
    /// # Errors
    /// If there is no such axis, `start` is after `end`, or `end` is after the last element.
    pub fn slice(&self, axis: usize, start: usize, end: usize) -> Result<Self> {
        let [y] = self.tape.apply(Slice { axis, start, end }, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::Slice;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{LENGTHS, shape, swept, tile, values};

    impl Cases<1> for Slice {
        const LINEAR: [bool; 1] = [true];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            of_shape(shape(1..=4, 1..5))
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            of_shape(prop_oneof![shape(3..=3, 1..40), vec(tile(), 2)].boxed())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            swept([&LENGTHS; 2], &[5, 1, 70, 3], |shape| of_shape(Just(shape.to_vec()).boxed()))
        }
    }

    fn of_shape(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<Slice, 1>> {
        shape
            .prop_then(|shape| (0..shape.len(), Just(shape)))
            .prop_then(|(axis, shape)| (values(&shape), Just(axis), 0..=shape[axis], 0..=shape[axis]))
            .prop_map(|(x, axis, a, b)| Case {
                op: Slice { axis, start: a.min(b), end: a.max(b) },
                inputs: [x],
                reduced: 1,
            })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn elements_outside_the_slice_have_a_gradient_of_zero() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::from_vec((0..6).map(f64::from).collect(), &[2, 3]).unwrap());
        let y = x.slice(1, 1, 2).unwrap();
        assert_eq!((y.shape(), y.value().to_f64_vec()), (&[2, 1][..], vec![1.0, 4.0]));
        let gradients = tape.backward_from(&y, Tensor::full(7.0, &[2, 1], DType::F64)).unwrap();
        assert_eq!(gradients.of(&x).unwrap().to_f64_vec(), [0.0, 7.0, 0.0, 0.0, 7.0, 0.0]);
    }

    #[test]
    fn an_empty_slice_is_valid() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[2, 3], DType::F32));
        let y = x.slice(0, 2, 2).unwrap();
        assert_eq!(y.shape(), [0, 3]);
        let gradients = tape.backward_from(&y, Tensor::zeros(&[0, 3], DType::F32)).unwrap();
        assert_eq!(gradients.of(&x).unwrap().to_f64_vec(), [0.0; 6]);
    }

    #[test]
    fn a_range_out_of_bounds_is_an_error_with_the_range() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[2, 3], DType::F32));
        let message = |axis, start, end| x.slice(axis, start, end).unwrap_err().to_string();
        assert_eq!(message(1, 2, 4), "slice: expected a shape with the range 2..4 along axis 1, got [2, 3]");
        assert!(message(2, 0, 1).contains("axis 2"));
        assert!(message(1, 2, 1).contains("2..1"));
    }
}
