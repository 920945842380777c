//! What every optimiser can do.

use autograd::{Gradients, Param};
use tensor::Tensor;

use crate::{Adam, Phase, Result, Sgd};

/// An optimiser for a fixed list of parameters, which is handed to each of these functions.
pub trait Optimiser {
    /// Moves the parameters against the gradients, as [`Adam::step`] and [`Sgd::step`], in this phase of a
    /// schedule.
    ///
    /// # Errors
    /// If a parameter has no gradient.
    fn descend(&mut self, params: &[(String, &Param)], gradients: &Gradients, phase: Phase) -> Result<()>;

    /// What has to be stored to go on later, named after the parameters.
    fn state(&self, params: &[(String, &Param)]) -> Vec<(String, Tensor)>;

    /// Takes over what [`Optimiser::state`] gave.
    ///
    /// # Errors
    /// [`Error::State`](crate::Error::State) if a tensor is missing or does not fit; then nothing has changed.
    fn load(&mut self, params: &[(String, &Param)], stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()>;
}

impl Optimiser for Adam {
    fn descend(&mut self, params: &[(String, &Param)], gradients: &Gradients, phase: Phase) -> Result<()> {
        self.set_phase(phase);
        self.step(params, gradients)
    }

    fn state(&self, params: &[(String, &Param)]) -> Vec<(String, Tensor)> {
        self.state(params)
    }

    fn load(&mut self, params: &[(String, &Param)], stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()> {
        self.load(params, stored)
    }
}

impl Optimiser for Sgd {
    fn descend(&mut self, params: &[(String, &Param)], gradients: &Gradients, phase: Phase) -> Result<()> {
        self.step(params, gradients, phase)
    }

    fn state(&self, params: &[(String, &Param)]) -> Vec<(String, Tensor)> {
        self.state(params)
    }

    fn load(&mut self, params: &[(String, &Param)], stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()> {
        self.load(params, stored)
    }
}
