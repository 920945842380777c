//! The two-dimensional convolution, with an optional bias for each output channel and an optional fused ReLU.
//!
//! The forward pass and the gradients with respect to the input and the weight are three kernels. The transposed
//! convolution uses the same three in other roles.

mod geometry;
mod kernels;
mod non_finite;
mod prepared;
pub(crate) mod launches;

use ndarray::{ArrayD, ArrayViewD};
use tensor::conv::Epilogue;
use tensor::gpu::Call;
use tensor::{FusedActivation, Kernel, Real, Slice, Tensor};

pub use self::geometry::Geometry;
pub(crate) use self::geometry::output_length;
use self::kernels::SumOfChannels;
pub(crate) use self::kernels::{ConvGradInput, ConvGradWeight, convolved, of_rank_4, with_bias};
pub(crate) use self::non_finite::grad_input as fast_grad_input;
pub use self::prepared::{PreparedConv2d, RunningNorm};
use crate::epilogue;
use crate::op::{if_needed, run_if};
use crate::{Op, Result, Var};

/// `y[n, o] = activation(bias[o] + sum over c of x[n, c] * weight[o, c])`, for images `[n, c, h, w]`, a weight
/// `[o, c, kh, kw]` and a bias `[o]`. As in PyTorch, this is a cross-correlation: the kernel is not flipped.
///
/// `N` is the number of inputs: `Conv2d<2>` has no bias, for layers that are followed by a normalisation.
///
/// On the CPU the padding is excluded from every sum, here and in the gradients, so a non-finite weight does not give
/// NaN there. The GPU kernels multiply the padding as zeros: an infinite weight times padding gives NaN.
#[derive(Debug, Clone, Copy)]
pub struct Conv2d<const N: usize = 3> {
    /// Stride and padding.
    pub geometry: Geometry,
    /// The activation after the convolution.
    pub activation: FusedActivation,
}

impl Conv2d<2> {
    /// The convolution without a bias and without an activation.
    pub fn without_bias(geometry: Geometry) -> Self {
        Self { geometry, activation: FusedActivation::Identity }
    }
}

/// Splits the inputs into images and weight, and the bias if there are three.
pub(crate) fn split_inputs<T: Clone, const N: usize>(inputs: &[T; N]) -> ([T; 2], Option<T>) {
    const { assert!(N == 2 || N == 3, "a convolution has two inputs, and a third if it has a bias") };
    ([inputs[0].clone(), inputs[1].clone()], inputs.get(2).cloned())
}

/// The error for inputs of wrong shapes: `expected` describes the images and the weight, and a bias must be `[o]`.
pub(crate) fn wrong_shapes<const N: usize>(
    op: &str,
    expected: String,
    inputs: [&[usize]; N],
) -> tensor::Error {
    let bias = if N == 3 { " and a bias [o]" } else { "" };
    tensor::Error::shape(op, &format!("{expected}{bias}"), &inputs)
}

impl<const N: usize> Kernel<N, 1> for Conv2d<N> {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn shapes(&self, inputs: [&[usize]; N]) -> tensor::Result<[Vec<usize>; 1]> {
        let ([x, weight], bias) = split_inputs(&inputs);
        match self.geometry.sizes(x, weight) {
            Some(sizes) if bias.is_none_or(|bias| bias == [sizes.o]) => {
                Ok([vec![sizes.n, sizes.o, sizes.out[0], sizes.out[1]]])
            }
            _ => Err(wrong_shapes("conv2d", self.geometry.expected_shapes(), inputs)),
        }
    }

    fn reference<A: Real>(&self, inputs: [ArrayViewD<'_, A>; N]) -> [ArrayD<A>; 1] {
        let ([x, weight], bias) = split_inputs(&inputs);
        let sum = with_bias(convolved(self.geometry, x, weight), bias);
        [sum.mapv_into(|x| self.activation.of(x))]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; N], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        let ([x, weight], bias) = split_inputs(&inputs);
        let sizes = self.geometry.sizes(x.shape(), weight.shape()).expect("the shapes were checked");
        launches::convolve(call, [x, weight], y, (bias, self.activation), sizes)
    }

    fn flops(&self, inputs: [&[usize]; N]) -> u64 {
        self.geometry.sizes(inputs[0], inputs[1]).map_or(0, |sizes| sizes.flops())
    }

    fn fast(&self, inputs: [Slice<'_>; N], [y]: [&mut [f32]; 1]) -> bool {
        let ([x, weight], bias) = split_inputs(&inputs);
        let sizes = self.geometry.sizes(x.shape, weight.shape).expect("the shapes were checked");
        let epilogue = Epilogue { bias: bias.map(|bias| bias.data), activation: self.activation };
        non_finite::conv2d(y, [x.data, weight.data], epilogue, sizes)
    }
}

/// The gradients with respect to the input and the weight, each computed by its own kernel.
fn gradients(
    geometry: Geometry,
    [x, weight]: [&Tensor; 2],
    dy: &Tensor,
    needed: [bool; 2],
) -> Result<[Option<Tensor>; 2]> {
    let trailing = |tensor: &Tensor| [tensor.shape()[2], tensor.shape()[3]];
    Ok([
        run_if(needed[0], &ConvGradInput { geometry, image: trailing(x) }, [dy, weight])?,
        run_if(needed[1], &ConvGradWeight { geometry, kernel: trailing(weight) }, [x, dy])?,
    ])
}

/// The gradient `[c]` with respect to a bias that was added to every pixel of its channel.
pub(crate) fn bias_gradient(dy: &Tensor, needed: bool) -> Result<Option<Tensor>> {
    if_needed(needed, || {
        let [dbias] = tensor::run(&SumOfChannels, [dy])?;
        Ok(dbias)
    })
}

impl<const N: usize> Op<N> for Conv2d<N> {
    const NAME: &'static str = "conv2d";

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
        let (needed, needed_bias) = split_inputs(&needed);
        let [dx, dweight] = gradients(self.geometry, inputs.each_ref(), &dsum, needed)?;
        let dbias = bias_gradient(&dsum, needed_bias.unwrap_or(false))?;
        let mut contributions = [dx, dweight, dbias].into_iter();
        Ok(std::array::from_fn(|_| contributions.next().flatten()))
    }
}

impl<'t> Var<'t> {
    /// The convolution of images `[n, c, h, w]` with `weight: [o, c, kh, kw]` plus `bias: [o]`, as `[n, o, oh, ow]`.
    ///
    /// # Errors
    /// If the shapes do not match, a stride is zero or the kernel does not fit into the padded image.
    pub fn conv2d(&self, weight: &Self, bias: &Self, geometry: Geometry) -> Result<Self> {
        let op = Conv2d::<3> { geometry, activation: FusedActivation::Identity };
        let [y] = self.tape.apply(op, [self, weight, bias])?;
        Ok(y)
    }

    /// [`Var::conv2d`] followed by [`Var::relu`], as one operation.
    ///
    /// # Errors
    /// As [`Var::conv2d`].
    pub fn conv2d_relu(&self, weight: &Self, bias: &Self, geometry: Geometry) -> Result<Self> {
        let op = Conv2d::<3> { geometry, activation: FusedActivation::Relu };
        let [y] = self.tape.apply(op, [self, weight, bias])?;
        Ok(y)
    }

    /// The convolution of images `[n, c, h, w]` with `weight: [o, c, kh, kw]`, as `[n, o, oh, ow]`.
    ///
    /// # Errors
    /// As [`Var::conv2d`].
    pub fn conv2d_no_bias(&self, weight: &Self, geometry: Geometry) -> Result<Self> {
        let [y] = self.tape.apply(Conv2d::without_bias(geometry), [self, weight])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
pub(crate) mod cases {
    use proptest::prelude::*;
    use tensor::FusedActivation;
    use tensor::Tensor;
    use tensor::conv::Convolution;

    use super::{Conv2d, Geometry};
    use crate::epilogue::cases::{bias, first, sum_of_zero};
    use crate::testing::cases::{Case, Cases, Kink};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{LENGTHS, convolutions, length, swept, values};

    impl<const N: usize> Cases<N> for Conv2d<N> {
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
            let op = Conv2d { geometry: Geometry::square(1, 0), activation: FusedActivation::Relu };
            vec![sum_of_zero(op, &[1; 4], &[3, 1, 1, 1])]
        }

        fn shows(case: &Case<Self, N>, class: ShapeClass) -> bool {
            let [x, weight] = [&case.inputs[0], &case.inputs[1]];
            window_shows(case.op.geometry.sizes(x.shape(), weight.shape()), class)
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

    /// Kernels of 1 to 3, often not square; strides up to 3, which may exceed the kernel; padding of up to 2 on one
    /// axis or both; images as small as the kernel allows, and often 1 x 1 images with 1 x 1 kernels.
    pub(crate) fn small() -> BoxedStrategy<(Geometry, Convolution)> {
        let counts = || (length(1..3), 1..3usize, 1..3usize).boxed();
        prop_oneof![3 => convolutions(counts(), 1..4, 1..4), 1 => convolutions(counts(), 1..2, 1..2)].boxed()
    }

    /// Sums of 256 or more terms, and more pixels than one tile.
    pub(crate) fn long() -> BoxedStrategy<(Geometry, Convolution)> {
        convolutions((1..6usize, 20..40usize, 1..40usize).boxed(), 3..6, 1..18)
    }

    /// Batches of more than 32 and 64, and all numbers of channels and sides around the size of a tile.
    pub(crate) fn swept_sizes() -> Vec<BoxedStrategy<(Geometry, Convolution)>> {
        let counts: [&[usize]; 4] = [&[1, 33, 66], &[32, 65], &LENGTHS[..34], &LENGTHS[..20]];
        swept(counts, &[3, 2, 4, 1], |[n, c, o, side]| {
            convolutions(Just((n, c, o)).boxed(), 1..4, side..side + 1)
        })
    }

    /// Whether the sizes belong to a shape class that only sliding windows have.
    pub(crate) fn window_shows(sizes: Option<Convolution>, class: ShapeClass) -> bool {
        let sizes = sizes.expect("a case fits");
        let left = |axis: usize| {
            (sizes.image[axis] + 2 * sizes.padding[axis] - sizes.kernel[axis]) % sizes.stride[axis]
        };
        match class {
            ShapeClass::UnevenStride => left(0) + left(1) > 0,
            ShapeClass::UnitKernel => [sizes.kernel, sizes.image] == [[1; 2]; 2],
            _ => false,
        }
    }

    /// The largest number of terms of one element of the output or of a gradient.
    pub(crate) fn reduced(sizes: &Convolution) -> usize {
        let taps = sizes.kernel[0] * sizes.kernel[1];
        let pixels = sizes.n * (sizes.out[0] * sizes.out[1]).max(sizes.image[0] * sizes.image[1]);
        (taps * sizes.c.max(sizes.o)).max(pixels) + 1
    }

    fn of_sizes<const N: usize>(
        sizes: BoxedStrategy<(Geometry, Convolution)>,
    ) -> BoxedStrategy<Case<Conv2d<N>, N>> {
        sizes
            .prop_then(|(geometry, sizes)| {
                let terms = sizes.c * sizes.kernel[0] * sizes.kernel[1];
                (Just(geometry), images_and_weight(&sizes), bias(sizes.o, terms), Just(sizes))
            })
            .prop_map(|(geometry, [x, weight], (bias, activation), sizes)| Case {
                op: Conv2d {
                    geometry,
                    activation: if N == 3 { activation } else { FusedActivation::Identity },
                },
                inputs: first(&[x, weight, bias]),
                reduced: reduced(&sizes),
            })
            .boxed()
    }

    pub(crate) fn images_and_weight(sizes: &Convolution) -> BoxedStrategy<[Tensor; 2]> {
        let Convolution { n, c, image: [h, w], o, kernel: [kh, kw], .. } = *sizes;
        (values(&[n, c, h, w]), values(&[o, c, kh, kw])).prop_map(|(x, weight)| [x, weight]).boxed()
    }
}

#[cfg(test)]
mod tests;
