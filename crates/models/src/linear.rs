//! The affine layer.

use autograd::{Param, Var};
use tensor::random::Stream;
use tensor::{DType, Tensor};

use crate::{Mode, Module, Result, init};

/// `y = x W^T + b` for each row of `x: [.., inputs]`, with `W: [outputs, inputs]` and `b: [outputs]`.
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

    /// A layer that starts with [`init::xavier_uniform`] and a bias of zero.
    pub fn xavier(inputs: usize, outputs: usize, stream: &Stream, dtype: DType) -> Self {
        let weight = init::xavier_uniform([outputs, inputs], &stream.child("weight"), dtype);
        Self::from_params(weight, Param::new(Tensor::zeros(&[outputs], dtype)))
    }

    /// A layer of these parameters.
    pub(crate) fn from_params(weight: Param, bias: Param) -> Self {
        Self { weight, bias }
    }
}

impl Module for Linear {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        let tape = x.tape();
        let (weight, bias) = (tape.param(&self.weight), tape.param(&self.bias));
        match x.shape() {
            [rows @ .., inputs] if rows.len() > 1 => {
                let y = x.reshape(&[rows.iter().product(), *inputs])?.linear(&weight, &bias)?;
                Ok(y.reshape(&[rows, &y.shape()[1..]].concat())?)
            }
            _ => Ok(x.linear(&weight, &bias)?),
        }
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![("weight".into(), &self.weight), ("bias".into(), &self.bias)]
    }
}

#[cfg(test)]
mod tests {
    use autograd::Tape;

    use super::*;

    #[test]
    fn tokens_are_mapped_as_their_rows_are() {
        let layer = Linear::new(3, 2, &Stream::new(1, "init"), DType::F64);
        let rows = Tensor::from_vec((0..24).map(f64::from).collect(), &[8, 3]).unwrap();
        let tape = Tape::new();
        let of = |x: &Tensor| layer.forward(&tape.constant(x), Mode::Evaluation).unwrap().value().clone();
        let (flat, tokens) = (of(&rows), of(&rows.reshape(&[2, 4, 3]).unwrap()));
        assert_eq!((tokens.shape(), tokens.to_f64_vec()), ([2, 4, 2].as_slice(), flat.to_f64_vec()));
        let number = tape.constant(&Tensor::full(1.0, &[], DType::F64));
        assert!(layer.forward(&number, Mode::Evaluation).is_err());
    }
}
