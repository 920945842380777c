//! The convolution and its two gradients as kernels.
//!
//! Each reference loops over output pixels and kernel offsets; they differ in the element that is accumulated.

use ndarray::{Array1, Array4, ArrayD, ArrayView4, ArrayViewD, Axis, Ix4, IxDyn};
use tensor::conv::{self, Convolution, Epilogue};
use tensor::gpu::Call;
use tensor::sums::pairwise;
use tensor::{FusedActivation, Kernel, Real, Slice, Tensor};

use super::geometry::Geometry;
use super::{launches, non_finite};
use crate::launch::channels::over_channels;

/// `y[n, o, i, j] = sum over c, tap of x[n, c, pixel(i, j, tap)] weight[o, c, tap]`
pub(crate) fn convolved<A: Real>(
    geometry: Geometry,
    x: ArrayViewD<'_, A>,
    weight: ArrayViewD<'_, A>,
) -> ArrayD<A> {
    let sizes = geometry.sizes(x.shape(), weight.shape()).expect("the shapes were checked");
    let (x, weight) = (of_rank_4(x), of_rank_4(weight));
    let mut y = Array4::zeros([sizes.n, sizes.o, sizes.out[0], sizes.out[1]]);
    for_each_read(geometry, sizes, |(o, c), [i, j], [ki, kj], [row, column]| {
        for n in 0..sizes.n {
            y[[n, o, i, j]] += x[[n, c, row, column]] * weight[[o, c, ki, kj]];
        }
    });
    y.into_dyn()
}

/// Calls `read` for every combination of output channel, input channel, output pixel and tap that reads a pixel.
fn for_each_read(
    geometry: Geometry,
    sizes: Convolution,
    mut read: impl FnMut((usize, usize), [usize; 2], [usize; 2], [usize; 2]),
) {
    for (o, c) in ndarray::indices([sizes.o, sizes.c]) {
        for (i, j) in ndarray::indices(sizes.out) {
            for (ki, kj) in ndarray::indices(sizes.kernel) {
                if let Some(pixel) = geometry.pixel([i, j], [ki, kj], sizes.image) {
                    read((o, c), [i, j], [ki, kj], pixel);
                }
            }
        }
    }
}

pub(crate) fn of_rank_4<A: Real>(x: ArrayViewD<'_, A>) -> ArrayView4<'_, A> {
    x.into_dimensionality::<Ix4>().expect("the shapes were checked")
}

/// `x` plus the bias of each channel, if there is a bias.
pub(crate) fn with_bias<A: Real>(x: ArrayD<A>, bias: Option<ArrayViewD<'_, A>>) -> ArrayD<A> {
    match bias {
        Some(bias) => x + bias.insert_axis(Axis(1)).insert_axis(Axis(2)),
        None => x,
    }
}

/// Computes the gradient with respect to images `[n, c, image]` from `dy [n, o, out]` and a weight `[o, c, kernel]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConvGradInput {
    pub(crate) geometry: Geometry,
    pub(crate) image: [usize; 2],
}

impl ConvGradInput {
    /// The sizes of the forward convolution whose input gradient this computes, if the shapes match.
    pub(crate) fn sizes(&self, dy: &[usize], weight: &[usize]) -> Option<Convolution> {
        let (&[n, o, out_h, out_w], &[o_of_weight, c, _, _]) = (dy, weight) else { return None };
        let sizes = self.geometry.sizes(&[n, c, self.image[0], self.image[1]], weight)?;
        (o == o_of_weight && sizes.out == [out_h, out_w]).then_some(sizes)
    }

    pub(crate) fn reference_4d<A: Real>(
        &self,
        dy: ArrayViewD<'_, A>,
        weight: ArrayViewD<'_, A>,
    ) -> ArrayD<A> {
        let sizes = self.sizes(dy.shape(), weight.shape()).expect("the shapes were checked");
        let (dy, weight) = (of_rank_4(dy), of_rank_4(weight));
        let mut dx = Array4::zeros([sizes.n, sizes.c, sizes.image[0], sizes.image[1]]);
        for_each_read(self.geometry, sizes, |(o, c), [i, j], [ki, kj], [row, column]| {
            for n in 0..sizes.n {
                dx[[n, c, row, column]] += dy[[n, o, i, j]] * weight[[o, c, ki, kj]];
            }
        });
        dx.into_dyn()
    }
}

impl Kernel<2, 1> for ConvGradInput {
    fn name(&self) -> &'static str {
        "conv2d_grad_input"
    }

    fn shapes(&self, [dy, weight]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        match self.sizes(dy, weight) {
            Some(sizes) => Ok([vec![sizes.n, sizes.c, sizes.image[0], sizes.image[1]]]),
            None => {
                let expected =
                    format!("the gradient [n, o, out] of an image of {:?}, [o, c, kh, kw]", self.image);
                Err(tensor::Error::shape(self.name(), &expected, &[dy, weight]))
            }
        }
    }

    fn reference<A: Real>(&self, [dy, weight]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        [self.reference_4d(dy, weight)]
    }

    fn launch(&self, call: Call<'_>, [dy, weight]: [&Tensor; 2], [dx]: [&Tensor; 1]) -> tensor::Result<()> {
        let sizes = self.sizes(dy.shape(), weight.shape()).expect("the shapes were checked");
        launches::grad_input(call, [dy, weight], dx, (None, FusedActivation::Identity), sizes)
    }

    fn flops(&self, [dy, weight]: [&[usize]; 2]) -> u64 {
        self.sizes(dy, weight).map_or(0, |sizes| sizes.flops())
    }

    fn fast(&self, [dy, weight]: [Slice<'_>; 2], [dx]: [&mut [f32]; 1]) -> bool {
        let sizes = self.sizes(dy.shape, weight.shape).expect("the shapes were checked");
        non_finite::grad_input(dx, [dy.data, weight.data], Epilogue::NONE, sizes)
    }
}

/// Computes the gradient with respect to a weight `[o, c, kernel]` from `x [n, c, image]` and `dy [n, o, out]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConvGradWeight {
    pub(crate) geometry: Geometry,
    pub(crate) kernel: [usize; 2],
}

impl ConvGradWeight {
    fn sizes(&self, x: &[usize], dy: &[usize]) -> Option<Convolution> {
        let (&[n, c, _, _], &[n_of_dy, o, out_h, out_w]) = (x, dy) else { return None };
        let sizes = self.geometry.sizes(x, &[o, c, self.kernel[0], self.kernel[1]])?;
        (n == n_of_dy && sizes.out == [out_h, out_w]).then_some(sizes)
    }
}

impl Kernel<2, 1> for ConvGradWeight {
    fn name(&self) -> &'static str {
        "conv2d_grad_weight"
    }

    fn shapes(&self, [x, dy]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        match self.sizes(x, dy) {
            Some(sizes) => Ok([vec![sizes.o, sizes.c, sizes.kernel[0], sizes.kernel[1]]]),
            None => {
                let expected =
                    format!("images [n, c, h, w] and [n, o, out] for a kernel of {:?}", self.kernel);
                Err(tensor::Error::shape(self.name(), &expected, &[x, dy]))
            }
        }
    }

    fn reference<A: Real>(&self, [x, dy]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        let sizes = self.sizes(x.shape(), dy.shape()).expect("the shapes were checked");
        let (x, dy) = (of_rank_4(x), of_rank_4(dy));
        let shape = [sizes.o, sizes.c, sizes.kernel[0], sizes.kernel[1]];
        let dweight = Array4::from_shape_fn(shape, |(o, c, ki, kj)| {
            let read = |(i, j)| {
                let pixel = self.geometry.pixel([i, j], [ki, kj], sizes.image)?;
                Some(([i, j], pixel))
            };
            let (x, dy) = (&x, &dy);
            let of_images = |([i, j], [row, column]): ([usize; 2], [usize; 2])| {
                (0..sizes.n).map(move |n| x[[n, c, row, column]] * dy[[n, o, i, j]])
            };
            pairwise(ndarray::indices(sizes.out).into_iter().filter_map(read).flat_map(of_images))
        });
        [dweight.into_dyn()]
    }

    fn launch(&self, call: Call<'_>, [x, dy]: [&Tensor; 2], [dweight]: [&Tensor; 1]) -> tensor::Result<()> {
        let sizes = self.sizes(x.shape(), dy.shape()).expect("the shapes were checked");
        launches::grad_weight(call, [x, dy], dweight, sizes)
    }

    fn flops(&self, [x, dy]: [&[usize]; 2]) -> u64 {
        self.sizes(x, dy).map_or(0, |sizes| sizes.flops())
    }

    fn fast(&self, [x, dy]: [Slice<'_>; 2], [dweight]: [&mut [f32]; 1]) -> bool {
        let sizes = self.sizes(x.shape, dy.shape).expect("the shapes were checked");
        non_finite::grad_weight(dweight, [x.data, dy.data], sizes)
    }
}

/// `y[c] = sum over n, i, j of x[n, c, i, j]`: the gradient with respect to a bias.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SumOfChannels;

impl Kernel<1, 1> for SumOfChannels {
    fn name(&self) -> &'static str {
        "sum_of_channels"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        match x {
            &[_, c, _, _] => Ok([vec![c]]),
            _ => Err(tensor::Error::shape(self.name(), "images [n, c, h, w]", &[x])),
        }
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        let sums: Array1<A> = x.axis_iter(Axis(1)).map(|channel| pairwise(channel.iter().copied())).collect();
        [sums.into_dyn().into_shape_with_order(IxDyn(&[x.shape()[1]])).expect("one sum for each channel")]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 1], outputs: [&Tensor; 1]) -> tensor::Result<()> {
        over_channels(call, "sum_of_channels", &outputs, &inputs, &[])
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        conv::sum_of_channels_f32(y, x.data, x.shape[2] * x.shape[3]);
        true
    }
}
