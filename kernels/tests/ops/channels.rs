//! The launches of sums over the numbers of each channel, and of the normalisations.

use autograd::ops::batch_norm::BatchNorm;
use autograd::ops::batch_norm_running::BatchNormRunning;
use autograd::ops::layer_norm::LayerNorm;
use kernels::{Argument, Grid};
use tensor::DType;

use crate::device::{Array, Device, blocks_of, over};
use crate::emulated::Launches;
use crate::products::u32_of;

/// `[n, c, plane]` of a shape.
fn sizes(x: &Array) -> [u32; 3] {
    [u32_of(x.shape()[0]), u32_of(x.shape()[1]), u32_of(x.shape()[2..].iter().product())]
}

fn arguments_of<const N: usize>(sizes: [u32; N]) -> [Argument<'static>; N] {
    sizes.map(Argument::U32)
}

/// One block for each channel, or for each 32 where they stand side by side.
fn over_channels([_, c, plane]: [u32; 3]) -> Grid {
    blocks_of(if plane < 32 { c.div_ceil(32) } else { c }, 256)
}

/// The sums over all but the second axis.
pub(crate) fn sum_of_channels(device: Device, x: &Array) -> Array {
    let sizes = sizes(x);
    let y = device.new_array(&x.shape()[1..2], x.dtype());
    let [n, c, plane] = arguments_of(sizes);
    device.launch("sum_of_channels", x.dtype(), over_channels(sizes), &[y.write(), x.read(), n, c, plane]);
    y
}

/// `[parts, ..]` of f32 added up to an array of this shape and type.
pub(crate) fn sum_of_parts(device: Device, parts: &Array, shape: &[usize], dtype: DType) -> Array {
    let sum = device.new_array(shape, dtype);
    let n_parts = Argument::U32(u32_of(parts.shape()[0]));
    let arguments = [sum.write(), parts.read(), n_parts, Argument::U32(sum.len())];
    device.launch("sum_of_parts", dtype, over(sum.len()), &arguments);
    sum
}

/// `(x - mean) inverse weight + bias`
fn normalise(device: Device, [x, weight, bias]: [&Array; 3], [mean, inverse]: [&Array; 2]) -> Array {
    let y = device.new_array(x.shape(), x.dtype());
    let mut arguments = vec![y.write(), x.read(), weight.read(), bias.read(), mean.read(), inverse.read()];
    arguments.extend(arguments_of(sizes(x)));
    device.launch("batch_norm", x.dtype(), over(x.len()), &arguments);
    y
}

/// The gradients by weight and bias, in f32.
fn grad_affine(device: Device, x: &Array, [mean, inverse]: [&Array; 2], dy: &Array) -> [Array; 2] {
    let sizes = sizes(x);
    let [dweight, dbias] = [(); 2].map(|()| device.new_array(&[1, x.shape()[1]], DType::F32));
    let mut arguments =
        vec![dweight.write(), dbias.write(), x.read(), mean.read(), inverse.read(), dy.read()];
    arguments.extend(arguments_of(sizes));
    device.launch("batch_norm_grad_affine", x.dtype(), over_channels(sizes), &arguments);
    [dweight, dbias]
}

pub(crate) struct BatchKept {
    x: Array,
    weight: Array,
    mean: Array,
    inverse: Array,
}

impl Launches<3, 3> for BatchNorm {
    type Kept = BatchKept;

    fn launch(&self, device: Device, [x, weight, bias]: [Array; 3]) -> ([Array; 3], BatchKept) {
        let sizes = sizes(&x);
        let [mean, variance, inverse] = [(); 3].map(|()| device.new_array(&x.shape()[1..2], DType::F32));
        let mut arguments = vec![mean.write(), variance.write(), inverse.write(), x.read()];
        arguments.push(Argument::F32(self.eps as f32));
        arguments.extend(arguments_of(sizes));
        device.launch("batch_norm_statistics", x.dtype(), over_channels(sizes), &arguments);
        let y = normalise(device, [&x, &weight, &bias], [&mean, &inverse]);
        ([y, mean.clone(), variance], BatchKept { x, weight, mean, inverse })
    }

    fn launch_back(
        &self,
        device: Device,
        BatchKept { x, weight, mean, inverse }: &BatchKept,
        [dy, dmean, dvariance]: [Array; 3],
    ) -> [Array; 3] {
        let [dweight, dbias] = grad_affine(device, x, [mean, inverse], &dy);
        let dx = device.new_array(x.shape(), x.dtype());
        let inputs = [x, &dy, weight, mean, inverse, &dweight, &dbias, &dmean, &dvariance];
        let mut arguments = vec![dx.write()];
        arguments.extend(inputs.map(Array::read));
        arguments.extend(arguments_of(sizes(x)));
        device.launch("batch_norm_grad_input", x.dtype(), over(x.len()), &arguments);
        let [dweight, dbias] =
            [dweight, dbias].map(|sum| sum_of_parts(device, &sum, weight.shape(), x.dtype()));
        [dx, dweight, dbias]
    }
}

impl Launches<3> for BatchNormRunning {
    type Kept = BatchKept;

    fn launch(&self, device: Device, [x, weight, bias]: [Array; 3]) -> ([Array; 1], BatchKept) {
        let [mean, variance] = [&self.mean, &self.variance].map(|statistic| device.put(statistic));
        let inverse = device.new_array(weight.shape(), DType::F32);
        let eps = Argument::F32(self.eps as f32);
        let arguments = [inverse.write(), variance.read(), eps, Argument::U32(inverse.len())];
        device.launch("batch_norm_running_inverse", DType::F32, over(inverse.len()), &arguments);
        let y = normalise(device, [&x, &weight, &bias], [&mean, &inverse]);
        ([y], BatchKept { x, weight, mean, inverse })
    }

    fn launch_back(
        &self,
        device: Device,
        BatchKept { x, weight, mean, inverse }: &BatchKept,
        [dy]: [Array; 1],
    ) -> [Array; 3] {
        let dx = device.new_array(x.shape(), x.dtype());
        let mut arguments = vec![dx.write(), dy.read(), weight.read(), inverse.read()];
        arguments.extend(arguments_of(sizes(x)));
        device.launch("batch_norm_running_grad_input", x.dtype(), over(x.len()), &arguments);
        let [dweight, dbias] = grad_affine(device, x, [mean, inverse], &dy)
            .map(|sum| sum_of_parts(device, &sum, weight.shape(), x.dtype()));
        [dx, dweight, dbias]
    }
}

/// Rows whose gradients by weight and bias one block adds up: few, so that small cases have several parts.
const ROWS_OF_PART: u32 = 24;

impl Launches<3> for LayerNorm {
    type Kept = BatchKept;

    fn launch(&self, device: Device, [x, weight, bias]: [Array; 3]) -> ([Array; 1], BatchKept) {
        let (d, y) = (weight.len(), device.new_array(x.shape(), x.dtype()));
        let rows = &x.shape()[..x.shape().len() - 1];
        let [mean, inverse] = [(); 2].map(|()| device.new_array(rows, DType::F32));
        let mut arguments =
            vec![y.write(), mean.write(), inverse.write(), x.read(), weight.read(), bias.read()];
        arguments.extend([Argument::F32(self.eps as f32), Argument::U32(mean.len()), Argument::U32(d)]);
        device.launch("layer_norm", x.dtype(), a_warp_for_each(mean.len()), &arguments);
        ([y], BatchKept { x, weight, mean, inverse })
    }

    fn launch_back(
        &self,
        device: Device,
        BatchKept { x, weight, mean, inverse }: &BatchKept,
        [dy]: [Array; 1],
    ) -> [Array; 3] {
        let (rows, d) = (mean.len(), weight.len());
        let sizes = [Argument::U32(rows), Argument::U32(d)];
        let dx = device.new_array(x.shape(), x.dtype());
        let mut arguments = vec![dx.write()];
        arguments.extend([x, weight, mean, inverse, &dy].map(Array::read));
        arguments.extend(sizes);
        device.launch("layer_norm_grad_input", x.dtype(), a_warp_for_each(rows), &arguments);
        let parts = rows.div_ceil(ROWS_OF_PART);
        let [dweight, dbias] = [(); 2].map(|()| device.new_array(&[parts as usize, d as usize], DType::F32));
        let mut arguments = vec![dweight.write(), dbias.write()];
        arguments.extend([x, mean, inverse, &dy].map(Array::read));
        arguments.extend(sizes);
        arguments.push(Argument::U32(ROWS_OF_PART));
        let grid = Grid { blocks: [d.div_ceil(32), parts, 1], threads: [256, 1, 1], shared: 0 };
        device.launch("layer_norm_grad_affine", x.dtype(), grid, &arguments);
        let [dweight, dbias] =
            [dweight, dbias].map(|parts| sum_of_parts(device, &parts, weight.shape(), x.dtype()));
        [dx, dweight, dbias]
    }
}

/// A warp for each of `count`, four in a block.
pub(crate) fn a_warp_for_each(count: u32) -> Grid {
    blocks_of(count.div_ceil(4), 128)
}
