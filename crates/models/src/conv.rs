//! Convolution layers.

use autograd::ops::conv_transpose2d::Transposed;
use autograd::ops::conv2d::Geometry;
use autograd::{Param, Var};
use tensor::DType;
use tensor::random::Stream;

use crate::{Activation, Mode, Module, Result, init};

/// A convolution with a square kernel and a bias: `[n, inputs, h, w]` to `[n, outputs, h', w']`.
pub struct Conv2d {
    weight: Param,
    bias: Param,
    geometry: Geometry,
}

impl Conv2d {
    /// A layer that starts by [`init::uniform_by_fan_in`], with `channels = [inputs, outputs]`.
    pub fn new(
        channels: [usize; 2],
        kernel: usize,
        stride: usize,
        padding: usize,
        stream: &Stream,
        dtype: DType,
    ) -> Self {
        let [inputs, outputs] = channels;
        let [weight, bias] =
            start(&[outputs, inputs, kernel, kernel], outputs, inputs * kernel * kernel, stream, dtype);
        Self { weight, bias, geometry: Geometry::square(stride, padding) }
    }
}

impl Module for Conv2d {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        let tape = x.tape();
        Ok(x.conv2d(&tape.param(&self.weight), &tape.param(&self.bias), self.geometry)?)
    }

    fn forward_activated<'t>(&self, x: &Var<'t>, activation: Activation, mode: Mode) -> Result<Var<'t>> {
        let (weight, bias) = (x.tape().param(&self.weight), x.tape().param(&self.bias));
        match activation {
            Activation::Relu => Ok(x.conv2d_relu(&weight, &bias, self.geometry)?),
            other => other.forward(&self.forward(x, mode)?, mode),
        }
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![("weight".into(), &self.weight), ("bias".into(), &self.bias)]
    }
}

/// A transposed convolution with a square kernel and a bias.
pub struct ConvTranspose2d {
    weight: Param,
    bias: Param,
    attributes: Transposed,
}

impl ConvTranspose2d {
    /// A layer with `channels = [inputs, outputs]`, a kernel of 3 and `[stride, padding, output padding]`.
    ///
    /// It starts as PyTorch's does, which counts the **outputs** for `fan_in` (section 3.6 of the CRE
    /// specification).
    pub fn new(channels: [usize; 2], attributes: [usize; 3], stream: &Stream, dtype: DType) -> Self {
        const KERNEL: usize = 3;
        let ([inputs, outputs], [stride, padding, output_padding]) = (channels, attributes);
        let shape = [inputs, outputs, KERNEL, KERNEL];
        let [weight, bias] = start(&shape, outputs, outputs * KERNEL * KERNEL, stream, dtype);
        Self { weight, bias, attributes: Transposed::square(stride, padding, output_padding) }
    }
}

impl Module for ConvTranspose2d {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        let tape = x.tape();
        Ok(x.conv_transpose2d(&tape.param(&self.weight), &tape.param(&self.bias), self.attributes)?)
    }

    fn forward_activated<'t>(&self, x: &Var<'t>, activation: Activation, mode: Mode) -> Result<Var<'t>> {
        let (weight, bias) = (x.tape().param(&self.weight), x.tape().param(&self.bias));
        match activation {
            Activation::Relu => Ok(x.conv_transpose2d_relu(&weight, &bias, self.attributes)?),
            other => other.forward(&self.forward(x, mode)?, mode),
        }
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![("weight".into(), &self.weight), ("bias".into(), &self.bias)]
    }
}

/// Weight and bias of a layer that starts uniformly by its `fan_in`.
fn start(shape: &[usize], outputs: usize, fan_in: usize, stream: &Stream, dtype: DType) -> [Param; 2] {
    let param = |shape: &[usize], name| init::uniform_by_fan_in(shape, fan_in, &stream.child(name), dtype);
    [param(shape, "weight"), param(&[outputs], "bias")]
}
