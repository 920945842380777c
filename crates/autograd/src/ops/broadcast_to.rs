//! Broadcasting to a shape; its gradient is a sum over the broadcast axes.

mod repeats;

use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn};
use tensor::gpu::{Argument, Call};
use tensor::{Kernel, Real, Slice, Tensor, sums, vector};

use crate::launch::axes::{Axes, strides};
use crate::launch::{elementwise, sum_over};
use crate::op::if_needed;
use crate::{Op, Result, Var};

/// Broadcasts a tensor to `shape`: missing leading axes are added, axes of length 1 are repeated.
#[derive(Debug, Clone)]
pub struct BroadcastTo {
    /// The target shape.
    pub shape: Vec<usize>,
}

impl Kernel<1, 1> for BroadcastTo {
    fn name(&self) -> &'static str {
        "broadcast_to"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        if !fits(x, &self.shape) {
            let expected = format!("a shape that broadcasts to {:?}", self.shape);
            return Err(tensor::Error::shape("broadcast_to", &expected, &[x]));
        }
        Ok([self.shape.clone()])
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        [x.broadcast(self.shape.as_slice()).expect("the shape rule was checked").to_owned()]
    }

    fn launch(&self, call: Call<'_>, [x]: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        let walk = walk(x.shape(), &self.shape);
        elementwise(call, "broadcast_to", y, [x], &[Argument::Words(&walk.words(call)?)])
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        if !y.is_empty() {
            repeats::repeat(x.data, y, walk(x.shape, &self.shape).pairs());
        }
        true
    }
}

/// Sums over the axes along which [`BroadcastTo`] repeats, to `shape`.
#[derive(Debug, Clone)]
pub(crate) struct SumTo {
    pub(crate) shape: Vec<usize>,
}

impl Kernel<1, 1> for SumTo {
    fn name(&self) -> &'static str {
        "sum_to"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        if !fits(&self.shape, x) {
            let expected = format!("a shape that {:?} broadcasts to", self.shape);
            return Err(tensor::Error::shape("sum_to", &expected, &[x]));
        }
        Ok([self.shape.clone()])
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        let mut sum = x.to_owned();
        while sum.ndim() > self.shape.len() {
            sum = sums::sum_axis(sum.view(), Axis(0));
        }
        for (axis, &length) in self.shape.iter().enumerate() {
            if length == 1 {
                sum = sums::sum_axis(sum.view(), Axis(axis)).insert_axis(Axis(axis));
            }
        }
        [sum.into_shape_with_order(IxDyn(&self.shape)).expect("only axes of length 1 were left")]
    }

    fn launch(&self, call: Call<'_>, [x]: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        let missing = x.rank() - y.rank();
        let axes: Vec<usize> = (0..x.rank()).filter(|&axis| is_repeated(y.shape(), missing, axis)).collect();
        sum_over(call, [x, y], &axes, 1.0)
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        if leads(&self.shape, x.shape) {
            vector::sum_rows(x.data, y);
            return true;
        }
        let is_short = x.data.len() <= repeats::MAX_TERMS.saturating_mul(y.len()) && !x.data.is_empty();
        if is_short {
            repeats::sum(x.data, y, walk(&self.shape, x.shape).pairs());
        }
        is_short
    }
}

/// The axes of `large` in order, with the strides of the corresponding axes of `small`, to which `small` is broadcast.
fn walk(small: &[usize], large: &[usize]) -> Axes {
    let (of_small, missing) = (strides(small), large.len() - small.len());
    let stride = |axis: usize| if is_repeated(small, missing, axis) { 0 } else { of_small[axis - missing] };
    Axes::of(large.iter().enumerate().map(|(axis, &length)| (length, stride(axis))))
}

/// Whether `small` can be broadcast to `large`.
fn fits(small: &[usize], large: &[usize]) -> bool {
    let Some(missing) = large.len().checked_sub(small.len()) else { return false };
    small.iter().zip(&large[missing..]).all(|(&s, &l)| s == l || s == 1)
}

/// Whether `small`, after adding `missing` leading axes, is repeated along this axis.
fn is_repeated(small: &[usize], missing: usize, axis: usize) -> bool {
    axis.checked_sub(missing).is_none_or(|axis| small[axis] == 1)
}

/// Whether `small` is broadcast to `large` by adding leading axes only.
fn leads(small: &[usize], large: &[usize]) -> bool {
    large.ends_with(small)
}

impl Op<1> for BroadcastTo {
    const NAME: &'static str = "broadcast_to";

    /// The shape of the input.
    type Saved = Vec<usize>;

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Vec<usize>)> {
        Ok((tensor::run(self, [x])?, x.shape().to_vec()))
    }

    fn backward(
        &self,
        shape: &Vec<usize>,
        [dy]: [&Tensor; 1],
        [needed]: [bool; 1],
    ) -> Result<[Option<Tensor>; 1]> {
        Ok([if_needed(needed, || {
            let [dx] = tensor::run(&SumTo { shape: shape.clone() }, [dy])?;
            Ok(dx)
        })?])
    }
}

impl<'t> Var<'t> {
    /// Broadcasts this value to `shape`: missing leading axes are added, axes of length 1 are repeated.
    ///
    /// # Errors
    /// If the value does not broadcast to the shape.
    pub fn broadcast_to(&self, shape: &[usize]) -> Result<Self> {
        let [y] = self.tape.apply(BroadcastTo { shape: shape.to_vec() }, [self])?;
        Ok(y)
    }

    /// Broadcasts both values to their common shape.
    pub(crate) fn broadcast_with(&self, other: &Self) -> Result<[Self; 2]> {
        if self.shape() == other.shape() {
            return Ok([self.clone(), other.clone()]);
        }
        let rank = self.shape().len().max(other.shape().len());
        let padded = |shape: &[usize]| [vec![1; rank - shape.len()], shape.to_vec()].concat();
        let lengths = padded(self.shape()).into_iter().zip(padded(other.shape()));
        let shape: Vec<usize> = lengths.map(|(a, b)| if a == 1 { b } else { a }).collect();
        Ok([self.broadcast_to(&shape)?, other.broadcast_to(&shape)?])
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;

    use super::BroadcastTo;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{LENGTHS, TILES, part_of, shape, swept, tile, values};

    impl Cases<1> for BroadcastTo {
        const LINEAR: [bool; 1] = [true];

        fn claim(class: ShapeClass) -> Claim {
            match class {
                ShapeClass::Broadcast => Claim::Generated,
                _ => classes::of_any_shape(class),
            }
        }

        fn shows(case: &Case<Self, 1>, class: ShapeClass) -> bool {
            match class {
                ShapeClass::Broadcast => case.inputs[0].shape() != case.op.shape,
                ShapeClass::TileStraddler => case.op.shape.iter().any(|length| TILES.contains(length)),
                _ => class.in_shapes(case.inputs.each_ref()),
            }
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            of_shape(shape(0..=3, 1..4))
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            of_shape((prop_oneof![256..1024usize, tile()], 1..4usize).prop_map(|(n, d)| vec![n, d]).boxed())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            swept([&LENGTHS; 3], &[3, 1, 2, 17], |shape| of_shape(Just(shape.to_vec()).boxed()))
        }
    }

    /// Inputs derived from a target shape by dropping leading axes and setting some axes to 1.
    fn of_shape(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<BroadcastTo, 1>> {
        (shape, 0..4usize, any::<[bool; 4]>())
            .prop_then(|(shape, dropped, ones)| (values(&part_of(&shape, dropped, ones)), Just(shape)))
            .prop_map(|(x, shape)| {
                let reduced = shape.iter().product();
                Case { op: BroadcastTo { shape }, inputs: [x], reduced }
            })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::{BroadcastTo, SumTo};
    use crate::Tape;

    #[test]
    fn either_operand_is_broadcast() {
        let tape = Tape::new();
        let column = tape.input(&Tensor::from_vec(vec![1.0f64, 2.0], &[2, 1]).unwrap());
        let row = tape.input(&Tensor::from_vec(vec![10.0f64, 20.0, 30.0], &[3]).unwrap());
        let sum = column.add(&row).unwrap();
        assert_eq!(sum.value().to_f64_vec(), [11.0, 21.0, 31.0, 12.0, 22.0, 32.0]);
        let gradients = tape.backward_from(&sum, Tensor::full(1.0, &[2, 3], DType::F64)).unwrap();
        assert_eq!(gradients.of(&column).unwrap().to_f64_vec(), [3.0, 3.0]);
        assert_eq!(gradients.of(&row).unwrap().to_f64_vec(), [2.0, 2.0, 2.0]);
    }

    #[test]
    fn the_fast_paths_repeat_and_sum_along_any_axes_as_the_references_do() {
        // Sums of integers this small are exact in any order.
        for choice in 0..64usize {
            let large = [3, 2, 1, 5, 2, 4];
            let small: Vec<usize> = large
                .iter()
                .enumerate()
                .map(|(axis, &l)| if choice >> axis & 1 == 1 { 1 } else { l })
                .collect();
            let counted = |shape: &[usize]| {
                let len: usize = shape.iter().product();
                Tensor::from_vec((0..len).map(|i| i as f32).collect(), shape).unwrap()
            };
            let (repeat, sum) = (BroadcastTo { shape: large.to_vec() }, SumTo { shape: small.clone() });
            let [fast] = tensor::run(&repeat, [&counted(&small)]).unwrap();
            let [slow] = tensor::run_reference(&repeat, [&counted(&small)]).unwrap();
            assert_eq!(fast.to_f64_vec(), slow.to_f64_vec(), "{small:?}");
            let [fast] = tensor::run(&sum, [&counted(&large)]).unwrap();
            let [slow] = tensor::run_reference(&sum, [&counted(&large)]).unwrap();
            assert_eq!(fast.to_f64_vec(), slow.to_f64_vec(), "{small:?}");
        }
    }

    #[test]
    fn shapes_that_cannot_meet_are_an_error_with_both() {
        let tape = Tape::new();
        let (x, y) = (Tensor::zeros(&[2], DType::F32), Tensor::zeros(&[3], DType::F32));
        let message = tape.input(&x).add(&tape.input(&y)).unwrap_err().to_string();
        assert!(message.contains("[2]") && message.contains("[3]"), "{message}");
    }
}
