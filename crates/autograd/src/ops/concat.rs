//! Concatenation along an axis.

use ndarray::{ArrayD, ArrayViewD, Axis, concatenate};
use tensor::gpu::{Argument, Call};
use tensor::{Kernel, Real, Slice, Tensor};

use crate::launch::elementwise;
use crate::op::if_needed;
use crate::ops::slice::part;
use crate::{Op, Result, Var};

/// Concatenates `x` and `y` along `axis`; all other axes have equal lengths.
#[derive(Debug, Clone, Copy)]
pub struct Concat {
    /// The axis.
    pub axis: usize,
}

impl Kernel<2, 1> for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn shapes(&self, [x, y]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        let axis = self.axis;
        let fits = x.len() == y.len() && axis < x.len() && (0..x.len()).all(|i| i == axis || x[i] == y[i]);
        if !fits {
            let expected = format!("two shapes that differ in the length of axis {axis} only");
            return Err(tensor::Error::shape("concat", &expected, &[x, y]));
        }
        let mut shape = x.to_vec();
        // An overflowing sum is reported as a shape that is too large.
        shape[axis] = x[axis].saturating_add(y[axis]);
        Ok([shape])
    }

    fn reference<A: Real>(&self, inputs: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        [concatenate(Axis(self.axis), &inputs).expect("the shape rule was checked")]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 2], [out]: [&Tensor; 1]) -> tensor::Result<()> {
        let block = |part: &Tensor| Argument::Size(part.shape()[self.axis..].iter().product());
        elementwise(call, "concat", out, inputs, &inputs.map(block))
    }

    fn fast(&self, [x, y]: [Slice<'_>; 2], [out]: [&mut [f32]; 1]) -> bool {
        let block = |part: Slice<'_>| part.shape[self.axis..].iter().product::<usize>();
        let (of_x, of_y) = (block(x), block(y));
        if of_x + of_y == 0 {
            return true;
        }
        for (index, out) in out.chunks_exact_mut(of_x + of_y).enumerate() {
            let (first, second) = out.split_at_mut(of_x);
            first.copy_from_slice(&x.data[index * of_x..][..of_x]);
            second.copy_from_slice(&y.data[index * of_y..][..of_y]);
        }
        true
    }
}

impl Op<2> for Concat {
    const NAME: &'static str = "concat";

    /// The length of `x` along the axis.
    type Saved = usize;

    fn forward(&self, [x, y]: [&Tensor; 2]) -> Result<([Tensor; 1], usize)> {
        let out = tensor::run(self, [x, y])?;
        Ok((out, x.shape()[self.axis]))
    }

    fn backward(
        &self,
        &middle: &usize,
        [grad_output]: [&Tensor; 1],
        [needed_x, needed_y]: [bool; 2],
    ) -> Result<[Option<Tensor>; 2]> {
        let axis = self.axis;
        let end = grad_output.shape()[axis];
        Ok([
            if_needed(needed_x, || part(grad_output, axis, 0, middle))?,
            if_needed(needed_y, || part(grad_output, axis, middle, end))?,
        ])
    }
}

impl<'t> Var<'t> {
    /// Concatenates values along `axis`; the lengths of all other axes must be equal.
    ///
    /// # Errors
    /// If there are no values, or their shapes do not match.
    pub fn concat(parts: &[&Self], axis: usize) -> Result<Self> {
        match *parts {
            [] => {
                let (expected, got) = ("at least one value".into(), "none".into());
                Err(tensor::Error::Shape { op: "concat".into(), expected, got }.into())
            }
            [only] if axis < only.shape().len() => Ok(only.clone()),
            [only] => {
                let expected = format!("shapes that have an axis {axis}");
                Err(tensor::Error::shape("concat", &expected, &[only.shape()]).into())
            }
            // With recursive halving, each element is copied only a logarithmic number of times.
            _ => {
                let (first, second) = parts.split_at(parts.len() / 2);
                let (first, second) = (Self::concat(first, axis)?, Self::concat(second, axis)?);
                let [out] = first.tape.apply(Concat { axis }, [&first, &second])?;
                Ok(out)
            }
        }
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::Concat;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{LENGTHS, shape, swept, tile, values};

    impl Cases<2> for Concat {
        const LINEAR: [bool; 2] = [true; 2];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 2>> {
            of_shape(shape(1..=4, 1..4), 4)
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 2>> {
            of_shape(prop_oneof![shape(3..=3, 1..40), vec(tile(), 2)].boxed(), 40)
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 2>>> {
            swept([&LENGTHS; 2], &[5, 1, 70, 3], |shape| of_shape(Just(shape.to_vec()).boxed(), 140))
        }
    }

    fn of_shape(shape: BoxedStrategy<Vec<usize>>, longest: usize) -> BoxedStrategy<Case<Concat, 2>> {
        shape
            .prop_then(move |shape| (0..shape.len(), 0..longest, Just(shape)))
            .prop_then(|(axis, length, shape)| {
                let mut other = shape.clone();
                other[axis] = length;
                (values(&shape), values(&other), Just(Concat { axis }))
            })
            .prop_map(|(x, y, op)| Case { op, inputs: [x, y], reduced: 1 })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::{Tape, Var};

    #[test]
    fn many_parts_keep_their_order_and_each_gets_its_own_gradient() {
        let tape = Tape::new();
        let parts: Vec<Var<'_>> =
            (1..=5).map(|i| tape.input(&Tensor::full(f64::from(i), &[2, i as usize], DType::F32))).collect();
        let all = Var::concat(&parts.iter().collect::<Vec<_>>(), 1).unwrap();
        let row = [1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0, 4.0, 4.0, 4.0, 5.0, 5.0, 5.0, 5.0, 5.0];
        assert_eq!((all.shape(), all.value().to_f64_vec()), (&[2, 15][..], [row, row].concat()));
        let gradients = tape.backward_from(&all, all.value().clone()).unwrap();
        for part in &parts {
            assert_eq!(gradients.of(part).unwrap().to_f64_vec(), part.value().to_f64_vec());
        }
    }

    #[test]
    fn a_value_concatenated_with_itself_gets_both_gradients_and_alone_is_itself() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::full(2.0, &[1], DType::F64));
        let y = Var::concat(&[&x, &x], 0).unwrap();
        let gradients = tape.backward_from(&y, Tensor::from_vec(vec![1.0f64, 10.0], &[2]).unwrap()).unwrap();
        assert_eq!(gradients.of(&x).unwrap().item(), Ok(11.0));
        assert_eq!(Var::concat(&[&x], 0).unwrap().value().item(), Ok(2.0));
    }

    #[test]
    fn parts_that_do_not_fit_are_an_error_with_both_shapes() {
        let tape = Tape::new();
        let of = |shape: &[usize]| tape.input(&Tensor::zeros(shape, DType::F32));
        let message =
            |x: &[usize], y: &[usize], axis| Var::concat(&[&of(x), &of(y)], axis).unwrap_err().to_string();
        let expected =
            "concat: expected two shapes that differ in the length of axis 0 only, got [2, 3] and [2, 4]";
        assert_eq!(message(&[2, 3], &[2, 4], 0), expected);
        assert!(message(&[2], &[2, 1], 0).contains("[2] and [2, 1]"));
        assert!(message(&[2], &[2], 1).contains("axis 1"));
        let message = Var::concat(&[&of(&[2, 3])], 7).unwrap_err().to_string();
        assert_eq!(message, "concat: expected shapes that have an axis 7, got [2, 3]");
        assert_eq!(
            Var::concat(&[], 0).unwrap_err().to_string(),
            "concat: expected at least one value, got none"
        );
    }
}
