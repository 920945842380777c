//! Mixed precision: parameters are cast to a narrower type for computation (Micikevicius et al., 2018, arXiv
//! 1710.03740).

use std::cell::RefCell;
use std::collections::HashMap;

use tensor::{DType, Tensor};

use crate::{Param, Result, Tape, Var};

/// The computation type of parameters, and the cast parameters.
pub(super) struct MixedPrecision {
    dtype: DType,
    /// The cast value and its slot, by the parameter's identifier.
    cast: RefCell<HashMap<u64, (Tensor, Option<usize>)>>,
}

impl Tape {
    /// Enables mixed precision (Micikevicius et al., 2018): parameters are cast to `dtype`, such as a 16-bit type,
    /// while their gradients and the optimiser steps use the parameter's own type.
    ///
    /// Only parameters are cast. Inputs must have the computation type, for instance by [`Var::to_dtype`]; losses and
    /// the statistics of norms are in the accumulator type. Gradients below the range of `DType::F16` underflow to zero
    /// unless the loss is scaled.
    pub fn mixed(self, dtype: DType) -> Self {
        Self { mixed_precision: Some(MixedPrecision { dtype, cast: RefCell::default() }), ..self }
    }

    /// An empty tape with the precision of this one that records nothing, for the frozen parts of a model.
    pub fn frozen(&self) -> Self {
        let frozen = Self::without_gradients();
        match &self.mixed_precision {
            Some(mixed) => frozen.mixed(mixed.dtype),
            None => frozen,
        }
    }
}

impl MixedPrecision {
    /// The variable of a parameter, cast on first use by a differentiable operation.
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
