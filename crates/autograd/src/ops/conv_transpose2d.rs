//! The transposed convolution, with an optional bias and an optional fused ReLU. It is the input gradient of a
//! convolution and used to upsample images.

use ndarray::{ArrayD, ArrayViewD};
use tensor::conv::{Convolution, Epilogue};
use tensor::gpu::Call;
use tensor::{FusedActivation, Kernel, Real, Slice, Tensor};

use crate::epilogue;
use crate::op::run_if;
use crate::ops::conv2d::{self, Conv2d, ConvGradInput, ConvGradWeight, Geometry, launches, with_bias};
use crate::{Op, Result, Var};

/// Maps images `[n, c, h, w]`, with a weight `[c, o, kh, kw]` and a bias `[o]`, to images `[n, o, ..]` with sides
/// `(side - 1) stride - 2 padding + kernel + output_padding`.
///
/// It is the input gradient of the convolution that maps images of the output shape to the input shape. `N` is the
/// number of inputs: `ConvTranspose2d<2>` has no bias, for layers that are followed by a normalisation.
///
/// As in a convolution, contributions to the padding are excluded on the CPU, while the GPU kernels multiply by zeros:
/// an infinite weight gives NaN where it is not multiplied by a pixel of the image.
#[derive(Debug, Clone, Copy)]
pub struct ConvTranspose2d<const N: usize = 3> {
    /// Stride, padding and output padding.
    pub attributes: Transposed,
    /// The activation after the transposed convolution.
    pub activation: FusedActivation,
}

/// The attributes of a transposed convolution, rows first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transposed {
    /// The stride and padding of the convolution whose input gradient this is.
    pub geometry: Geometry,
    /// Additional rows and columns of the output, as `output_padding` in PyTorch; below the stride.
    pub output_padding: [usize; 2],
}

impl Transposed {
    /// The same stride, padding and output padding along both axes.
    pub fn square(stride: usize, padding: usize, output_padding: usize) -> Self {
        Self { geometry: Geometry::square(stride, padding), output_padding: [output_padding; 2] }
    }

    /// The convolution whose input gradient this is: its `image` is the output here, its `out` the input.
    fn sizes(&self, x: &[usize], weight: &[usize]) -> Option<Convolution> {
        let (&[_, _, h, w], &[_, _, kh, kw]) = (x, weight) else { return None };
        let side = |axis: usize| -> Option<usize> {
            let Geometry { stride, padding } = self.geometry;
            if self.output_padding[axis] >= stride[axis] {
                return None;
            }
            let reached = [h, w][axis].checked_sub(1)?.checked_mul(stride[axis])?;
            let padded = reached.checked_add([kh, kw][axis])?.checked_add(self.output_padding[axis])?;
            padded.checked_sub(padding[axis].checked_mul(2)?)
        };
        self.gradient([side(0)?, side(1)?]).sizes(x, weight)
    }

    fn expected_shapes(&self) -> String {
        let Geometry { stride: [sh, sw], padding: [ph, pw] } = self.geometry;
        let [oh, ow] = self.output_padding;
        format!(
            "[n, c, h, w] and [c, o, kh, kw] with an output that is not empty \
             (stride {sh} x {sw}, padding {ph} x {pw}, output padding {oh} x {ow}, below the stride)"
        )
    }

    fn gradient(&self, image: [usize; 2]) -> ConvGradInput {
        ConvGradInput { geometry: self.geometry, image }
    }

    fn reference_4d<A: Real>(&self, x: ArrayViewD<'_, A>, weight: ArrayViewD<'_, A>) -> ArrayD<A> {
        let sizes = self.sizes(x.shape(), weight.shape()).expect("the shapes were checked");
        self.gradient(sizes.image).reference_4d(x, weight)
    }

    /// The gradient with respect to the images is the convolution; that of the weight has the roles of image and output
    /// swapped.
    fn gradients(
        &self,
        [x, weight]: [&Tensor; 2],
        dy: &Tensor,
        needed: [bool; 2],
    ) -> Result<[Option<Tensor>; 2]> {
        let kernel = [weight.shape()[2], weight.shape()[3]];
        Ok([
            run_if(needed[0], &Conv2d::without_bias(self.geometry), [dy, weight])?,
            run_if(needed[1], &ConvGradWeight { geometry: self.geometry, kernel }, [dy, x])?,
        ])
    }
}

impl<const N: usize> Kernel<N, 1> for ConvTranspose2d<N> {
    fn name(&self) -> &'static str {
        "conv_transpose2d"
    }

    fn shapes(&self, inputs: [&[usize]; N]) -> tensor::Result<[Vec<usize>; 1]> {
        let ([x, weight], bias) = conv2d::split_inputs(&inputs);
        match self.attributes.sizes(x, weight) {
            Some(sizes) if bias.is_none_or(|bias| bias == [sizes.c]) => {
                Ok([vec![sizes.n, sizes.c, sizes.image[0], sizes.image[1]]])
            }
            _ => Err(conv2d::wrong_shapes("conv_transpose2d", self.attributes.expected_shapes(), inputs)),
        }
    }

    fn reference<A: Real>(&self, inputs: [ArrayViewD<'_, A>; N]) -> [ArrayD<A>; 1] {
        let ([x, weight], bias) = conv2d::split_inputs(&inputs);
        let sum = with_bias(self.attributes.reference_4d(x, weight), bias);
        [sum.mapv_into(|x| self.activation.of(x))]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; N], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        let ([x, weight], bias) = conv2d::split_inputs(&inputs);
        let sizes = self.attributes.sizes(x.shape(), weight.shape()).expect("the shapes were checked");
        launches::grad_input(call, [x, weight], y, (bias, self.activation), sizes)
    }

    fn flops(&self, inputs: [&[usize]; N]) -> u64 {
        self.attributes.sizes(inputs[0], inputs[1]).map_or(0, |sizes| sizes.flops())
    }

    fn fast(&self, inputs: [Slice<'_>; N], [y]: [&mut [f32]; 1]) -> bool {
        let ([x, weight], bias) = conv2d::split_inputs(&inputs);
        let sizes = self.attributes.sizes(x.shape, weight.shape).expect("the shapes were checked");
        let epilogue = Epilogue { bias: bias.map(|bias| bias.data), activation: self.activation };
        conv2d::fast_grad_input(y, [x.data, weight.data], epilogue, sizes)
    }
}

impl<const N: usize> Op<N> for ConvTranspose2d<N> {
    const NAME: &'static str = "conv_transpose2d";

    /// The images and the weight, and the output if the backward pass of the activation needs it.
    type Saved = ([Tensor; 2], Option<Tensor>);

    fn forward(&self, inputs: [&Tensor; N]) -> Result<([Tensor; 1], Self::Saved)> {
        let [y] = tensor::run(self, inputs)?;
        let of_activation = epilogue::saved(self.activation, &y);
        Ok(([y], ([inputs[0].clone(), inputs[1].clone()], of_activation)))
    }

    fn backward(
        &self,
        (inputs, of_activation): &Self::Saved,
        [dy]: [&Tensor; 1],
        needed: [bool; N],
    ) -> Result<[Option<Tensor>; N]> {
        let dsum = epilogue::backward(of_activation, dy)?;
        let (needed, needed_bias) = conv2d::split_inputs(&needed);
        let [dx, dweight] = self.attributes.gradients(inputs.each_ref(), &dsum, needed)?;
        let dbias = conv2d::bias_gradient(&dsum, needed_bias.unwrap_or(false))?;
        let mut contributions = [dx, dweight, dbias].into_iter();
        Ok(std::array::from_fn(|_| contributions.next().flatten()))
    }
}

impl<'t> Var<'t> {
    /// The transposed convolution of images `[n, c, h, w]` with `weight: [c, o, kh, kw]` plus `bias: [o]`, as
    /// `[n, o, oh, ow]`.
    ///
    /// # Errors
    /// If the shapes do not match, a stride is zero, the output padding is not below the stride, or the output would be
    /// empty.
    pub fn conv_transpose2d(&self, weight: &Self, bias: &Self, attributes: Transposed) -> Result<Self> {
        let op = ConvTranspose2d::<3> { attributes, activation: FusedActivation::Identity };
        let [y] = self.tape.apply(op, [self, weight, bias])?;
        Ok(y)
    }

    /// [`Var::conv_transpose2d`] followed by [`Var::relu`], as one operation.
    ///
    /// # Errors
    /// As [`Var::conv_transpose2d`].
    pub fn conv_transpose2d_relu(&self, weight: &Self, bias: &Self, attributes: Transposed) -> Result<Self> {
        let op = ConvTranspose2d::<3> { attributes, activation: FusedActivation::Relu };
        let [y] = self.tape.apply(op, [self, weight, bias])?;
        Ok(y)
    }

    /// The transposed convolution of images `[n, c, h, w]` with `weight: [c, o, kh, kw]`, as `[n, o, oh, ow]`.
    ///
    /// # Errors
    /// As [`Var::conv_transpose2d`].
    pub fn conv_transpose2d_no_bias(&self, weight: &Self, attributes: Transposed) -> Result<Self> {
        let op = ConvTranspose2d::<2> { attributes, activation: FusedActivation::Identity };
        let [y] = self.tape.apply(op, [self, weight])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;
    use tensor::FusedActivation;
    use tensor::Tensor;
    use tensor::conv::Convolution;

    use super::{ConvTranspose2d, Transposed};
    use crate::epilogue::cases::{bias, first, sum_of_zero};
    use crate::ops::conv2d::Geometry;
    use crate::ops::conv2d::cases::{long, reduced, small, swept_sizes, window_shows};
    use crate::testing::cases::{Case, Cases, Kink};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::values;

    impl<const N: usize> Cases<N> for ConvTranspose2d<N> {
        const LINEAR: [bool; N] = [true; N];

        fn linear(&self) -> [bool; N] {
            [self.activation == FusedActivation::Identity; N]
        }

        fn claim(class: ShapeClass) -> Claim {
            match class {
                ShapeClass::KinkOrTie => Claim::Generated,
                _ => classes::of_windows(class),
            }
        }

        fn kinks() -> Vec<Kink<Self, N>> {
            let op = ConvTranspose2d {
                attributes: Transposed::square(1, 0, 0),
                activation: FusedActivation::Relu,
            };
            vec![sum_of_zero(op, &[1; 4], &[1, 3, 1, 1])]
        }

        fn shows(case: &Case<Self, N>, class: ShapeClass) -> bool {
            let [x, weight] = [&case.inputs[0], &case.inputs[1]];
            window_shows(case.op.attributes.sizes(x.shape(), weight.shape()), class)
                || class.in_shapes(case.inputs.each_ref())
        }

        fn cases() -> BoxedStrategy<Case<Self, N>> {
            of_sizes(small())
        }

        fn long_cases() -> BoxedStrategy<Case<Self, N>> {
            of_sizes(long())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, N>>> {
            swept_sizes().into_iter().map(of_sizes).collect()
        }
    }

    /// The transposed convolution that inverts the shapes of a convolution. If the stride does not divide, the
    /// convolution does not read the last rows and columns of its image; the output padding restores them.
    fn attributes(geometry: Geometry, sizes: &Convolution) -> Transposed {
        let left = |axis: usize| {
            let padded = sizes.image[axis] + 2 * geometry.padding[axis];
            (padded - sizes.kernel[axis]) % geometry.stride[axis]
        };
        Transposed { geometry, output_padding: [left(0), left(1)] }
    }

    fn images_and_weight(sizes: &Convolution) -> BoxedStrategy<[Tensor; 2]> {
        let Convolution { n, c, o, kernel: [kh, kw], out: [h, w], .. } = *sizes;
        (values(&[n, o, h, w]), values(&[o, c, kh, kw])).prop_map(|(x, weight)| [x, weight]).boxed()
    }

    fn of_sizes<const N: usize>(
        sizes: BoxedStrategy<(Geometry, Convolution)>,
    ) -> BoxedStrategy<Case<ConvTranspose2d<N>, N>> {
        sizes
            .prop_then(|(geometry, sizes)| {
                let attributes = attributes(geometry, &sizes);
                let terms = sizes.o * sizes.kernel[0] * sizes.kernel[1];
                (Just(attributes), images_and_weight(&sizes), bias(sizes.c, terms), Just(sizes))
            })
            .prop_map(|(attributes, [x, weight], (bias, activation), sizes)| Case {
                op: ConvTranspose2d {
                    attributes,
                    activation: if N == 3 { activation } else { FusedActivation::Identity },
                },
                inputs: first(&[x, weight, bias]),
                reduced: reduced(&sizes),
            })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, FusedActivation, Tensor};

    use super::{ConvTranspose2d, Transposed};
    use crate::Tape;

    #[test]
    fn the_decoder_of_cnn_s_goes_from_4_to_28() {
        let tape = Tape::new();
        let mut x = tape.input(&Tensor::zeros(&[1, 2, 4, 4], DType::F32));
        let weight = tape.input(&Tensor::zeros(&[2, 2, 3, 3], DType::F32));
        let bias = tape.input(&Tensor::zeros(&[2], DType::F32));
        for (padding, side) in [(1, 8), (2, 14), (1, 28)] {
            x = x.conv_transpose2d(&weight, &bias, Transposed::square(2, padding, 1)).unwrap();
            assert_eq!(x.shape(), [1, 2, side, side]);
        }
    }

    #[test]
    fn each_pixel_spreads_over_its_window() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::from_slice(&[1.0f64, 2.0], &[1, 1, 1, 2]).unwrap());
        let weight = tape.input(&Tensor::from_slice(&[1.0f64, 10.0, 100.0], &[1, 1, 1, 3]).unwrap());
        let bias = tape.input(&Tensor::full(0.5, &[1], DType::F64));
        let y = x.conv_transpose2d(&weight, &bias, Transposed::square(2, 0, 1)).unwrap();
        let with_bias = |row: [f64; 6]| row.map(|y| y + 0.5);
        let expected = [with_bias([1.0, 10.0, 102.0, 20.0, 200.0, 0.0]), [0.5; 6]].concat();
        assert_eq!(y.value().to_f64_vec(), expected);
    }

    #[test]
    fn an_output_padding_of_the_stride_and_an_empty_output_are_errors() {
        let [x, weight, bias] =
            [&[2, 3, 1, 1][..], &[3, 4, 3, 3], &[4]].map(|shape| Tensor::zeros(shape, DType::F32));
        let message = |attributes| {
            let op = ConvTranspose2d { attributes, activation: FusedActivation::Identity };
            tensor::run(&op, [&x, &weight, &bias]).unwrap_err().to_string()
        };
        assert_eq!(
            message(Transposed::square(2, 1, 2)),
            "conv_transpose2d: expected [n, c, h, w] and [c, o, kh, kw] with an output that is not empty \
             (stride 2 x 2, padding 1 x 1, output padding 2 x 2, below the stride) and a bias [o], \
             got [2, 3, 1, 1] and [3, 4, 3, 3] and [4]"
        );
        for attributes in
            [Transposed::square(0, 0, 0), Transposed::square(1, 2, 0), Transposed::square(1, usize::MAX, 0)]
        {
            assert!(message(attributes).starts_with("conv_transpose2d: expected"));
        }
    }
}
