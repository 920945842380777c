//! Adaptive max-pooling: pools images of any size to a given size.

use std::ops::Range;

use tensor::Tensor;

use crate::ops::max_pool2d::windows::{self, Largest, Places, Windows};
use crate::{Op, Result, Var};

/// Adaptive max-pooling of images `[n, c, h, w]` to `[n, c, size]`. Along an axis of `length`, output `i` of `size` is
/// the maximum over `floor(i length / size) .. ceil((i + 1) length / size)`. The windows cover the image and overlap
/// where `size` does not divide `length`.
///
/// The gradient goes to the first maximum of a window in row-major order.
#[derive(Debug, Clone, Copy)]
pub struct AdaptiveMaxPool {
    /// The height and width of the output.
    pub size: [usize; 2],
}

fn ranges(length: usize, size: usize) -> Vec<Range<usize>> {
    // 128 bits, because the products may overflow 64.
    let at = |i: usize| i as u128 * length as u128;
    let range = |i: usize| (at(i) / size as u128) as usize..at(i + 1).div_ceil(size as u128) as usize;
    (0..size).map(range).collect()
}

impl Op<1> for AdaptiveMaxPool {
    const NAME: &'static str = "adaptive_max_pool";

    type Saved = Places;

    fn saved_tensors(places: &Places) -> Option<Vec<&Tensor>> {
        Some(vec![&places.place_of])
    }

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Places)> {
        match (x.shape(), self.size) {
            (&[n, c, h, w], [rows, columns]) if ![h, w, rows, columns].contains(&0) => {
                windows::check_count([n, c, rows, columns])?;
                let (rows, columns) = (ranges(h, rows), ranges(w, columns));
                let largest = Largest { image: [h, w], windows: Windows::Covering, rows, columns };
                let (y, places) = windows::forward(x, largest)?;
                Ok(([y], places))
            }
            (_, [rows, columns]) => {
                let expected = format!(
                    "non-empty [n, c, h, w] and an output size of at least 1 x 1 (size {rows} x {columns})"
                );
                Err(tensor::Error::shape(Self::NAME, &expected, &[x.shape()]).into())
            }
        }
    }

    fn backward(
        &self,
        places: &Places,
        [dy]: [&Tensor; 1],
        [needed]: [bool; 1],
    ) -> Result<[Option<Tensor>; 1]> {
        Ok([places.backward(dy, needed)?])
    }
}

impl<'t> Var<'t> {
    /// Adaptive max-pooling of images `[n, c, h, w]` to `[n, c, size]`.
    ///
    /// # Errors
    /// If the value is not a batch of images, the image or the size is empty, or an image has more than 2^24 pixels.
    pub fn adaptive_max_pool(&self, size: [usize; 2]) -> Result<Self> {
        let [y] = self.tape.apply(AdaptiveMaxPool { size }, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use std::ops::Range;

    use proptest::prelude::*;
    use tensor::Tensor;

    use super::AdaptiveMaxPool;
    use crate::ops::max_pool2d::cases::{distinct, two_ties};
    use crate::testing::cases::{Case, Cases, Kink};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{BATCHES, LENGTHS, distinct_values, length, swept};

    impl Cases<1> for AdaptiveMaxPool {
        const LINEAR: [bool; 1] = [false];

        fn claim(class: ShapeClass) -> Claim {
            match class {
                ShapeClass::KinkOrTie => Claim::Generated,
                _ => classes::of_even_rank(class),
            }
        }

        fn kinks() -> Vec<Kink<Self, 1>> {
            vec![two_ties(AdaptiveMaxPool { size: [1, 2] })]
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            of_size(1..3, 1..7)
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            of_size(20..60, 20..40)
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            swept([&BATCHES, &BATCHES, &LENGTHS[..78], &LENGTHS[..78]], &[3, 2, 7, 4], |shape| {
                (distinct_values(&shape), [1..9usize, 1..9]).prop_map(of).boxed()
            })
        }
    }

    /// Output sizes up to slightly more than the side of the image, where windows overlap.
    fn of_size(planes: Range<usize>, side: Range<usize>) -> BoxedStrategy<Case<AdaptiveMaxPool, 1>> {
        (length(planes), 1..3usize, [side.clone(), side], [1..9usize, 1..9])
            .prop_then(|(n, c, [h, w], size)| (distinct([n, c, h, w]), Just(size)))
            .prop_map(of)
            .boxed()
    }

    fn of((x, size): (Tensor, [usize; 2])) -> Case<AdaptiveMaxPool, 1> {
        Case { op: AdaptiveMaxPool { size }, inputs: [x], reduced: size[0] * size[1] }
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::ranges;
    use crate::Tape;

    #[test]
    fn windows_cover_the_axis_and_overlap_where_sizes_do_not_divide() {
        assert_eq!(ranges(4, 1).as_slice(), std::slice::from_ref(&(0..4)));
        assert_eq!(ranges(4, 2), [0..2, 2..4]);
        assert_eq!(ranges(5, 3), [0..2, 1..4, 3..5]);
        assert_eq!(ranges(1, 2), [0..1, 0..1]);
    }

    #[test]
    fn empty_sizes_and_images_are_errors_and_an_empty_batch_is_valid() {
        let tape = Tape::new();
        let pooled = |shape: &[usize], size| {
            tape.input(&Tensor::zeros(shape, DType::F32)).adaptive_max_pool(size).map(|y| y.shape().to_vec())
        };
        assert_eq!(
            pooled(&[1, 2, 3, 4], [0, 1]).unwrap_err().to_string(),
            "adaptive_max_pool: expected non-empty [n, c, h, w] and an output size of at least 1 x 1 (size 0 x 1), \
             got [1, 2, 3, 4]"
        );
        assert!(pooled(&[1, 2, 0, 4], [1, 1]).is_err() && pooled(&[2, 2], [1, 1]).is_err());
        assert_eq!(pooled(&[0, 2, 3, 4], [1, 2]).unwrap(), [0, 2, 1, 2]);
    }
}
