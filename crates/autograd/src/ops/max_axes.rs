//! The maximum over axes.

use tensor::Tensor;

use crate::ops::max_pool2d::windows::{self, Largest, MAX_PIXELS, Places, Windows};
use crate::ops::sum_axes::SumAxes;
use crate::ops::transpose::Transpose;
use crate::{Op, Result, Var};

/// The maximum over `axes`; NaN if any element is NaN. The gradient goes to the first maximum in row-major order.
///
/// The axes are moved to the end. Each maximum is then that of one window that covers an image of one row, as in
/// max-pooling.
#[derive(Debug, Clone)]
pub struct MaxAxes {
    /// The axes to take the maximum over, distinct and in any order; may be empty.
    pub axes: Vec<usize>,
    /// Whether the axes are kept with length 1.
    pub keep: bool,
}

/// The positions of the maxima, and the permutation of axes for the backward pass.
#[derive(Debug)]
pub struct Saved {
    places: Places,
    /// The permutation that moves the axes to the end; `None` if they are already there.
    to_end: Option<Transpose>,
    /// The shape with the axes at the end.
    moved: Vec<usize>,
}

impl Op<1> for MaxAxes {
    const NAME: &'static str = "max_axes";

    type Saved = Saved;

    fn saved_tensors(saved: &Saved) -> Option<Vec<&Tensor>> {
        Some(vec![&saved.places.place_of])
    }

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Saved)> {
        let of_sum = SumAxes { axes: self.axes.clone(), keep: self.keep };
        let (shape, count) = (of_sum.shape(Self::NAME, x.shape())?, of_sum.count(x.shape()));
        if !(1..=MAX_PIXELS).contains(&count) {
            let expected = format!("from 1 to {MAX_PIXELS} elements along the axes {:?}", self.axes);
            return Err(tensor::Error::shape(Self::NAME, &expected, &[x.shape()]).into());
        }
        let mut axes: Vec<usize> = (0..x.rank()).collect();
        axes.sort_by_key(|axis| self.axes.contains(axis));
        let to_end = (!axes.is_sorted()).then_some(Transpose { axes });
        let moved = match &to_end {
            Some(transpose) => tensor::run(transpose, [x])?,
            None => [x.clone()],
        };
        let [moved] = moved;
        let largest = Largest {
            image: [1, count],
            windows: Windows::Covering,
            rows: std::iter::once(0..1).collect(),
            columns: std::iter::once(0..count).collect(),
        };
        let rows = moved.reshape(&[x.len() / count, 1, 1, count])?;
        let (y, places) = windows::forward(&rows, largest)?;
        Ok(([y.reshape(&shape)?], Saved { places, to_end, moved: moved.shape().to_vec() }))
    }

    fn backward(
        &self,
        saved: &Saved,
        [dy]: [&Tensor; 1],
        [needed]: [bool; 1],
    ) -> Result<[Option<Tensor>; 1]> {
        let of_rows = saved.places.backward(&dy.reshape(&[dy.len(), 1, 1, 1])?, needed)?;
        let back = |rows: Tensor| -> Result<Tensor> {
            let moved = rows.reshape(&saved.moved)?;
            match &saved.to_end {
                Some(transpose) => {
                    let [dx] = tensor::run(&transpose.inverse(), [&moved])?;
                    Ok(dx)
                }
                None => Ok(moved),
            }
        };
        Ok([of_rows.map(back).transpose()?])
    }
}

impl<'t> Var<'t> {
    /// The maximum over `axes`, which are kept with length 1 if `keep` is true and removed otherwise.
    ///
    /// ```
    /// use agon_autograd::Tape;
    /// use tensor::Tensor;
    ///
    /// let tape = Tape::new();
    /// let x = tape.input(&Tensor::from_vec(vec![1.0, 3.0, 3.0, 0.0, -1.0, 2.0], &[2, 3])?);
    /// let y = x.max_axes(&[1], false)?;
    /// assert_eq!(y.value().to_f64_vec(), [3.0, 2.0]);
    /// let gradients = tape.backward(&y.sum()?)?;
    /// assert_eq!(gradients.of(&x)?.to_f64_vec(), [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    /// # Ok::<(), agon_autograd::Error>(())
    /// ```
    ///
    /// # Errors
    /// If an axis does not exist or is repeated, or if there are no elements, or more than 2^24, along the axes.
    pub fn max_axes(&self, axes: &[usize], keep: bool) -> Result<Self> {
        let [y] = self.tape.apply(MaxAxes { axes: axes.to_vec(), keep }, [self])?;
        Ok(y)
    }

    /// The minimum over `axes`: the negative maximum of the negative elements.
    ///
    /// # Errors
    /// As [`Var::max_axes`].
    pub fn min_axes(&self, axes: &[usize], keep: bool) -> Result<Self> {
        self.scale(-1.0)?.max_axes(axes, keep)?.scale(-1.0)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;
    use proptest::sample::subsequence;
    use tensor::{DType, Tensor};

    use super::MaxAxes;
    use crate::testing::cases::{Case, Cases, Kink};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{LENGTHS, distinct_values, shape, swept, tile};

    impl Cases<1> for MaxAxes {
        const LINEAR: [bool; 1] = [false];

        fn claim(class: ShapeClass) -> Claim {
            match class {
                ShapeClass::KinkOrTie => Claim::Generated,
                _ => classes::of_any_shape(class),
            }
        }

        fn kinks() -> Vec<Kink<Self, 1>> {
            let tied = |axes: &[usize], gradient: [f64; 6]| Kink {
                op: MaxAxes { axes: axes.to_vec(), keep: false },
                inputs: [Tensor::zeros(&[2, 3], DType::F64)],
                gradients: [gradient.to_vec()],
            };
            vec![
                tied(&[1], [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
                tied(&[0], [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]),
                tied(&[1, 0], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
            ]
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            maxima(shape(0..=4, 1..4))
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            let lengths = (1..4usize, prop_oneof![256..1024usize, tile()], 1..20usize);
            maxima(lengths.prop_then(|(a, b, c)| Just(vec![a, b, c]).prop_shuffle()).boxed())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            swept([&LENGTHS; 3], &[3, 2, 17, 1], |shape| maxima(Just(shape.to_vec()).boxed()))
        }
    }

    /// Maxima over some of the non-empty axes.
    fn maxima(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<MaxAxes, 1>> {
        shape
            .prop_then(|shape| {
                let axes: Vec<usize> = (0..shape.len()).filter(|&axis| shape[axis] > 0).collect();
                let n_axes = axes.len();
                let op = (subsequence(axes, 0..=n_axes).prop_shuffle(), any::<bool>());
                (op.prop_map(|(axes, keep)| MaxAxes { axes, keep }), distinct_values(&shape))
            })
            .prop_map(|(op, x)| Case { op, inputs: [x], reduced: 1 })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn axes_in_any_order_are_kept_or_removed_and_nan_is_the_maximum() {
        let tape = Tape::new();
        let elements = vec![1.0, 5.0, f64::NAN, 2.0, 4.0, 3.0, 0.0, -1.0];
        let x = tape.input(&Tensor::from_vec(elements, &[2, 2, 2]).unwrap());
        let (kept, removed) = (x.max_axes(&[2, 0], true).unwrap(), x.max_axes(&[0, 2], false).unwrap());
        assert_eq!((kept.shape(), removed.shape()), (&[1, 2, 1][..], &[2][..]));
        for y in [kept, removed] {
            let y = y.value().to_f64_vec();
            assert!(y[0] == 5.0 && y[1].is_nan(), "{y:?}");
        }
        let smallest = x.min_axes(&[1, 2], false).unwrap().value().to_f64_vec();
        assert!(smallest[0].is_nan() && smallest[1] == -1.0, "{smallest:?}");
    }

    #[test]
    fn a_maximum_over_an_empty_axis_is_refused_and_an_empty_result_is_valid() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[0, 3], DType::F32));
        let message = x.max_axes(&[0], false).unwrap_err().to_string();
        assert_eq!(message, "max_axes: expected from 1 to 16777216 elements along the axes [0], got [0, 3]");
        assert_eq!(x.max_axes(&[1], false).unwrap().shape(), [0]);
        assert!(x.max_axes(&[2], false).is_err() && x.max_axes(&[1, 1], false).is_err());
    }
}
