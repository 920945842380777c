//! Assembling images from patches: the inverse of `patchify`.

use ndarray::{ArrayD, ArrayViewD};
use tensor::gpu::Call;
use tensor::{Error, Kernel, Real, Slice, Tensor, rows};

use crate::op::if_needed;
use crate::ops::patchify::{Patchify, divides, launch_patches, runs};
use crate::{Op, Result, Var};

/// Assembles tokens `[n, t, side * side * c]`, which are the patches of images, into images `[n, c, h, w]`.
///
/// This is the inverse of [`Patchify`]. Both only permute elements, so each is the adjoint of the other.
#[derive(Debug, Clone, Copy)]
pub struct Unpatchify {
    /// Rows and columns of a patch; a divisor of the height and of the width.
    pub side: usize,
    /// The height and the width of the images.
    pub size: [usize; 2],
}

impl Kernel<1, 1> for Unpatchify {
    fn name(&self) -> &'static str {
        "unpatchify"
    }

    fn shapes(&self, [tokens]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        let &Self { side, size: [h, w] } = self;
        if let (&[n, t, values], true) = (tokens, divides(side, self.size))
            && Some(t) == (h / side).checked_mul(w / side)
            && let Some(area) = side.checked_mul(side)
            && values.is_multiple_of(area)
        {
            return Ok([vec![n, values / area, h, w]]);
        }
        let expected =
            format!("tokens [n, t, {side} * {side} * c], where t is the number of patches in {h} x {w}");
        Err(Error::shape("unpatchify", &expected, &[tokens]))
    }

    fn reference<A: Real>(&self, [tokens]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        let &Self { side, size: [h, w] } = self;
        let (n, c) = (tokens.shape()[0], tokens.shape()[2] / (side * side));
        let split = tokens.into_shape_with_order(vec![n, h / side, w / side, side, side, c]);
        let split = split.expect("the tokens hold all pixels");
        // [n, c, rows, row in the patch, columns, column in the patch]
        let image = split.permuted_axes(vec![0, 5, 1, 3, 2, 4]).as_standard_layout().into_owned();
        [image.into_shape_with_order(vec![n, c, h, w]).expect("patches tile the image")]
    }

    fn launch(&self, call: Call<'_>, [tokens]: [&Tensor; 1], [images]: [&Tensor; 1]) -> tensor::Result<()> {
        launch_patches(call, "unpatchify", [tokens, images], images.shape(), self.side)
    }

    fn fast(&self, [tokens]: [Slice<'_>; 1], [image]: [&mut [f32]; 1]) -> bool {
        let c = tokens.shape[2] / (self.side * self.side);
        let values = (tokens.shape[1] * tokens.shape[2]).max(1);
        let tasks = tokens.data.chunks(values).zip(image.chunks_mut(values));
        rows::each(tokens.data.len(), tasks, |(tokens, image)| {
            for (in_image, in_tokens) in runs(c, self.size, self.side) {
                for column in 0..self.side {
                    image[in_image + column] = tokens[in_tokens + column * c];
                }
            }
        });
        true
    }
}

impl Op<1> for Unpatchify {
    const NAME: &'static str = "unpatchify";

    type Saved = ();

    fn forward(&self, inputs: [&Tensor; 1]) -> Result<([Tensor; 1], ())> {
        Ok((tensor::run(self, inputs)?, ()))
    }

    fn backward(&self, (): &(), [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([if_needed(needed, || {
            let [dtokens] = tensor::run(&Patchify { side: self.side }, [dy])?;
            Ok(dtokens)
        })?])
    }
}

impl<'t> Var<'t> {
    /// Assembles tokens `[n, t, side * side * c]`, which are the patches of images, into images `[n, c, h, w]` with
    /// `size: [h, w]`.
    ///
    /// # Errors
    /// If the tokens are not the patches of such images.
    pub fn unpatchify(&self, side: usize, size: [usize; 2]) -> Result<Self> {
        let [images] = self.tape.apply(Unpatchify { side, size }, [self])?;
        Ok(images)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use std::ops::Range;

    use proptest::prelude::*;

    use super::Unpatchify;
    use crate::ops::patchify::cases::{images, swept_images};
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::values;

    impl Cases<1> for Unpatchify {
        const LINEAR: [bool; 1] = [true];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
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

    fn of_size(n: Range<usize>) -> BoxedStrategy<Case<Unpatchify, 1>> {
        of_images(images(n))
    }

    fn of_images(images: BoxedStrategy<(usize, [usize; 4])>) -> BoxedStrategy<Case<Unpatchify, 1>> {
        images
            .prop_then(|(side, [n, c, h, w])| {
                let tokens = [n, (h / side) * (w / side), side * side * c];
                (Just(Unpatchify { side, size: [h, w] }), values(&tokens))
            })
            .prop_map(|(op, tokens)| Case { op, inputs: [tokens], reduced: 1 })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn tokens_of_another_image_are_an_error_with_the_expected_shape() {
        let tape = Tape::new();
        let tokens = tape.input(&Tensor::zeros(&[1, 4, 8], DType::F32));
        let message = tokens.unpatchify(2, [4, 6]).unwrap_err().to_string();
        let expected =
            "unpatchify: expected tokens [n, t, 2 * 2 * c], where t is the number of patches in 4 x 6";
        assert_eq!(message, format!("{expected}, got [1, 4, 8]"));
        assert!(tokens.unpatchify(0, [4, 4]).is_err());
        assert!(tokens.unpatchify(2, [4, 4]).is_ok());
    }
}
