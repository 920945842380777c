//! The affine (fully connected) layer.

use autograd::ops::matmul::MatMul;
use autograd::{Param, Var};
use tensor::random::Stream;
use tensor::{DType, Tensor};

use crate::module::Next;
use crate::{Mode, Module, Result, init};

/// An affine layer `y = x W^T + b` for rows `x: [.., inputs]`, with `W: [outputs, inputs]` and an optional bias
/// `b: [outputs]`. A single row `[inputs]` gives `[outputs]`.
///
/// The weight has the layout of PyTorch, so that parameters can be exchanged without conversion.
pub struct Linear {
    weight: Param,
    bias: Option<Param>,
}

impl Linear {
    /// Creates a layer initialised by [`init::uniform_by_fan_in`], with random numbers from `stream`. A [`Stream`] is
    /// created from a seed and a purpose, as in `Stream::new(0, "init")`; each layer of a model gets a different child
    /// of it.
    pub fn new(inputs: usize, outputs: usize, stream: &Stream, dtype: DType) -> Self {
        let bias = init::uniform_by_fan_in(&[outputs], inputs, &stream.child("bias"), dtype);
        Self { bias: Some(bias), ..Self::without_bias(inputs, outputs, stream, dtype) }
    }

    /// Creates a layer without a bias.
    pub fn without_bias(inputs: usize, outputs: usize, stream: &Stream, dtype: DType) -> Self {
        let weight = init::uniform_by_fan_in(&[outputs, inputs], inputs, &stream.child("weight"), dtype);
        Self { weight, bias: None }
    }

    /// Creates a layer with weights initialised by [`init::xavier_uniform`] and a bias of zero.
    pub fn xavier(inputs: usize, outputs: usize, stream: &Stream, dtype: DType) -> Self {
        let weight = init::xavier_uniform([outputs, inputs], &stream.child("weight"), dtype);
        Self::from_params(weight, Param::new(Tensor::zeros(&[outputs], dtype)))
    }

    /// Creates a layer with these parameters.
    pub(crate) fn from_params(weight: Param, bias: Param) -> Self {
        Self { weight, bias: Some(bias) }
    }

    /// Applies the layer to rows, `[n, inputs]` to `[n, outputs]`, followed by a ReLU if `has_relu` (only with a bias).
    fn of_rows<'t>(&self, x: &Var<'t>, has_relu: bool) -> Result<Var<'t>> {
        let tape = x.tape();
        let weight = tape.param(&self.weight)?;
        Ok(match (&self.bias, has_relu) {
            (Some(bias), true) => x.linear_relu(&weight, &tape.param(bias)?)?,
            (Some(bias), false) => x.linear(&weight, &tape.param(bias)?)?,
            (None, _) => {
                let [y] = tape.apply(MatMul { transpose_a: false, transpose_b: true }, [x, &weight])?;
                y
            }
        })
    }
}

impl Module for Linear {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        Ok(self.forward_fused(x, Next::default(), mode)?.0)
    }

    fn forward_fused<'t>(&self, x: &Var<'t>, next: Next<'_>, _: Mode) -> Result<(Var<'t>, usize)> {
        let has_relu = self.bias.is_some() && next.is_relu(0);
        let y = match x.shape() {
            [rows @ .., inputs] if rows.len() != 1 => {
                let y = self.of_rows(&x.reshape(&[rows.iter().product(), *inputs])?, has_relu)?;
                y.reshape(&[rows, &y.shape()[1..]].concat())?
            }
            _ => self.of_rows(x, has_relu)?,
        };
        Ok((y, usize::from(has_relu)))
    }

    fn params(&self) -> Vec<(String, &Param)> {
        weight_and_bias(&self.weight, &self.bias)
    }
}

/// The named parameters of a layer with an optional bias.
pub(crate) fn weight_and_bias<'a>(weight: &'a Param, bias: &'a Option<Param>) -> Vec<(String, &'a Param)> {
    let bias = bias.iter().map(|bias| ("bias".to_owned(), bias));
    std::iter::once(("weight".to_owned(), weight)).chain(bias).collect()
}

#[cfg(test)]
mod tests {
    use autograd::Tape;

    use super::*;
    use crate::{Conv2d, ConvTranspose2d};

    /// Checks two layers with the same weight: their outputs must differ by the bias of each channel.
    fn differ_by_the_bias(with: &dyn Module, without: &dyn Module, x: &Tensor) {
        assert_eq!(without.params().len(), 1);
        let bias = with.params()[1].1.value().to_f64_vec();
        let [with, without] = [with, without].map(|layer| layer.output(x).unwrap());
        let plane: usize = with.shape()[2..].iter().product();
        for (place, (with, without)) in with.to_f64_vec().iter().zip(without.to_f64_vec()).enumerate() {
            let bias = bias[place / plane % bias.len()];
            assert!((with - without - bias).abs() < 1e-14, "{place}: {with} {without} {bias}");
        }
    }

    #[test]
    fn a_layer_without_a_bias_is_the_layer_minus_its_bias() {
        let (stream, dtype) = (Stream::new(3, "init"), DType::F64);
        let filled = |shape: &[usize]| init::uniform_by_fan_in(shape, 1, &Stream::new(4, "x"), dtype).value();
        let x = filled(&[2, 5]);
        differ_by_the_bias(
            &Linear::new(5, 3, &stream, dtype),
            &Linear::without_bias(5, 3, &stream, dtype),
            &x,
        );
        let x = filled(&[2, 2, 4, 4]);
        differ_by_the_bias(
            &Conv2d::new([2, 3], 3, 2, 1, &stream, dtype),
            &Conv2d::without_bias([2, 3], 3, 2, 1, &stream, dtype),
            &x,
        );
        differ_by_the_bias(
            &ConvTranspose2d::new([2, 3], [2, 1, 1], &stream, dtype),
            &ConvTranspose2d::without_bias([2, 3], 3, [2, 1, 1], &stream, dtype),
            &x,
        );
    }

    #[test]
    fn tokens_are_mapped_like_the_rows_of_a_matrix() {
        let layer = Linear::new(3, 2, &Stream::new(1, "init"), DType::F64);
        let rows = Tensor::from_vec((0..24).map(f64::from).collect(), &[8, 3]).unwrap();
        let tape = Tape::new();
        let of = |x: &Tensor| layer.forward(&tape.constant(x), Mode::Evaluation).unwrap().value().clone();
        let (flat, tokens) = (of(&rows), of(&rows.reshape(&[2, 4, 3]).unwrap()));
        assert_eq!((tokens.shape(), tokens.to_f64_vec()), ([2, 4, 2].as_slice(), flat.to_f64_vec()));
        let one = Tensor::from_vec(rows.to_f64_vec()[3..6].to_vec(), &[3]).unwrap();
        assert_eq!(
            (of(&one).shape(), of(&one).to_f64_vec()),
            ([2].as_slice(), flat.to_f64_vec()[2..4].to_vec())
        );
        let number = tape.constant(&Tensor::full(1.0, &[], DType::F64));
        assert!(layer.forward(&number, Mode::Evaluation).is_err());
    }
}
