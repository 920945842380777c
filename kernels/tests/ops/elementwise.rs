//! The launches of the operations that work element by element.

use autograd::ops::add::Add;
use autograd::ops::channel_dropout::ChannelDropout;
use autograd::ops::dropout::Dropout;
use autograd::ops::gelu::Gelu;
use autograd::ops::mul::Mul;
use autograd::ops::relu::Relu;
use autograd::ops::scale::Scale;
use autograd::ops::sigmoid::Sigmoid;
use autograd::ops::split::Split;
use autograd::ops::sub::Sub;
use autograd::ops::tanh::Tanh;
use kernels::Argument;
use tensor::{DType, Tensor};

use crate::device::{Array, Device, over};
use crate::emulated::Launches;

/// `entry(out, inputs.., n, more..)` into a new array of the shape of the first input.
fn map<const N: usize>(device: Device, entry: &str, inputs: [&Array; N], more: &[Argument<'_>]) -> Array {
    let out = device.new_array(inputs[0].shape(), inputs[0].dtype());
    let mut arguments = vec![out.write()];
    arguments.extend(inputs.map(Array::read));
    arguments.push(Argument::U32(out.len()));
    arguments.extend(more);
    device.launch(entry, out.dtype(), over(out.len()), &arguments);
    out
}

/// `factor x`
pub(crate) fn scaled(device: Device, x: &Array, factor: f64) -> Array {
    map(device, "scale", [x], &[Argument::F32(factor as f32)])
}

impl Launches<2> for Add {
    type Kept = ();

    fn launch(&self, device: Device, [x, y]: [Array; 2]) -> ([Array; 1], ()) {
        ([map(device, "add", [&x, &y], &[])], ())
    }

    fn launch_back(&self, _: Device, (): &(), [dz]: [Array; 1]) -> [Array; 2] {
        [dz.clone(), dz]
    }
}

impl Launches<2> for Sub {
    type Kept = ();

    fn launch(&self, device: Device, [x, y]: [Array; 2]) -> ([Array; 1], ()) {
        ([map(device, "sub", [&x, &y], &[])], ())
    }

    fn launch_back(&self, device: Device, (): &(), [dz]: [Array; 1]) -> [Array; 2] {
        let dy = scaled(device, &dz, -1.0);
        [dz, dy]
    }
}

impl Launches<2> for Mul {
    type Kept = [Array; 2];

    fn launch(&self, device: Device, [x, y]: [Array; 2]) -> ([Array; 1], [Array; 2]) {
        ([map(device, "mul", [&x, &y], &[])], [x, y])
    }

    fn launch_back(&self, device: Device, [x, y]: &[Array; 2], [dz]: [Array; 1]) -> [Array; 2] {
        [map(device, "mul", [y, &dz], &[]), map(device, "mul", [x, &dz], &[])]
    }
}

impl Launches<1> for Scale {
    type Kept = ();

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], ()) {
        ([scaled(device, &x, self.factor)], ())
    }

    fn launch_back(&self, device: Device, (): &(), [dy]: [Array; 1]) -> [Array; 1] {
        [scaled(device, &dy, self.factor)]
    }
}

impl Launches<1> for Relu {
    type Kept = Array;

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], Array) {
        with_output_kept(map(device, "relu", [&x], &[]))
    }

    fn launch_back(&self, device: Device, y: &Array, [dy]: [Array; 1]) -> [Array; 1] {
        [map(device, "relu_grad", [y, &dy], &[])]
    }
}

impl Launches<1> for Tanh {
    type Kept = Array;

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], Array) {
        with_output_kept(map(device, "tanh", [&x], &[]))
    }

    fn launch_back(&self, device: Device, y: &Array, [dy]: [Array; 1]) -> [Array; 1] {
        [map(device, "tanh_grad", [y, &dy], &[])]
    }
}

impl Launches<1> for Sigmoid {
    type Kept = Array;

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], Array) {
        with_output_kept(map(device, "sigmoid", [&x], &[]))
    }

    fn launch_back(&self, device: Device, y: &Array, [dy]: [Array; 1]) -> [Array; 1] {
        [map(device, "sigmoid_grad", [y, &dy], &[])]
    }
}

fn with_output_kept(y: Array) -> ([Array; 1], Array) {
    ([y.clone()], y)
}

impl Launches<1> for Gelu {
    type Kept = Array;

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], Array) {
        ([map(device, "gelu", [&x], &[])], x)
    }

    fn launch_back(&self, device: Device, x: &Array, [dy]: [Array; 1]) -> [Array; 1] {
        [map(device, "gelu_grad", [x, &dy], &[])]
    }
}

impl Launches<1, 2> for Split {
    type Kept = ();

    fn launch(&self, _: Device, [z]: [Array; 1]) -> ([Array; 2], ()) {
        ([z.clone(), z], ())
    }

    fn launch_back(&self, device: Device, (): &(), [dfirst, dsecond]: [Array; 2]) -> [Array; 1] {
        let weight = device.put(&Tensor::full(self.weight, &[], DType::F32));
        [map(device, "mix", [&dfirst, &dsecond], &[weight.read()])]
    }
}

impl Launches<1> for Dropout {
    type Kept = ();

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], ()) {
        let step = device.put_u64(&[self.step]);
        ([map(device, "dropout", [&x], &masked(self, Argument::In(&step, "u64")))], ())
    }

    fn launch_back(&self, device: Device, (): &(), [dy]: [Array; 1]) -> [Array; 1] {
        self.launch(device, [dy]).0
    }
}

impl Launches<1> for ChannelDropout {
    type Kept = ();

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], ()) {
        let plane = x.shape()[2..].iter().product::<usize>() as u32;
        let step = device.put_u64(&[self.0.step]);
        let mask = masked(&self.0, Argument::In(&step, "u64"));
        let arguments = [&[Argument::U32(plane)][..], &mask].concat();
        ([map(device, "channel_dropout", [&x], &arguments)], ())
    }

    fn launch_back(&self, device: Device, (): &(), [dy]: [Array; 1]) -> [Array; 1] {
        self.launch(device, [dy]).0
    }
}

/// What kernels are told of a mask: key, step, threshold and what survivors are multiplied by.
fn masked<'a>(dropout: &Dropout, step: Argument<'a>) -> [Argument<'a>; 4] {
    let threshold = (dropout.p * 2f64.powi(32)) as u32;
    let scale = (1.0 / (1.0 - dropout.p)) as f32;
    [Argument::U64(dropout.stream.key()), step, Argument::U32(threshold), Argument::F32(scale)]
}
