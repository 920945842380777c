//! Splitting images into patches.

use ndarray::{ArrayD, ArrayViewD};
use tensor::gpu::{Argument, Call};
use tensor::{Error, Kernel, Real, Slice, Tensor, rows};

use crate::launch::elementwise;
use crate::op::if_needed;
use crate::ops::unpatchify::Unpatchify;
use crate::{Op, Result, Var};

/// Splits images `[n, c, h, w]` into square patches as tokens `[n, t, side * side * c]`.
///
/// The `t = (h / side) (w / side)` patches are in row-major order; the elements of a patch are in the order (row,
/// column, channel).
#[derive(Debug, Clone, Copy)]
pub struct Patchify {
    /// Rows and columns of a patch; a divisor of the height and of the width.
    pub side: usize,
}

impl Kernel<1, 1> for Patchify {
    fn name(&self) -> &'static str {
        "patchify"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        match x {
            // An overflowing product is reported as a shape that is too large.
            &[n, c, h, w] if divides(self.side, [h, w]) => {
                let values = self.side.saturating_mul(self.side).saturating_mul(c);
                Ok([vec![n, (h / self.side) * (w / self.side), values]])
            }
            _ => {
                let expected =
                    format!("images [n, c, h, w] with sides divisible by the patch side {}", self.side);
                Err(Error::shape("patchify", &expected, &[x]))
            }
        }
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        let &[n, c, h, w] = x.shape() else { unreachable!("the shape rule was checked") };
        let side = self.side;
        let (rows, columns) = (h / side, w / side);
        let split = x.into_shape_with_order(vec![n, c, rows, side, columns, side]);
        let split = split.expect("patches tile the image");
        // [n, rows, columns, row in the patch, column in the patch, c]
        let tokens = split.permuted_axes(vec![0, 2, 4, 3, 5, 1]).as_standard_layout().into_owned();
        let shape = vec![n, rows * columns, side * side * c];
        [tokens.into_shape_with_order(shape).expect("the tokens hold all pixels")]
    }

    fn launch(&self, call: Call<'_>, [x]: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        launch_patches(call, "patchify", [x, y], x.shape(), self.side)
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        let &[_, c, h, w] = x.shape else { unreachable!("the shape rule was checked") };
        let values = (c * h * w).max(1);
        rows::each(x.data.len(), x.data.chunks(values).zip(y.chunks_mut(values)), |(image, tokens)| {
            for (in_image, in_tokens) in runs(c, [h, w], self.side) {
                for column in 0..self.side {
                    tokens[in_tokens + column * c] = image[in_image + column];
                }
            }
        });
        true
    }
}

/// Launches `entry(y, x, n, patches)`, which copies every element of images of this shape to or from the tokens.
pub(crate) fn launch_patches(
    call: Call<'_>,
    entry: &str,
    [x, y]: [&Tensor; 2],
    images: &[usize],
    side: usize,
) -> tensor::Result<()> {
    let [c, h, w, side] = [images[1], images[2], images[3], side].map(|size| call.size(size));
    elementwise(call, entry, y, [x], &[Argument::Words(&[c?, h?, w?, side?])])
}

/// Whether square patches of this side tile an image of this size.
pub(crate) fn divides(side: usize, size: [usize; 2]) -> bool {
    side > 0 && size.iter().all(|length| length.is_multiple_of(side))
}

/// The memory layout of one image. For each row of each patch of each channel, the offset of its first element in the
/// image, where the row is contiguous, and in the tokens, where it has stride `c`.
pub(crate) fn runs(c: usize, [h, w]: [usize; 2], side: usize) -> impl Iterator<Item = (usize, usize)> {
    let columns = w / side;
    let lines = (0..c).flat_map(move |channel| (0..h).map(move |line| (channel, line)));
    lines.flat_map(move |(channel, line)| {
        let (row, within) = (line / side, line % side);
        (0..columns).map(move |column| {
            let patch = row * columns + column;
            let in_tokens = (patch * side + within) * side * c + channel;
            ((channel * h + line) * w + column * side, in_tokens)
        })
    })
}

impl Op<1> for Patchify {
    const NAME: &'static str = "patchify";

    /// The height and the width.
    type Saved = [usize; 2];

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], [usize; 2])> {
        let tokens = tensor::run(self, [x])?;
        Ok((tokens, [x.shape()[2], x.shape()[3]]))
    }

    fn backward(
        &self,
        &size: &[usize; 2],
        [dy]: [&Tensor; 1],
        [needed]: [bool; 1],
    ) -> Result<[Option<Tensor>; 1]> {
        Ok([if_needed(needed, || {
            let [dx] = tensor::run(&Unpatchify { side: self.side, size }, [dy])?;
            Ok(dx)
        })?])
    }
}

impl<'t> Var<'t> {
    /// Splits images `[n, c, h, w]` into square patches as tokens `[n, t, side * side * c]`.
    ///
    /// # Errors
    /// If patches of this side do not tile the images.
    pub fn patchify(&self, side: usize) -> Result<Self> {
        let [tokens] = self.tape.apply(Patchify { side }, [self])?;
        Ok(tokens)
    }
}

#[cfg(feature = "testing")]
pub(crate) mod cases {
    use std::ops::Range;

    use proptest::prelude::*;

    use super::Patchify;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{BATCHES, LENGTHS, swept, values};

    impl Cases<1> for Patchify {
        const LINEAR: [bool; 1] = [true];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_even_rank(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            of_size(1..3)
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            of_size(31..34)
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            swept_images().into_iter().map(of_images).collect()
        }
    }

    fn of_size(n: Range<usize>) -> BoxedStrategy<Case<Patchify, 1>> {
        of_images(images(n))
    }

    fn of_images(images: BoxedStrategy<(usize, [usize; 4])>) -> BoxedStrategy<Case<Patchify, 1>> {
        images
            .prop_then(|(side, shape)| (Just(Patchify { side }), values(&shape)))
            .prop_map(|(op, x)| Case { op, inputs: [x], reduced: 1 })
            .boxed()
    }

    /// Listed patch sides, with images that they tile.
    pub(crate) fn swept_images() -> Vec<BoxedStrategy<(usize, [usize; 4])>> {
        let lengths: [&[usize]; 5] =
            [&LENGTHS[..18], &BATCHES, &LENGTHS[..66], &LENGTHS[..40], &LENGTHS[..40]];
        swept(lengths, &[2, 3, 1], |[side, n, c, rows, columns]| {
            Just((side, [n, c, rows * side, columns * side])).boxed()
        })
    }

    /// A patch side, and the shape of images that it tiles.
    pub(crate) fn images(n: Range<usize>) -> BoxedStrategy<(usize, [usize; 4])> {
        (1..4usize, n, 0..4usize, 1..4usize, 1..4usize)
            .prop_map(|(side, n, c, rows, columns)| (side, [n, c, rows * side, columns * side]))
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn patches_are_in_row_major_order_and_their_elements_by_row_column_and_channel() {
        // Two channels of 2 x 4; each value encodes (channel, row, column).
        let values = (0..16).map(|i| f64::from(100 * (i / 8) + 10 * (i / 4 % 2) + i % 4)).collect();
        let tape = Tape::new();
        let x = tape.input(&Tensor::from_vec::<f64>(values, &[1, 2, 2, 4]).unwrap());
        let tokens = x.patchify(2).unwrap();
        assert_eq!(tokens.shape(), [1, 2, 8]);
        let first = [0.0, 100.0, 1.0, 101.0, 10.0, 110.0, 11.0, 111.0];
        let second = first.map(|value| value + 2.0);
        assert_eq!(tokens.value().to_f64_vec(), [first, second].concat());
    }

    #[test]
    fn unpatchify_is_the_exact_inverse() {
        for dtype in [DType::F32, DType::F64] {
            let values: Vec<f64> = (0..2 * 3 * 6 * 9).map(f64::from).collect();
            let image = Tensor::from_slice(&values, &[2, 3, 6, 9]).unwrap().to_dtype(dtype);
            let tape = Tape::new();
            let back = tape.input(&image).patchify(3).unwrap().unpatchify(3, [6, 9]).unwrap();
            assert_eq!((back.shape(), back.value().to_f64_vec()), (image.shape(), values));
        }
    }

    #[test]
    fn patches_that_do_not_tile_are_an_error_with_the_side() {
        let tape = Tape::new();
        let of = |shape: &[usize]| tape.input(&Tensor::zeros(shape, DType::F32));
        let message = of(&[1, 1, 4, 6]).patchify(4).unwrap_err().to_string();
        let expected = "patchify: expected images [n, c, h, w] with sides divisible by the patch side 4";
        assert_eq!(message, format!("{expected}, got [1, 1, 4, 6]"));
        assert!(of(&[1, 1, 4, 4]).patchify(0).is_err());
        assert!(of(&[4, 4]).patchify(2).is_err());
    }
}
