//! The sum over axes; its gradient is broadcast along them.

use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn};
use tensor::gpu::{Argument, Call};
use tensor::{Kernel, Real, Slice, Tensor, sums, vector};

use crate::launch::axes::{Axes, strides};
use crate::launch::{elementwise, sum_over};
use crate::op::if_needed;
use crate::{Op, Result, Var};

/// The sum over `axes`, in the type of the input; the sum over an empty axis is 0.
#[derive(Debug, Clone)]
pub struct SumAxes {
    /// The axes to sum over, distinct and in any order; may be empty.
    pub axes: Vec<usize>,
    /// Whether the axes are kept with length 1.
    pub keep: bool,
}

impl SumAxes {
    /// The shape of the sum, with the axes kept or removed.
    pub(crate) fn shape(&self, op: &str, x: &[usize]) -> tensor::Result<Vec<usize>> {
        let twice = (1..self.axes.len()).any(|i| self.axes[..i].contains(&self.axes[i]));
        if twice || self.axes.iter().any(|&axis| axis >= x.len()) {
            let expected = format!("a shape with the axes {:?}, each listed once", self.axes);
            return Err(tensor::Error::shape(op, &expected, &[x]));
        }
        let kept = self.kept(x).into_iter().enumerate();
        Ok(kept
            .filter(|(axis, _)| self.keep || !self.axes.contains(axis))
            .map(|(_, length)| length)
            .collect())
    }

    /// The shape of the sum with its axes kept.
    fn kept(&self, x: &[usize]) -> Vec<usize> {
        let lengths = x.iter().enumerate();
        lengths.map(|(axis, &length)| if self.axes.contains(&axis) { 1 } else { length }).collect()
    }

    /// The number of terms in each sum.
    pub(crate) fn count(&self, x: &[usize]) -> usize {
        self.axes.iter().map(|&axis| x[axis]).product()
    }

    /// The sizes `[outer, summed, inner]` of an equivalent sum over the middle one of three axes, if `axes` are
    /// adjacent.
    fn side_by_side(&self, x: &[usize]) -> Option<[usize; 3]> {
        let first = *self.axes.iter().min()?;
        let end = first + self.axes.len();
        let size = |lengths: &[usize]| lengths.iter().product();
        let none_between = self.axes.iter().all(|&axis| axis < end);
        none_between.then(|| [size(&x[..first]), size(&x[first..end]), size(&x[end..])])
    }

    /// The sum with its axes kept.
    pub(crate) fn reference_sum<A: Real>(&self, x: &ArrayViewD<'_, A>) -> ArrayD<A> {
        let along = |x: &ArrayD<A>, axis| sums::sum_axis(x.view(), Axis(axis)).insert_axis(Axis(axis));
        self.axes.iter().fold(x.to_owned(), |sum, &axis| along(&sum, axis))
    }

    /// Computes the sum by the fast path if the axes are adjacent; returns `false` otherwise.
    pub(crate) fn fast_sum(&self, x: Slice<'_>, y: &mut [f32]) -> bool {
        match self.side_by_side(x.shape) {
            Some([_, 0, _]) => y.fill(0.0),
            Some([_, summed, 1]) => {
                let rows = x.data.chunks_exact(summed);
                y.iter_mut().zip(rows).for_each(|(y, row)| *y = vector::sum(row) as f32);
            }
            Some([_, summed, inner]) if inner > 0 => {
                let blocks = x.data.chunks_exact(summed * inner);
                y.chunks_exact_mut(inner).zip(blocks).for_each(|(y, block)| vector::sum_rows(block, y));
            }
            Some(_) => {}
            None => return false,
        }
        true
    }

    /// `factor dy`, broadcast to the shape `x` of the summed tensor.
    pub(crate) fn gradient(&self, x: &[usize], dy: &Tensor, factor: f64) -> Result<Tensor> {
        let [dx] = tensor::run(&SumAxesGrad { sum: self, x, factor }, [&dy.reshape(&self.kept(x))?])?;
        Ok(dx)
    }
}

impl Kernel<1, 1> for SumAxes {
    fn name(&self) -> &'static str {
        "sum_axes"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        Ok([self.shape("sum_axes", x)?])
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        [with_shape(
            self.reference_sum(&x),
            &self.shape("sum_axes", x.shape()).expect("the shape rule was checked"),
        )]
    }

    fn launch(&self, call: Call<'_>, [x]: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        sum_over(call, [x, y], &self.axes, 1.0)
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        self.fast_sum(x, y)
    }
}

/// Reshapes the array, to drop some axes of length 1.
pub(crate) fn with_shape<A: Real>(array: ArrayD<A>, shape: &[usize]) -> ArrayD<A> {
    let array = array.as_standard_layout().into_owned();
    array.into_shape_with_order(IxDyn(shape)).expect("only axes of length 1 were left out")
}

/// `dx = factor dy`, broadcast along the summed axes, which have length 1 in `dy`.
#[derive(Debug)]
struct SumAxesGrad<'a> {
    sum: &'a SumAxes,
    x: &'a [usize],
    factor: f64,
}

impl Kernel<1, 1> for SumAxesGrad<'_> {
    fn name(&self) -> &'static str {
        "sum_axes_grad"
    }

    fn shapes(&self, [dy]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        let kept = self.sum.kept(self.x);
        if dy != kept {
            return Err(tensor::Error::shape("sum_axes_grad", &format!("the shape {kept:?}"), &[dy]));
        }
        Ok([self.x.to_vec()])
    }

    fn reference<A: Real>(&self, [dy]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        let factor = A::from_f64(self.factor);
        [dy.broadcast(self.x).expect("the shape rule was checked").mapv(|dy| factor * dy)]
    }

    fn launch(&self, call: Call<'_>, [dy]: [&Tensor; 1], [dx]: [&Tensor; 1]) -> tensor::Result<()> {
        let of_dy = strides(dy.shape());
        let stride = |axis: usize| if self.sum.axes.contains(&axis) { 0 } else { of_dy[axis] };
        let walk = Axes::of(self.x.iter().enumerate().map(|(axis, &length)| (length, stride(axis))));
        let more = [Argument::Words(&walk.words(call)?), Argument::F32(self.factor as f32)];
        elementwise(call, "sum_axes_grad", dx, [dy], &more)
    }

    fn fast(&self, [dy]: [Slice<'_>; 1], [dx]: [&mut [f32]; 1]) -> bool {
        let factor = self.factor as f32;
        let Some([_, summed, inner]) = self.sum.side_by_side(self.x) else { return false };
        if dx.is_empty() {
            return true;
        }
        for (block, dy) in dx.chunks_exact_mut(summed * inner).zip(dy.data.chunks_exact(inner)) {
            if let &[dy] = dy {
                block.fill(factor * dy);
                continue;
            }
            let (first, others) = block.split_at_mut(inner);
            first.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx = factor * dy);
            others.chunks_exact_mut(inner).for_each(|row| row.copy_from_slice(first));
        }
        true
    }
}

impl Op<1> for SumAxes {
    const NAME: &'static str = "sum_axes";

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
        Ok([if_needed(needed, || self.gradient(x, dy, 1.0))?])
    }
}

impl<'t> Var<'t> {
    /// The sum over `axes`, which are kept with length 1 if `keep` is true and removed otherwise.
    ///
    /// # Errors
    /// If an axis does not exist or is repeated.
    pub fn sum_axes(&self, axes: &[usize], keep: bool) -> Result<Self> {
        let [y] = self.tape.apply(SumAxes { axes: axes.to_vec(), keep }, [self])?;
        Ok(y)
    }

    /// The sum of all elements, a scalar.
    pub fn sum(&self) -> Result<Self> {
        self.sum_axes(&(0..self.shape().len()).collect::<Vec<_>>(), false)
    }
}

#[cfg(feature = "testing")]
pub(crate) mod cases {
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::SumAxes;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{LENGTHS, shape, swept, tile, values};

    impl Cases<1> for SumAxes {
        const LINEAR: [bool; 1] = [true];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            sums(shape(0..=4, 1..4))
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            let lengths = (1..4usize, prop_oneof![256..1024usize, tile()], 1..20usize);
            sums(lengths.prop_then(|(a, b, c)| Just(vec![a, b, c]).prop_shuffle()).boxed())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            swept([&LENGTHS; 3], &[3, 2, 17, 1], |shape| sums(Just(shape.to_vec()).boxed()))
        }
    }

    /// A shape and some of its axes, in any order.
    pub(crate) fn shape_and_axes(
        shape: BoxedStrategy<Vec<usize>>,
    ) -> BoxedStrategy<(Vec<usize>, Vec<usize>, bool)> {
        shape
            .prop_then(|shape| {
                let axes: Vec<usize> = (0..shape.len()).collect();
                (Just(shape.clone()), subsequence(axes, 0..=shape.len()).prop_shuffle(), any::<bool>())
            })
            .boxed()
    }

    fn sums(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<SumAxes, 1>> {
        shape_and_axes(shape)
            .prop_then(|(shape, axes, keep)| (values(&shape), Just(SumAxes { axes, keep })))
            .prop_map(|(x, op)| Case { reduced: op.count(x.shape()), op, inputs: [x] })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::SumAxes;
    use crate::Tape;

    fn counted(shape: &[usize], dtype: DType) -> Tensor {
        let length = shape.iter().product::<usize>();
        Tensor::from_vec((0..length).map(|i| i as f64).collect(), shape).unwrap().to_dtype(dtype)
    }

    #[test]
    fn axes_are_kept_with_length_one_or_removed() {
        let tape = Tape::new();
        let x = tape.input(&counted(&[2, 3, 2], DType::F64));
        let (kept, left_out) = (x.sum_axes(&[2, 0], true).unwrap(), x.sum_axes(&[0, 2], false).unwrap());
        assert_eq!((kept.shape(), left_out.shape()), (&[1, 3, 1][..], &[3][..]));
        assert_eq!(kept.value().to_f64_vec(), [14.0, 22.0, 30.0]);
        assert_eq!(left_out.value().to_f64_vec(), [14.0, 22.0, 30.0]);
    }

    #[test]
    fn the_fast_path_sums_what_the_reference_sums_over_every_choice_of_axes() {
        // Sums of integers this small are exact in any order.
        for shape in [[2, 3, 4], [1, 5, 1], [3, 0, 2], [2, 2, 0]] {
            for choice in 0..8usize {
                let axes: Vec<usize> = (0..3).filter(|axis| choice >> axis & 1 == 1).collect();
                let op = SumAxes { axes, keep: false };
                let x = counted(&shape, DType::F32);
                let [fast] = tensor::run(&op, [&x]).unwrap();
                let [slow] = tensor::run_reference(&op, [&x]).unwrap();
                assert_eq!(fast.to_f64_vec(), slow.to_f64_vec(), "{op:?} of {shape:?}");
                let dy = counted(fast.shape(), DType::F32);
                let dx = op.gradient(&shape, &dy, 2.0).unwrap();
                let expected = op.gradient(&shape, &dy.to_dtype(DType::F64), 2.0).unwrap();
                assert_eq!(dx.to_f64_vec(), expected.to_f64_vec(), "gradient of {op:?} of {shape:?}");
            }
        }
    }

    #[test]
    fn a_sum_over_no_axes_is_the_value_itself_and_over_an_empty_axis_zero() {
        let tape = Tape::new();
        let x = tape.input(&counted(&[2, 2], DType::F32));
        assert_eq!(x.sum_axes(&[], true).unwrap().value().to_f64_vec(), x.value().to_f64_vec());
        let nothing = tape.input(&Tensor::zeros(&[2, 0], DType::F32));
        assert_eq!(nothing.sum_axes(&[1], false).unwrap().value().to_f64_vec(), [0.0, 0.0]);
    }

    #[test]
    fn an_axis_that_does_not_exist_or_is_named_twice_is_an_error_that_names_the_axes() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[2, 3], DType::F32));
        let message = |axes: &[usize]| x.sum_axes(axes, false).unwrap_err().to_string();
        let expected = "sum_axes: expected a shape with the axes [2], each listed once, got [2, 3]";
        assert_eq!(message(&[2]), expected);
        assert!(message(&[1, 1]).contains("[1, 1]"));
    }
}
