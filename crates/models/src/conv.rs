//! Convolution layers.

use autograd::ops::conv_transpose2d::Transposed;
use autograd::ops::conv2d::Geometry;
use autograd::{Param, Var};
use tensor::DType;
use tensor::random::Stream;

use crate::linear::weight_and_bias;
use crate::module::Next;
use crate::{Mode, Module, Result, init};

/// A convolution with a square kernel: `[n, inputs, h, w]` to `[n, outputs, h', w']`.
pub struct Conv2d {
    weight: Param,
    bias: Option<Param>,
    geometry: Geometry,
}

impl Conv2d {
    /// A layer initialised by [`init::uniform_by_fan_in`], with `channels = [inputs, outputs]`.
    pub fn new(
        channels: [usize; 2],
        kernel: usize,
        stride: usize,
        padding: usize,
        stream: &Stream,
        dtype: DType,
    ) -> Self {
        let [inputs, outputs] = channels;
        let bias = start(&[outputs], inputs * kernel * kernel, "bias", stream, dtype);
        Self { bias: Some(bias), ..Self::without_bias(channels, kernel, stride, padding, stream, dtype) }
    }

    /// A layer without a bias.
    pub fn without_bias(
        channels: [usize; 2],
        kernel: usize,
        stride: usize,
        padding: usize,
        stream: &Stream,
        dtype: DType,
    ) -> Self {
        let [inputs, outputs] = channels;
        let shape = [outputs, inputs, kernel, kernel];
        let weight = start(&shape, inputs * kernel * kernel, "weight", stream, dtype);
        Self { weight, bias: None, geometry: Geometry::square(stride, padding) }
    }
}

impl Module for Conv2d {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        Ok(self.forward_fused(x, Next::default(), mode)?.0)
    }

    fn forward_fused<'t>(&self, x: &Var<'t>, next: Next<'_>, _: Mode) -> Result<(Var<'t>, usize)> {
        let tape = x.tape();
        let weight = tape.param(&self.weight)?;
        Ok(match &self.bias {
            Some(bias) if next.is_relu() => (x.conv2d_relu(&weight, &tape.param(bias)?, self.geometry)?, 1),
            Some(bias) => (x.conv2d(&weight, &tape.param(bias)?, self.geometry)?, 0),
            None => (x.conv2d_no_bias(&weight, self.geometry)?, 0),
        })
    }

    fn params(&self) -> Vec<(String, &Param)> {
        weight_and_bias(&self.weight, &self.bias)
    }
}

/// A transposed convolution with a square kernel.
pub struct ConvTranspose2d {
    weight: Param,
    bias: Option<Param>,
    attributes: Transposed,
}

impl ConvTranspose2d {
    /// A layer with `channels = [inputs, outputs]`, a kernel of 3 and `[stride, padding, output padding]`.
    ///
    /// It is initialised like in PyTorch, which computes `fan_in` from the **outputs** (`book/cre.md`, section 3.6).
    pub fn new(channels: [usize; 2], attributes: [usize; 3], stream: &Stream, dtype: DType) -> Self {
        const KERNEL: usize = 3;
        let outputs = channels[1];
        let bias = start(&[outputs], outputs * KERNEL * KERNEL, "bias", stream, dtype);
        Self { bias: Some(bias), ..Self::without_bias(channels, KERNEL, attributes, stream, dtype) }
    }

    /// A layer without a bias, with any kernel.
    pub fn without_bias(
        channels: [usize; 2],
        kernel: usize,
        attributes: [usize; 3],
        stream: &Stream,
        dtype: DType,
    ) -> Self {
        let ([inputs, outputs], [stride, padding, output_padding]) = (channels, attributes);
        let shape = [inputs, outputs, kernel, kernel];
        let weight = start(&shape, outputs * kernel * kernel, "weight", stream, dtype);
        Self { weight, bias: None, attributes: Transposed::square(stride, padding, output_padding) }
    }
}

impl Module for ConvTranspose2d {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        Ok(self.forward_fused(x, Next::default(), mode)?.0)
    }

    fn forward_fused<'t>(&self, x: &Var<'t>, next: Next<'_>, _: Mode) -> Result<(Var<'t>, usize)> {
        let tape = x.tape();
        let weight = tape.param(&self.weight)?;
        Ok(match &self.bias {
            Some(bias) if next.is_relu() => {
                (x.conv_transpose2d_relu(&weight, &tape.param(bias)?, self.attributes)?, 1)
            }
            Some(bias) => (x.conv_transpose2d(&weight, &tape.param(bias)?, self.attributes)?, 0),
            None => (x.conv_transpose2d_no_bias(&weight, self.attributes)?, 0),
        })
    }

    fn params(&self) -> Vec<(String, &Param)> {
        weight_and_bias(&self.weight, &self.bias)
    }
}

/// A parameter initialised uniformly by its `fan_in`, from the substream with its name.
fn start(shape: &[usize], fan_in: usize, name: &str, stream: &Stream, dtype: DType) -> Param {
    init::uniform_by_fan_in(shape, fan_in, &stream.child(name), dtype)
}
