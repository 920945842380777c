//! Mixed precision: parameters take part in a narrower type than their own (Micikevicius et al., 2018, arXiv 1710.03740).

use std::cell::RefCell;
use std::collections::HashMap;

use tensor::{DType, Tensor};

use crate::{Param, Result, Tape, Var};

/// The type in which parameters take part, and those that were cast to it.
pub(super) struct MixedPrecision {
    dtype: DType,
    /// By the identity of a parameter: the value after the cast, and its slot.
    cast: RefCell<HashMap<u64, (Tensor, Option<usize>)>>,
}

impl Tape {
    /// The same tape in mixed precision: parameters take part in `dtype`, such as one of 16 bits, and their gradients
    /// arrive in the parameter's own type, as do the steps of an optimiser (Micikevicius et al., 2018).
    ///
    /// Only parameters are cast. Inputs are given in the type in which the model is to compute, for instance by
    /// [`Var::to_dtype`]; losses and the statistics of norms are in the accumulator type, as always. Gradients of
    /// `DType::F16` that are too small for it become zero, unless the loss is scaled up.
    pub fn mixed(self, dtype: DType) -> Self {
        Self { mixed_precision: Some(MixedPrecision { dtype, cast: RefCell::default() }), ..self }
    }

    /// An empty tape in the precision of this one that records nothing: for a part of a model that is not trained.
    pub fn frozen(&self) -> Self {
        let frozen = Self::without_gradients();
        match &self.mixed_precision {
            Some(mixed) => frozen.mixed(mixed.dtype),
            None => frozen,
        }
    }
}

impl MixedPrecision {
    /// A parameter, cast when it is first asked for by an operation whose derivative casts back.
    pub(super) fn param<'t>(&self, tape: &'t Tape, param: &Param) -> Result<Var<'t>> {
        let known = self.cast.borrow().get(&param.id()).cloned();
        if let Some((value, slot)) = known {
            return Ok(Var { tape, value, slot });
        }
        let var = tape.uncast_param(param).to_dtype(self.dtype)?;
        self.cast.borrow_mut().insert(param.id(), (var.value.clone(), var.slot));
        Ok(var)
    }
}
