//! The launches of pooling.

use autograd::ops::adaptive_max_pool::AdaptiveMaxPool;
use autograd::ops::global_avg_pool::GlobalAvgPool;
use autograd::ops::max_pool2d::MaxPool2d;
use kernels::Argument;
use tensor::DType;

use crate::channels::a_warp_for_each;
use crate::device::{Array, Device, over};
use crate::emulated::Launches;
use crate::products::u32_of;

/// What the way back of a max-pool needs.
pub(crate) struct Places {
    image: [usize; 4],
    place_of: Array,
}

/// Launches `entry` for windows of these words, `size` of them.
fn largest(device: Device, entry: &str, x: &Array, size: [usize; 2], windows: &[u32]) -> (Array, Places) {
    let &[n, c, h, w] = x.shape() else { unreachable!("the reference was asked") };
    let shape = [n, c, size[0], size[1]];
    let (y, place_of) = (device.new_array(&shape, x.dtype()), device.new_array(&shape, DType::F32));
    let planes = Argument::U32(u32_of(n * c));
    let arguments = [y.write(), place_of.write(), x.read(), Argument::Words(windows), planes];
    device.launch(entry, x.dtype(), over(y.len()), &arguments);
    (y, Places { image: [n, c, h, w], place_of })
}

impl Places {
    fn grad(&self, device: Device, entry: &str, dy: &Array, windows: &[u32]) -> Array {
        let dx = device.new_array(&self.image, dy.dtype());
        let planes = Argument::U32(u32_of(self.image[0] * self.image[1]));
        let arguments = [dx.write(), dy.read(), self.place_of.read(), Argument::Words(windows), planes];
        device.launch(entry, dy.dtype(), over(dx.len()), &arguments);
        dx
    }
}

/// The words of the windows of an image of these sides, and how many windows there are.
fn moving(op: MaxPool2d, image: [usize; 2]) -> ([usize; 2], [u32; 10]) {
    let MaxPool2d { kernel, stride, padding } = op;
    let size = [0, 1].map(|axis| (image[axis] + 2 * padding[axis] - kernel[axis]) / stride[axis] + 1);
    let pairs = [image, size, kernel, stride, padding];
    (size, std::array::from_fn(|word| u32_of(pairs[word / 2][word % 2])))
}

impl Launches<1> for MaxPool2d {
    type Kept = Places;

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], Places) {
        let (size, windows) = moving(*self, [x.shape()[2], x.shape()[3]]);
        let (y, places) = largest(device, "max_pool2d", &x, size, &windows);
        ([y], places)
    }

    fn launch_back(&self, device: Device, places: &Places, [dy]: [Array; 1]) -> [Array; 1] {
        let (_, windows) = moving(*self, [places.image[2], places.image[3]]);
        [places.grad(device, "max_pool2d_grad", &dy, &windows)]
    }
}

fn covering(op: AdaptiveMaxPool, image: [usize; 2]) -> [u32; 4] {
    [image[0], image[1], op.size[0], op.size[1]].map(u32_of)
}

impl Launches<1> for AdaptiveMaxPool {
    type Kept = Places;

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], Places) {
        let windows = covering(*self, [x.shape()[2], x.shape()[3]]);
        let (y, places) = largest(device, "adaptive_max_pool", &x, self.size, &windows);
        ([y], places)
    }

    fn launch_back(&self, device: Device, places: &Places, [dy]: [Array; 1]) -> [Array; 1] {
        let windows = covering(*self, [places.image[2], places.image[3]]);
        [places.grad(device, "adaptive_max_pool_grad", &dy, &windows)]
    }
}

impl Launches<1> for GlobalAvgPool {
    type Kept = [usize; 4];

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], [usize; 4]) {
        let &[n, c, h, w] = x.shape() else { unreachable!("the reference was asked") };
        let y = device.new_array(&[n, c], x.dtype());
        let sizes = [n * c, h * w].map(|size| Argument::U32(u32_of(size)));
        device.launch(
            "global_avg_pool",
            x.dtype(),
            a_warp_for_each(y.len()),
            &[y.write(), x.read(), sizes[0], sizes[1]],
        );
        ([y], [n, c, h, w])
    }

    fn launch_back(&self, device: Device, image: &[usize; 4], [dy]: [Array; 1]) -> [Array; 1] {
        let dx = device.new_array(image, dy.dtype());
        let pixels = Argument::U32(u32_of(image[2] * image[3]));
        let arguments = [dx.write(), dy.read(), Argument::U32(dy.len()), pixels];
        device.launch("global_avg_pool_grad", dy.dtype(), over(dx.len()), &arguments);
        [dx]
    }
}
