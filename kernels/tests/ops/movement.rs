//! The launches of the operations that move numbers, repeat them, or add them up along axes.

use autograd::ops::broadcast_to::BroadcastTo;
use autograd::ops::concat::Concat;
use autograd::ops::gather_rows::GatherRows;
use autograd::ops::mean_axes::MeanAxes;
use autograd::ops::patchify::Patchify;
use autograd::ops::scatter_rows::ScatterRows;
use autograd::ops::slice::Slice;
use autograd::ops::sum_axes::SumAxes;
use autograd::ops::transpose::Transpose;
use autograd::ops::unpatchify::Unpatchify;
use kernels::Argument;
use tensor::{Indices, Kernel};

use crate::axes::{Axes, strides};
use crate::device::{Array, Device, blocks_of, over};
use crate::emulated::Launches;

/// A new array for the result of `kernel`.
fn output_of(device: Device, kernel: &impl Kernel<1, 1>, x: &Array) -> Array {
    let [shape] = kernel.shapes([x.shape()]).expect("the operation took these shapes");
    device.new_array(&shape, x.dtype())
}

/// `entry(y, x, n, more..)` with a thread for each of `n` elements.
fn moved(device: Device, entry: &str, y: &Array, x: &Array, n: u32, more: &[Argument<'_>]) {
    let arguments = [&[y.write(), x.read(), Argument::U32(n)][..], more].concat();
    device.launch(entry, y.dtype(), over(n), &arguments);
}

fn permuted(device: Device, x: &Array, op: &Transpose) -> Array {
    let y = output_of(device, op, x);
    let of_x = strides(x.shape());
    let axes = Axes::of(op.axes.iter().map(|&axis| (x.shape()[axis], of_x[axis])));
    if let Some([matrices, rows, columns]) = axes.matrices() {
        let grid = kernels::Grid {
            blocks: [columns.div_ceil(32), rows.div_ceil(32), matrices],
            threads: [32, 8, 1],
            shared: 0,
        };
        let arguments = [y.write(), x.read(), Argument::U32(rows), Argument::U32(columns)];
        device.launch("transpose_matrices", y.dtype(), grid, &arguments);
    } else {
        moved(device, "transpose", &y, x, y.len(), &[Argument::Words(&axes.words())]);
    }
    y
}

impl Launches<1> for Transpose {
    type Kept = ();

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], ()) {
        ([permuted(device, &x, self)], ())
    }

    fn launch_back(&self, device: Device, (): &(), [dy]: [Array; 1]) -> [Array; 1] {
        let mut axes = vec![0; self.axes.len()];
        self.axes.iter().enumerate().for_each(|(to, &from)| axes[from] = to);
        [permuted(device, &dy, &Transpose { axes })]
    }
}

/// Where a slice of a tensor lies: its start, its length and the distance to the next, in elements.
fn runs(slice: &Slice, whole: &[usize]) -> [Argument<'static>; 3] {
    let inner: usize = whole[slice.axis + 1..].iter().product();
    [slice.start * inner, (slice.end - slice.start) * inner, whole[slice.axis] * inner]
        .map(|length| Argument::U32(length as u32))
}

fn part(device: Device, x: &Array, slice: &Slice) -> Array {
    let y = output_of(device, slice, x);
    moved(device, "slice", &y, x, y.len(), &runs(slice, x.shape()));
    y
}

impl Launches<1> for Slice {
    type Kept = Vec<usize>;

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], Vec<usize>) {
        ([part(device, &x, self)], x.shape().to_vec())
    }

    fn launch_back(&self, device: Device, x: &Vec<usize>, [dy]: [Array; 1]) -> [Array; 1] {
        let dx = device.new_array(x, dy.dtype());
        moved(device, "slice_grad", &dx, &dy, dx.len(), &runs(self, x));
        [dx]
    }
}

impl Launches<2> for Concat {
    type Kept = usize;

    fn launch(&self, device: Device, [x, y]: [Array; 2]) -> ([Array; 1], usize) {
        let [shape] = self.shapes([x.shape(), y.shape()]).expect("the operation took these shapes");
        let z = device.new_array(&shape, x.dtype());
        let [of_x, of_y] = [&x, &y].map(|part| part.shape()[self.axis..].iter().product::<usize>() as u32);
        let lengths = [z.len(), of_x, of_y].map(Argument::U32);
        let arguments = [&[z.write(), x.read(), y.read()][..], &lengths].concat();
        device.launch("concat", z.dtype(), over(z.len()), &arguments);
        ([z], x.shape()[self.axis])
    }

    fn launch_back(&self, device: Device, &middle: &usize, [dz]: [Array; 1]) -> [Array; 2] {
        let (axis, end) = (self.axis, dz.shape()[self.axis]);
        [(0, middle), (middle, end)].map(|(start, end)| part(device, &dz, &Slice { axis, start, end }))
    }
}

/// `factor` times the sum of `x` over `axes`, in an array of `shape`.
fn summed(device: Device, x: &Array, axes: &[usize], shape: &[usize], factor: f64) -> Array {
    let y = device.new_array(shape, x.dtype());
    let of_x = strides(x.shape());
    let walk = |is_summed: bool| {
        let chosen = (0..of_x.len()).filter(|axis| axes.contains(axis) == is_summed);
        Axes::of(chosen.map(|axis| (x.shape()[axis], of_x[axis])))
    };
    let (outputs, terms) = (walk(false), walk(true));
    let count = axes.iter().map(|&axis| x.shape()[axis]).product::<usize>() as u32;
    let (outputs_words, terms_words) = (outputs.words(), terms.words());
    let arguments = [
        y.write(),
        x.read(),
        Argument::U32(y.len()),
        Argument::Words(&outputs_words),
        Argument::U32(count),
        Argument::Words(&terms_words),
        Argument::F32(factor as f32),
    ];
    if terms.is_along() {
        device.launch("sum_axes_along", y.dtype(), over(y.len() * 32), &arguments);
    } else {
        let mut grid = blocks_of(y.len().div_ceil(32), 32);
        grid.threads[1] = 8;
        device.launch("sum_axes_across", y.dtype(), grid, &arguments);
    }
    y
}

/// `factor dy`, repeated to the shape `x` along `axes`.
fn repeated(device: Device, dy: &Array, axes: &[usize], x: &[usize], factor: f64) -> Array {
    let kept: Vec<usize> = (0..x.len()).map(|axis| if axes.contains(&axis) { 1 } else { x[axis] }).collect();
    let of_dy = strides(&kept);
    let stride = |axis: usize| if axes.contains(&axis) { 0 } else { of_dy[axis] };
    let walk = Axes::of((0..x.len()).map(|axis| (x[axis], stride(axis))));
    let dx = device.new_array(x, dy.dtype());
    let more = [Argument::Words(&walk.words()), Argument::F32(factor as f32)];
    moved(device, "sum_axes_grad", &dx, dy, dx.len(), &more);
    dx
}

impl Launches<1> for SumAxes {
    type Kept = Vec<usize>;

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], Vec<usize>) {
        let [shape] = self.shapes([x.shape()]).expect("the operation took these shapes");
        ([summed(device, &x, &self.axes, &shape, 1.0)], x.shape().to_vec())
    }

    fn launch_back(&self, device: Device, x: &Vec<usize>, [dy]: [Array; 1]) -> [Array; 1] {
        [repeated(device, &dy, &self.axes, x, 1.0)]
    }
}

/// One over the number of elements along `axes`.
fn share(x: &[usize], axes: &[usize]) -> f64 {
    1.0 / axes.iter().map(|&axis| x[axis]).product::<usize>() as f64
}

impl Launches<1> for MeanAxes {
    type Kept = Vec<usize>;

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], Vec<usize>) {
        let [shape] = self.shapes([x.shape()]).expect("the operation took these shapes");
        let axes = &self.0.axes;
        ([summed(device, &x, axes, &shape, share(x.shape(), axes))], x.shape().to_vec())
    }

    fn launch_back(&self, device: Device, x: &Vec<usize>, [dy]: [Array; 1]) -> [Array; 1] {
        [repeated(device, &dy, &self.0.axes, x, share(x, &self.0.axes))]
    }
}

impl Launches<1> for BroadcastTo {
    type Kept = Vec<usize>;

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], Vec<usize>) {
        let y = output_of(device, self, &x);
        let of_x = strides(x.shape());
        let missing = self.shape.len() - x.shape().len();
        let stride = |axis: usize| match axis.checked_sub(missing) {
            Some(axis) if x.shape()[axis] != 1 => of_x[axis],
            _ => 0,
        };
        let axes = Axes::of(self.shape.iter().enumerate().map(|(axis, &length)| (length, stride(axis))));
        moved(device, "broadcast_to", &y, &x, y.len(), &[Argument::Words(&axes.words())]);
        ([y], x.shape().to_vec())
    }

    fn launch_back(&self, device: Device, x: &Vec<usize>, [dy]: [Array; 1]) -> [Array; 1] {
        let missing = self.shape.len() - x.len();
        let is_repeated = |axis: &usize| axis.checked_sub(missing).is_none_or(|axis| x[axis] == 1);
        let axes: Vec<usize> = (0..self.shape.len()).filter(is_repeated).collect();
        [summed(device, &dy, &axes, x, 1.0)]
    }
}

/// `entry(y, x, rows, n, t, k, d)` with `t` rows in an image and `k` of them chosen.
fn rows(device: Device, entry: &str, x: &Array, rows: &Indices, y: &[usize], [t, k]: [usize; 2]) -> Array {
    let y = device.new_array(y, x.dtype());
    let (n, d) = (x.shape()[0], x.shape()[2]);
    let rows = device.put_u32(rows.as_slice());
    let sizes = [n, t, k, d].map(|size| Argument::U32(size as u32));
    let arguments = [&[y.write(), x.read(), Argument::In(&rows, "u32")][..], &sizes].concat();
    device.launch(entry, y.dtype(), over(y.len()), &arguments);
    y
}

fn gathered(device: Device, x: &Array, chosen: &Indices) -> Array {
    let &[n, t, d] = x.shape() else { unreachable!("the operation took this shape") };
    let k = chosen.len() / n;
    rows(device, "gather_rows", x, chosen, &[n, k, d], [t, k])
}

fn scattered(device: Device, x: &Array, chosen: &Indices, t: usize) -> Array {
    let &[n, k, d] = x.shape() else { unreachable!("the operation took this shape") };
    rows(device, "scatter_rows", x, chosen, &[n, t, d], [t, k])
}

impl Launches<1> for GatherRows {
    type Kept = usize;

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], usize) {
        ([gathered(device, &x, &self.rows)], x.shape()[1])
    }

    fn launch_back(&self, device: Device, &t: &usize, [dy]: [Array; 1]) -> [Array; 1] {
        [scattered(device, &dy, &self.rows, t)]
    }
}

impl Launches<1> for ScatterRows {
    type Kept = ();

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], ()) {
        ([scattered(device, &x, &self.rows, self.t)], ())
    }

    fn launch_back(&self, device: Device, (): &(), [dy]: [Array; 1]) -> [Array; 1] {
        [gathered(device, &dy, &self.rows)]
    }
}

/// To or from the patches of images of the shape `images`.
fn patches(device: Device, entry: &str, x: &Array, y: &Array, images: &[usize], side: usize) {
    let words = [images[1], images[2], images[3], side].map(|size| size as u32);
    moved(device, entry, y, x, y.len(), &[Argument::Words(&words)]);
}

impl Launches<1> for Patchify {
    type Kept = [usize; 2];

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], [usize; 2]) {
        let tokens = output_of(device, self, &x);
        patches(device, "patchify", &x, &tokens, x.shape(), self.side);
        ([tokens], [x.shape()[2], x.shape()[3]])
    }

    fn launch_back(&self, device: Device, &size: &[usize; 2], [dy]: [Array; 1]) -> [Array; 1] {
        Unpatchify { side: self.side, size }.launch(device, [dy]).0
    }
}

impl Launches<1> for Unpatchify {
    type Kept = ();

    fn launch(&self, device: Device, [tokens]: [Array; 1]) -> ([Array; 1], ()) {
        let images = output_of(device, self, &tokens);
        patches(device, "unpatchify", &tokens, &images, images.shape(), self.side);
        ([images], ())
    }

    fn launch_back(&self, device: Device, (): &(), [dy]: [Array; 1]) -> [Array; 1] {
        Patchify { side: self.side }.launch(device, [dy]).0
    }
}
