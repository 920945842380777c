//! Gradient clipping by norm.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::{Error, Gradients, Param, Result, Tape, Var};

impl Gradients {
    /// The valid norms for clipping: positive values in the range of `f32`, the type in which a GPU computes.
    pub const CLIP_NORMS: RangeInclusive<f64> = f32::MIN_POSITIVE as f64..=f32::MAX as f64;

    /// The gradients of these parameters, multiplied by `max_norm / norm` if their joint Euclidean norm is larger than
    /// `max_norm` (Pascanu, Mikolov and Bengio, 2013, arXiv 1211.5063).
    ///
    /// No value is copied from a GPU to the CPU, so a recorded step may clip.
    ///
    /// # Errors
    /// [`Error::NoGradient`](crate::Error::NoGradient) if the loss does not depend on one of the parameters;
    /// [`Error::Op`](crate::Error::Op) unless the norm is in [`Gradients::CLIP_NORMS`]; or if the element types differ.
    pub fn clipped(&self, params: &[(String, &Param)], max_norm: f64) -> Result<Self> {
        if !Self::CLIP_NORMS.contains(&max_norm) {
            let message = format!("expected a norm above 0 in the range of f32, got {max_norm}");
            return Err(Error::Op { op: "clipped", message });
        }
        let slots = params.iter().map(|(_, param)| self.slot(param)).collect::<Result<BTreeSet<usize>>>()?;
        let tape = Tape::without_gradients();
        let wide = |slot: usize| -> Result<Var<'_>> {
            let gradient = &self.by_slot[&slot];
            tape.constant(gradient).to_dtype(gradient.dtype().accumulator())
        };
        let mut squares: Option<Var<'_>> = None;
        for &slot in &slots {
            let gradient = wide(slot)?;
            let own = gradient.mul(&gradient)?.sum()?;
            squares = Some(match squares {
                Some(others) => others.add(&own)?,
                None => own,
            });
        }
        let Some(squares) = squares else { return Ok(self.with(Default::default())) };
        let limit = tape.constant(&squares.value().scalar_like(max_norm, squares.value().dtype())?);
        let factor = limit.div(&squares.sqrt()?.maximum(&limit)?)?;
        let clip = |slot| {
            let gradient = wide(slot)?.mul(&factor)?.to_dtype(self.by_slot[&slot].dtype())?;
            Ok((slot, gradient.value().clone()))
        };
        Ok(self.with(slots.into_iter().map(clip).collect::<Result<_>>()?))
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::*;

    /// The gradients of two parameters, clipped at `max_norm`; each gradient is the parameter's weight in the loss.
    fn clipped(max_norm: f64, dtype: DType) -> [Vec<f64>; 2] {
        let param = |shape: &[usize]| Param::new(Tensor::zeros(shape, dtype));
        let (x, y) = (param(&[2]), param(&[1, 2]));
        let params = [("x".to_owned(), &x), ("y".to_owned(), &y), ("tied".to_owned(), &x)];
        let tape = Tape::new();
        let weighted = |param, weight: [f64; 2], shape: &[usize]| {
            let weight = Tensor::from_slice(&weight, shape).unwrap().to_dtype(dtype);
            tape.param(param).unwrap().mul(&tape.constant(&weight)).unwrap().sum().unwrap()
        };
        let loss = weighted(&x, [2.0, -4.0], &[2]).add(&weighted(&y, [1.0, 2.0], &[1, 2])).unwrap();
        let gradients = tape.backward(&loss).unwrap().clipped(&params, max_norm).unwrap();
        [&x, &y].map(|param| {
            let gradient = gradients.param(param).unwrap();
            assert_eq!((gradient.dtype(), gradient.shape()), (dtype, param.value().shape()));
            gradient.to_f64_vec()
        })
    }

    #[test]
    fn gradients_of_a_larger_norm_are_scaled_to_the_limit() {
        for dtype in DType::ALL {
            // The norm is 5; a tied parameter counts once.
            assert_eq!(clipped(5.0, dtype), [vec![2.0, -4.0], vec![1.0, 2.0]], "{dtype}");
            let [x, y] = clipped(1.0, dtype);
            for (got, expected) in [x, y].concat().into_iter().zip([0.4, -0.8, 0.2, 0.4]) {
                // Allows for the rounding of a quotient, a product and the result.
                assert!((got - expected).abs() <= 4.0 * dtype.epsilon() * expected.abs(), "{dtype}: {got}");
            }
        }
    }

    #[test]
    fn a_parameter_without_a_gradient_is_an_error() {
        let param = Param::new(Tensor::full(1.0, &[], DType::F32));
        let tape = Tape::new();
        let x = tape.input(&param.value());
        let gradients = tape.backward(&x).unwrap();
        let refused = gradients.clipped(&[("p".into(), &param)], 1.0);
        assert!(matches!(refused, Err(Error::NoGradient { .. })));
        for norm in [0.0, -1.0, 1e-50, 1e39, f64::INFINITY, f64::NAN] {
            assert!(matches!(gradients.clipped(&[], norm), Err(Error::Op { .. })), "{norm}");
        }
    }
}
