//! Layers that add or remove the class token, and the mean over tokens.

use autograd::{Param, Var};
use tensor::DType;
use tensor::random::Stream;

use crate::{Mode, Module, Result, init};

/// Prepends a learned class token to the tokens of each example: `[n, t, d]` to `[n, 1 + t, d]`.
pub struct ClassToken {
    token: Param,
}

impl ClassToken {
    /// Creates a layer with a class token of `d` features, initialised by [`init::normal`].
    pub fn new(d: usize, stream: &Stream, dtype: DType) -> Self {
        Self { token: init::token(d, stream, dtype) }
    }
}

impl Module for ClassToken {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        Ok(Var::concat(&[&for_each_example(&self.token, x)?, x], 1)?)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![("token".into(), &self.token)]
    }
}

/// Repeats a learned token `[d]` for each example of `x`: `[n, 1, d]`.
pub(crate) fn for_each_example<'t>(token: &Param, x: &Var<'t>) -> Result<Var<'t>> {
    let n = x.shape().first().copied().unwrap_or(0);
    Ok(x.tape().param(token)?.broadcast_to(&[n, 1, token.len()])?)
}

/// Removes the class token: `[n, 1 + t, d]` to `[n, t, d]`.
#[derive(Debug, Clone, Copy)]
pub struct WithoutClassToken;

impl Module for WithoutClassToken {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        Ok(x.slice(1, 1, x.shape().get(1).copied().unwrap_or(0))?)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![]
    }
}

/// The mean over the tokens of each example: `[n, t, d]` to `[n, d]`.
#[derive(Debug, Clone, Copy)]
pub struct TokenMean;

impl Module for TokenMean {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        Ok(x.mean_axes(&[1], false)?)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![]
    }
}

#[cfg(test)]
mod tests {
    use autograd::Tape;
    use tensor::Tensor;

    use super::*;

    #[test]
    fn the_class_token_comes_first_and_the_mean_leaves_it_out() {
        let layer = ClassToken::new(2, &Stream::new(1, "init"), DType::F64);
        let token = layer.token.value().to_f64_vec();
        let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], &[1, 2, 2]).unwrap();
        let tape = Tape::new();
        let tokens = layer.forward(&tape.constant(&x), Mode::Evaluation).unwrap();
        assert_eq!(tokens.shape(), [1, 3, 2]);
        assert_eq!(tokens.value().to_f64_vec(), [token[0], token[1], 1.0, 2.0, 3.0, 4.0]);
        let rest = WithoutClassToken.forward(&tokens, Mode::Evaluation).unwrap();
        let mean = TokenMean.forward(&rest, Mode::Evaluation).unwrap();
        assert_eq!((mean.shape(), mean.value().to_f64_vec()), ([1, 2].as_slice(), vec![2.0, 3.0]));
    }

    #[test]
    fn an_input_that_is_not_a_token_sequence_is_an_error() {
        let tape = Tape::new();
        let layer = ClassToken::new(2, &Stream::new(1, "init"), DType::F64);
        for shape in [[].as_slice(), &[2], &[2, 2], &[1, 2, 3]] {
            let x = tape.constant(&Tensor::zeros(shape, DType::F64));
            assert!(layer.forward(&x, Mode::Evaluation).is_err(), "{shape:?}");
        }
        let number = tape.constant(&Tensor::zeros(&[], DType::F64));
        assert!(WithoutClassToken.forward(&number, Mode::Evaluation).is_err());
    }
}
