//! Global average pooling (Lin, Chen and Yan, 2014, arXiv 1312.4400): the mean of each channel of each image.

use ndarray::{Array4, ArrayD, ArrayViewD, Axis};
use tensor::gpu::{Argument, Call, Grid};
use tensor::sums::pairwise;
use tensor::{Kernel, Real, Slice, Tensor, planes, vector};

use crate::launch::channels::a_warp_for_each;
use crate::op::if_needed;
use crate::ops::conv2d::of_rank_4;
use crate::{Op, Result, Var};

/// The mean of images `[n, c, h, w]` over `h` and `w`, as `[n, c]`.
#[derive(Debug, Clone, Copy)]
pub struct GlobalAvgPool;

impl Kernel<1, 1> for GlobalAvgPool {
    fn name(&self) -> &'static str {
        "global_avg_pool"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        match x {
            &[n, c, h, w] if h * w > 0 => Ok([vec![n, c]]),
            _ => Err(tensor::Error::shape("global_avg_pool", "non-empty images [n, c, h, w]", &[x])),
        }
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        let pixels = A::of(x.shape()[2] * x.shape()[3]);
        [x.map_axis(Axis(3), |row| pairwise(row.iter().copied()))
            .map_axis(Axis(2), |sums| pairwise(sums.iter().copied()) / pixels)]
    }

    fn launch(&self, call: Call<'_>, [x]: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        let pixels = Argument::Size(x.shape()[2] * x.shape()[3]);
        let arguments = [Argument::Out(y), Argument::In(x), Argument::Size(y.len()), pixels];
        call.launch(self.name(), a_warp_for_each(call, y.len())?, &arguments)
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        let pixels = (x.shape[2] * x.shape[3]) as f32;
        planes::for_each(y.len(), [x.data], [y], |[image], [y]| y[0] = vector::sum(image) as f32 / pixels);
        true
    }
}

/// `dx = dy / (h w)` at every pixel.
#[derive(Debug, Clone, Copy)]
struct GlobalAvgPoolGrad {
    image: [usize; 2],
}

impl Kernel<1, 1> for GlobalAvgPoolGrad {
    fn name(&self) -> &'static str {
        "global_avg_pool_grad"
    }

    fn shapes(&self, [dy]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        match dy {
            &[n, c] => Ok([vec![n, c, self.image[0], self.image[1]]]),
            _ => Err(tensor::Error::shape(self.name(), "means [n, c]", &[dy])),
        }
    }

    fn reference<A: Real>(&self, [dy]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        let [h, w] = self.image;
        let each = dy.mapv(|dy| dy / A::of(h * w)).insert_axis(Axis(2)).insert_axis(Axis(3));
        let mut dx = Array4::zeros([dy.shape()[0], dy.shape()[1], h, w]);
        dx += &of_rank_4(each.view());
        [dx.into_dyn()]
    }

    fn launch(&self, call: Call<'_>, [dy]: [&Tensor; 1], [dx]: [&Tensor; 1]) -> tensor::Result<()> {
        call.size(dx.len())?;
        let pixels = Argument::Size(self.image[0] * self.image[1]);
        let arguments = [Argument::Out(dx), Argument::In(dy), Argument::Size(dy.len()), pixels];
        call.launch(self.name(), Grid::over(dx.len()), &arguments)
    }

    fn fast(&self, [dy]: [Slice<'_>; 1], [dx]: [&mut [f32]; 1]) -> bool {
        let pixels = (self.image[0] * self.image[1]) as f32;
        planes::for_each(dy.data.len(), [dy.data], [dx], |[dy], [dx]| dx.fill(dy[0] / pixels));
        true
    }
}

impl Op<1> for GlobalAvgPool {
    const NAME: &'static str = "global_avg_pool";

    /// The sizes of the images.
    type Saved = [usize; 2];

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], [usize; 2])> {
        let y = tensor::run(self, [x])?;
        Ok((y, [x.shape()[2], x.shape()[3]]))
    }

    fn backward(
        &self,
        &image: &[usize; 2],
        [dy]: [&Tensor; 1],
        [needed]: [bool; 1],
    ) -> Result<[Option<Tensor>; 1]> {
        Ok([if_needed(needed, || {
            let [dx] = tensor::run(&GlobalAvgPoolGrad { image }, [dy])?;
            Ok(dx)
        })?])
    }
}

impl<'t> Var<'t> {
    /// The mean of each channel of images `[n, c, h, w]`, as `[n, c]`.
    ///
    /// # Errors
    /// If the value is not a batch of images, or the images have no pixels.
    pub fn global_avg_pool(&self) -> Result<Self> {
        let [y] = self.tape.apply(GlobalAvgPool, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use std::ops::Range;

    use proptest::prelude::*;

    use super::GlobalAvgPool;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{BATCHES, LENGTHS, length, swept, values};

    impl Cases<1> for GlobalAvgPool {
        const LINEAR: [bool; 1] = [true];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_even_rank(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            of_size(1..4, 1..5)
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            of_size(10..40, 24..36)
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            let of = |[n, c, h, w]: [usize; 4]| {
                let of = move |x| Case { op: GlobalAvgPool, inputs: [x], reduced: h * w + 1 };
                values(&[n, c, h, w]).prop_map(of).boxed()
            };
            swept([&BATCHES, &BATCHES, &LENGTHS, &LENGTHS], &[3, 2, 7, 4], of)
        }
    }

    fn of_size(images: Range<usize>, side: Range<usize>) -> BoxedStrategy<Case<GlobalAvgPool, 1>> {
        (length(images), 1..4usize, side.clone(), side)
            .prop_then(|(n, c, h, w)| (values(&[n, c, h, w]), Just(h * w)))
            .prop_map(|(x, pixels)| Case { op: GlobalAvgPool, inputs: [x], reduced: pixels + 1 })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn images_without_pixels_are_an_error_and_an_empty_batch_is_valid() {
        let tape = Tape::new();
        let pooled = |shape: &[usize]| tape.input(&Tensor::zeros(shape, DType::F32)).global_avg_pool();
        assert_eq!(
            pooled(&[2, 3, 0, 4]).unwrap_err().to_string(),
            "global_avg_pool: expected non-empty images [n, c, h, w], got [2, 3, 0, 4]"
        );
        assert_eq!(pooled(&[0, 3, 2, 2]).unwrap().shape(), [0, 3]);
    }
}
