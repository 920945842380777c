//! The launches of convolutions and their transposes, by each of the kernels that compute them in turn.

use autograd::ops::conv_transpose2d::{ConvTranspose2d, Transposed};
use autograd::ops::conv_transpose2d_no_bias::ConvTranspose2dNoBias;
use autograd::ops::conv2d::{Conv2d, Geometry};
use autograd::ops::conv2d_no_bias::Conv2dNoBias;
use kernels::Argument;
use tensor::DType;

use crate::channels::{sum_of_channels, sum_of_parts};
use crate::device::{Array, Device};
use crate::emulated::Launches;
use crate::products::{Around, around_of, through, tile, u32_of};

/// The sizes of a convolution of images `[n, c, image]` with a weight `[o, c, kernel]` to `[n, o, out]`.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    n: u32,
    c: u32,
    image: [u32; 2],
    o: u32,
    kernel: [u32; 2],
    stride: [u32; 2],
    padding: [u32; 2],
    out: [u32; 2],
}

impl Sizes {
    /// Of images and an output of these shapes.
    fn new(x: &[usize], weight: &[usize], out: [usize; 2], geometry: Geometry) -> Self {
        let pair = |sides: [usize; 2]| sides.map(u32_of);
        Self {
            n: u32_of(x[0]),
            c: u32_of(x[1]),
            image: pair([x[2], x[3]]),
            o: u32_of(weight[0]),
            kernel: pair([weight[2], weight[3]]),
            stride: pair(geometry.stride),
            padding: pair(geometry.padding),
            out: pair(out),
        }
    }

    fn forward(x: &[usize], weight: &[usize], geometry: Geometry) -> Self {
        let Geometry { stride, padding } = geometry;
        let side = |axis: usize| (x[axis + 2] + 2 * padding[axis] - weight[axis + 2]) / stride[axis] + 1;
        Self::new(x, weight, [side(0), side(1)], geometry)
    }

    /// The convolution of which a transposed one is the input gradient: its images are what comes out.
    fn transposed(x: &[usize], weight: &[usize], op: Transposed) -> Self {
        let Geometry { stride, padding } = op.geometry;
        let side = |axis: usize| {
            (x[axis + 2] - 1) * stride[axis] + weight[axis + 2] + op.output_padding[axis] - 2 * padding[axis]
        };
        Self::new(&[x[0], weight[1], side(0), side(1)], weight, [x[2], x[3]], op.geometry)
    }

    fn words(&self) -> [u32; 13] {
        let Self { n, c, image: [h, w], o, kernel: [kh, kw], stride, padding, out: [oh, ow] } = *self;
        [n, c, h, w, o, kh, kw, stride[0], stride[1], padding[0], padding[1], oh, ow]
    }

    fn convolved(self, device: Device, [x, weight]: [&Array; 2], around: Around<'_>) -> Array {
        let y = device.new_array(&[self.n, self.o, self.out[0], self.out[1]].map(|n| n as usize), x.dtype());
        let [bias, what] = around_of(around, x);
        let words = self.words();
        let arguments = [y.write(), x.read(), weight.read(), bias, what, Argument::Words(&words)];
        let product = [self.o, self.n * self.out[0] * self.out[1], 1];
        tile(x.dtype(), &words).launch(device, "conv2d", x.dtype(), product, &arguments);
        y
    }

    fn grad_input(self, device: Device, [dy, weight]: [&Array; 2], around: Around<'_>) -> Array {
        let shape = [self.n, self.c, self.image[0], self.image[1]].map(|n| n as usize);
        let dx = device.new_array(&shape, dy.dtype());
        let [bias, what] = around_of(around, dy);
        let words = self.words();
        let arguments = [dx.write(), dy.read(), weight.read(), bias, what, Argument::Words(&words)];
        let most = |axis: usize| self.image[axis].div_ceil(self.stride[axis]);
        let product = [self.c, self.n * most(0) * most(1), self.stride[0] * self.stride[1]];
        tile(dy.dtype(), &words).launch(device, "conv2d_grad_input", dy.dtype(), product, &arguments);
        dx
    }

    fn grad_weight(self, device: Device, [x, dy]: [&Array; 2]) -> Array {
        /// Few, so that small cases have several parts; a multiple of the steps of every tile.
        const PIXELS_OF_PART: u32 = 96;
        let shape = [self.o, self.c, self.kernel[0], self.kernel[1]].map(|n| n as usize);
        let n_parts = (self.n * self.out[0] * self.out[1]).div_ceil(PIXELS_OF_PART);
        let parts = device.new_array(&[&[n_parts as usize], &shape[..]].concat(), DType::F32);
        let words = self.words();
        let pixels_of_part = Argument::U32(PIXELS_OF_PART);
        let arguments = [parts.write(), x.read(), dy.read(), Argument::Words(&words), pixels_of_part];
        let product = [self.o, self.c * self.kernel[0] * self.kernel[1], n_parts];
        tile(x.dtype(), &words).launch(device, "conv2d_grad_weight", x.dtype(), product, &arguments);
        sum_of_parts(device, &parts, &shape, x.dtype())
    }
}

impl Launches<2> for Conv2dNoBias {
    type Kept = [Array; 2];

    fn launch(&self, device: Device, [x, weight]: [Array; 2]) -> ([Array; 1], [Array; 2]) {
        let sizes = Sizes::forward(x.shape(), weight.shape(), self.0);
        ([sizes.convolved(device, [&x, &weight], None)], [x, weight])
    }

    fn launch_back(&self, device: Device, [x, weight]: &[Array; 2], [dy]: [Array; 1]) -> [Array; 2] {
        let sizes = Sizes::forward(x.shape(), weight.shape(), self.0);
        [sizes.grad_input(device, [&dy, weight], None), sizes.grad_weight(device, [x, &dy])]
    }
}

impl Launches<3> for Conv2d {
    type Kept = [Array; 3];

    fn launch(&self, device: Device, [x, weight, bias]: [Array; 3]) -> ([Array; 1], [Array; 3]) {
        let sizes = Sizes::forward(x.shape(), weight.shape(), self.geometry);
        let y = sizes.convolved(device, [&x, &weight], Some((&bias, self.epilogue)));
        ([y.clone()], [x, weight, y])
    }

    fn launch_back(&self, device: Device, [x, weight, y]: &[Array; 3], [dy]: [Array; 1]) -> [Array; 3] {
        let sizes = Sizes::forward(x.shape(), weight.shape(), self.geometry);
        let dsum = through(device, self.epilogue, y, dy);
        let dx = sizes.grad_input(device, [&dsum, weight], None);
        [dx, sizes.grad_weight(device, [x, &dsum]), sum_of_channels(device, &dsum)]
    }
}

impl Launches<2> for ConvTranspose2dNoBias {
    type Kept = [Array; 2];

    fn launch(&self, device: Device, [x, weight]: [Array; 2]) -> ([Array; 1], [Array; 2]) {
        let sizes = Sizes::transposed(x.shape(), weight.shape(), self.0);
        ([sizes.grad_input(device, [&x, &weight], None)], [x, weight])
    }

    fn launch_back(&self, device: Device, [x, weight]: &[Array; 2], [dy]: [Array; 1]) -> [Array; 2] {
        let sizes = Sizes::transposed(x.shape(), weight.shape(), self.0);
        [sizes.convolved(device, [&dy, weight], None), sizes.grad_weight(device, [&dy, x])]
    }
}

impl Launches<3> for ConvTranspose2d {
    type Kept = [Array; 3];

    fn launch(&self, device: Device, [x, weight, bias]: [Array; 3]) -> ([Array; 1], [Array; 3]) {
        let sizes = Sizes::transposed(x.shape(), weight.shape(), self.attributes);
        let y = sizes.grad_input(device, [&x, &weight], Some((&bias, self.epilogue)));
        ([y.clone()], [x, weight, y])
    }

    fn launch_back(&self, device: Device, [x, weight, y]: &[Array; 3], [dy]: [Array; 1]) -> [Array; 3] {
        let sizes = Sizes::transposed(x.shape(), weight.shape(), self.attributes);
        let dsum = through(device, self.epilogue, y, dy);
        let dx = sizes.convolved(device, [&dsum, weight], None);
        [dx, sizes.grad_weight(device, [&dsum, x]), sum_of_channels(device, &dsum)]
    }
}
