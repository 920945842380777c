//! The affine layer.

use autograd::{Param, Var};
use tensor::DType;
use tensor::random::Stream;

use crate::{Activation, Mode, Module, Result, init};

/// `y = x W^T + b`, with `x: [n, inputs]`, `W: [outputs, inputs]` and `b: [outputs]`.
///
/// The weight is stored the way PyTorch stores it, so that parameters move over unchanged.
pub struct Linear {
    weight: Param,
    bias: Param,
}

impl Linear {
    /// A layer that starts by [`init::uniform_by_fan_in`].
    pub fn new(inputs: usize, outputs: usize, stream: &Stream, dtype: DType) -> Self {
        let param =
            |shape: &[usize], name| init::uniform_by_fan_in(shape, inputs, &stream.child(name), dtype);
        Self { weight: param(&[outputs, inputs], "weight"), bias: param(&[outputs], "bias") }
    }
}

impl Module for Linear {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        let tape = x.tape();
        Ok(x.linear(&tape.param(&self.weight), &tape.param(&self.bias))?)
    }

    fn forward_activated<'t>(&self, x: &Var<'t>, activation: Activation, mode: Mode) -> Result<Var<'t>> {
        let (weight, bias) = (x.tape().param(&self.weight), x.tape().param(&self.bias));
        match activation {
            Activation::Relu => Ok(x.linear_relu(&weight, &bias)?),
            other => other.forward(&self.forward(x, mode)?, mode),
        }
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![("weight".into(), &self.weight), ("bias".into(), &self.bias)]
    }
}
