//! A CRE that receives its own reconstruction error as input (an extension of `book/cre.md`).

use models::{Architecture, recurrent};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::learner::{Learner, and_lambda, given, weighted};
use crate::training::with_batches::WithBatches;
use crate::training::{Setup, Training};

/// A recurrent CRE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recurrent {
    /// The network.
    pub network: recurrent::Config<Option<f64>>,
}

impl Learner for Recurrent {
    fn label(&self) -> String {
        format!("recurrent, {} steps{}", self.network.steps, and_lambda(self.network.lambda))
    }

    fn lambda(&self) -> Option<f64> {
        self.network.lambda
    }

    fn set_lambda(&mut self, lambda: f64) {
        self.network.lambda = Some(lambda);
    }

    fn architecture(&self) -> Option<Architecture> {
        Some(Architecture::Fc(self.network.model))
    }

    fn loss(&self, mse: Option<f64>, cross_entropy: Option<f64>) -> Option<f64> {
        weighted(self.network.lambda, mse, cross_entropy)
    }

    fn optimiser_key(&self) -> &'static str {
        "learner.network.optimiser"
    }

    fn trains_together(&self) -> bool {
        true
    }

    fn train(&self, setup: &Setup<'_>, work: &mut dyn FnMut(&mut dyn Training)) -> Result<()> {
        let network = self.network.clone().with_lambda(given(self.network.lambda)?);
        let trainer = recurrent::Recurrent::trainer(&network, &setup.init())?;
        work(&mut WithBatches::new(trainer, setup, None)?);
        Ok(())
    }
}
