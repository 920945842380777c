//! The objective of a guided autoencoder.

use autograd::{Param, Tape};

use super::{Group, Objective, StepLosses};
use crate::{Example, Guided, Mode, Result};

/// The objective of a guided autoencoder: its model and the weighting of its losses.
pub struct GuidedObjective<'m> {
    model: &'m Guided,
    /// The trained parameters. Without reconstruction, they exclude the decoder, which keeps its initial values.
    params: Vec<(String, &'m Param)>,
    guidance: f64,
    reconstructs: bool,
}

impl<'m> GuidedObjective<'m> {
    /// The losses of [`Guided::losses`], where `guidance` is the weight of the probes.
    pub fn new(model: &'m Guided, guidance: f64) -> Self {
        Self { model, params: model.params(), guidance, reconstructs: true }
    }

    /// The losses of the probes alone; the decoder is not trained.
    pub fn supervised(model: &'m Guided) -> Self {
        let mut params = model.params();
        params.retain(|(name, _)| !name.starts_with("autoencoder.decoder."));
        Self { model, params, guidance: 1.0, reconstructs: false }
    }
}

impl Objective for GuidedObjective<'_> {
    fn groups(&self) -> Vec<Group<'_>> {
        vec![Group::single(&self.params)]
    }

    fn params(&self) -> Vec<(String, &Param)> {
        self.params.clone()
    }

    fn buffers(&self) -> Vec<(String, &Param)> {
        self.model.buffers()
    }

    /// The reported cross-entropy is that of the linear probe.
    fn losses<'t>(&self, tape: &'t Tape, example: &Example, mode: Mode) -> Result<StepLosses<'t>> {
        let losses = self.model.losses_of(tape, example, self.guidance, mode)?;
        let [mse, cross_entropy] =
            [&losses.mse, &losses.linear.cross_entropy].map(|loss| Some(loss.value().clone()));
        let total = if self.reconstructs { losses.total } else { losses.probes };
        Ok(StepLosses { mse, cross_entropy, ..StepLosses::single(total) })
    }
}
