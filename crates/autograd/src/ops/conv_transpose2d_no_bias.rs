//! The transposed convolution without a bias, for decoders that normalise.

use ndarray::{ArrayD, ArrayViewD};
use tensor::conv::Around;
use tensor::gpu::Call;
use tensor::{Kernel, Real, Slice, Tensor};

use crate::ops::conv_transpose2d::Transposed;
use crate::ops::conv2d::{fast_grad_input, launches};
use crate::{Op, Result, Var};

/// The input gradient of a convolution: from images `[n, c, h, w]` and a weight `[c, o, kh, kw]` to images
/// `[n, o, ..]` with sides `(side - 1) stride - 2 padding + kernel + output_padding`.
#[derive(Debug, Clone, Copy)]
pub struct ConvTranspose2dNoBias(pub Transposed);

impl Kernel<2, 1> for ConvTranspose2dNoBias {
    fn name(&self) -> &'static str {
        "conv_transpose2d_no_bias"
    }

    fn shapes(&self, [x, weight]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        match self.0.sizes(x, weight) {
            Some(sizes) => Ok([vec![sizes.n, sizes.c, sizes.image[0], sizes.image[1]]]),
            None => Err(tensor::Error::shape(self.name(), &self.0.wanted_shapes(), &[x, weight])),
        }
    }

    fn reference<A: Real>(&self, [x, weight]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        [self.0.reference_4d(x, weight)]
    }

    fn launch(&self, call: Call<'_>, [x, weight]: [&Tensor; 2], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        let sizes = self.0.sizes(x.shape(), weight.shape()).expect("the shape rule was asked");
        launches::grad_input(call, [x, weight], y, None, sizes)
    }

    fn flops(&self, [x, weight]: [&[usize]; 2]) -> u64 {
        self.0.sizes(x, weight).map_or(0, |sizes| sizes.flops())
    }

    fn fast(&self, [x, weight]: [Slice<'_>; 2], [y]: [&mut [f32]; 1]) -> bool {
        let sizes = self.0.sizes(x.shape, weight.shape).expect("the shape rule was asked");
        fast_grad_input(y, [x.data, weight.data], Around::NOTHING, sizes)
    }
}

impl Op<2> for ConvTranspose2dNoBias {
    const NAME: &'static str = "conv_transpose2d_no_bias";

    /// The images and the weight.
    type Saved = [Tensor; 2];

    fn forward(&self, inputs: [&Tensor; 2]) -> Result<([Tensor; 1], [Tensor; 2])> {
        Ok((tensor::run(self, inputs)?, inputs.map(Tensor::clone)))
    }

    fn backward(
        &self,
        saved: &[Tensor; 2],
        [dy]: [&Tensor; 1],
        wanted: [bool; 2],
    ) -> Result<[Option<Tensor>; 2]> {
        self.0.gradients(saved.each_ref(), dy, wanted)
    }
}

impl<'t> Var<'t> {
    /// The transposed convolution of these images `[n, c, h, w]` with `weight: [c, o, kh, kw]`.
    ///
    /// # Errors
    /// If the shapes are not such, a stride is zero, an output padding is not below its stride or the
    /// output would be empty.
    pub fn conv_transpose2d_no_bias(&self, weight: &Self, attributes: Transposed) -> Result<Self> {
        let [y] = self.tape.apply(ConvTranspose2dNoBias(attributes), [self, weight])?;
        Ok(y)
    }
}

#[cfg(feature = "cases")]
mod cases {
    use proptest::prelude::*;
    use tensor::conv::Convolution;

    use super::ConvTranspose2dNoBias;
    use crate::gradcheck::cases::{Case, Cases};
    use crate::gradcheck::classes::{self, Claim, ShapeClass};
    use crate::ops::conv_transpose2d::cases::{attributes, images_and_weight};
    use crate::ops::conv2d::Geometry;
    use crate::ops::conv2d::cases::{long, reduced, small, swept_sizes, window_shows};

    impl Cases<2> for ConvTranspose2dNoBias {
        const LINEAR: [bool; 2] = [true; 2];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_windows(class)
        }

        fn shows(case: &Case<Self, 2>, class: ShapeClass) -> bool {
            let [x, weight] = case.inputs.each_ref();
            window_shows(case.op.0.sizes(x.shape(), weight.shape()), class)
                || class.in_shapes(case.inputs.each_ref())
        }

        fn cases() -> BoxedStrategy<Case<Self, 2>> {
            of_sizes(small())
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 2>> {
            of_sizes(long())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 2>>> {
            swept_sizes().into_iter().map(of_sizes).collect()
        }
    }

    fn of_sizes(
        sizes: BoxedStrategy<(Geometry, Convolution)>,
    ) -> BoxedStrategy<Case<ConvTranspose2dNoBias, 2>> {
        sizes
            .prop_flat_map(|(geometry, sizes)| {
                let op = ConvTranspose2dNoBias(attributes(geometry, &sizes));
                (Just(op), images_and_weight(&sizes), Just(sizes))
            })
            .prop_map(|(op, inputs, sizes)| Case { op, inputs, reduced: reduced(&sizes) })
            .boxed()
    }
}
