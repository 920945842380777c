//! The gradients computed by a backward pass.

use std::collections::{BTreeMap, HashMap};

use tensor::{DType, Tensor};

use crate::ops::add::sum;
use crate::ops::cast::cast;
use crate::ops::mse::Mse;
use crate::ops::scale::scaled;
use crate::{Error, Param, Result, Var};

/// The gradients of a loss.
#[derive(Debug)]
pub struct Gradients {
    /// Ordered by slot, so that iteration has a fixed order.
    pub(crate) by_slot: BTreeMap<usize, Tensor>,
    /// The slot of each parameter.
    params: HashMap<u64, usize>,
}

impl Gradients {
    pub(crate) fn new(by_slot: BTreeMap<usize, Tensor>, params: HashMap<u64, usize>) -> Self {
        Self { by_slot, params }
    }

    /// The gradient with respect to an input, or to a value passed to [`Tape::keep`](crate::Tape::keep), with its
    /// shape.
    ///
    /// # Errors
    /// [`Error::NoGradient`] if the value is a constant or was not kept, or if the loss does not depend on it.
    pub fn of(&self, var: &Var<'_>) -> Result<&Tensor> {
        let Some(slot) = var.slot else {
            return Err(Error::NoGradient { why: "the value is a constant; record it with `Tape::input`" });
        };
        self.by_slot.get(&slot).ok_or(Error::NoGradient {
            why: "the loss does not depend on the value, or it was not passed to `Tape::keep`",
        })
    }

    /// The gradient with respect to a parameter.
    ///
    /// # Errors
    /// [`Error::NoGradient`] if the loss does not depend on it.
    pub fn param(&self, param: &Param) -> Result<&Tensor> {
        Ok(&self.by_slot[&self.slot(param)?])
    }

    /// The slot of a parameter that has a gradient.
    pub(crate) fn slot(&self, param: &Param) -> Result<usize> {
        let slot = self.params.get(&param.id()).filter(|slot| self.by_slot.contains_key(slot));
        slot.copied().ok_or(Error::NoGradient { why: "the loss does not depend on the parameter" })
    }

    /// A copy with other gradients of the same parameters.
    pub(crate) fn with(&self, by_slot: BTreeMap<usize, Tensor>) -> Self {
        Self { by_slot, params: self.params.clone() }
    }

    /// The gradients scaled by `factor`, computed in the accumulator type.
    pub fn times(self, factor: f64) -> Result<Self> {
        let times = |(slot, gradient): (usize, Tensor)| {
            Ok((slot, scaled(&cast(&gradient, gradient.dtype().accumulator())?, factor)?))
        };
        let by_slot = self.by_slot.into_iter().map(times).collect::<Result<_>>()?;
        Ok(Self { by_slot, ..self })
    }

    /// Whether all gradients are finite. On a GPU this waits for all submitted work.
    pub fn are_finite(&self) -> Result<bool> {
        let mut all: Option<Tensor> = None;
        for gradient in self.by_slot.values().filter(|gradient| !gradient.is_empty()) {
            // The mean of `(x - x)^2` is 0 if all values are finite and NaN otherwise.
            let [zero] = tensor::run(&Mse, [gradient, gradient])?;
            let zero = cast(&zero, DType::F32)?;
            all = Some(match &all {
                Some(all) => sum(all, &zero)?,
                None => zero,
            });
        }
        match all {
            Some(all) => Ok(all.item()?.is_finite()),
            None => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tape;

    /// The gradients of `sum(weight x)` with respect to `x`.
    fn gradients(weight: &[f64], dtype: DType) -> (Gradients, Tensor) {
        let weight = Tensor::from_slice(weight, &[weight.len()]).unwrap().to_dtype(dtype);
        let tape = Tape::new();
        let x = tape.input(&weight.zeros_like().unwrap());
        let gradients = tape.backward_from(&x, weight).unwrap();
        let of_x = gradients.of(&x).unwrap().clone();
        (gradients, of_x)
    }

    #[test]
    fn a_non_finite_value_is_found_anywhere() {
        for dtype in DType::ALL {
            assert!(gradients(&[0.0, -1e4, 1e-7], dtype).0.are_finite().unwrap());
            assert!(gradients(&[], dtype).0.are_finite().unwrap());
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                for place in 0..3 {
                    let mut weight = [1.0; 3];
                    weight[place] = bad;
                    assert!(!gradients(&weight, dtype).0.are_finite().unwrap(), "{bad} in {dtype}");
                }
            }
        }
    }

    #[test]
    fn small_gradients_of_16_bits_survive_a_division() {
        let (gradients, of_x) = gradients(&[2f64.powi(-20)], DType::F16);
        let divided = gradients.times(2f64.powi(-16)).unwrap();
        let divided = divided.by_slot.values().next().unwrap();
        assert_eq!((divided.dtype(), divided.item()), (DType::F32, Ok(2f64.powi(-36))));
        assert_eq!(of_x.item(), Ok(2f64.powi(-20)));
    }
}
