//! The fully connected CRE as a predictive coding network (an extension of `book/cre.md`).

use models::{Architecture, predictive_coding};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::learner::{Learner, and_lambda, given};
use crate::training::with_batches::WithBatches;
use crate::training::{Setup, Training};

/// A predictive coding network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictiveCoding {
    /// The network.
    pub network: predictive_coding::Config<Option<f64>>,
}

impl Learner for PredictiveCoding {
    fn label(&self) -> String {
        "predictive coding".to_owned() + &and_lambda(self.network.lambda)
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

    fn optimiser_key(&self) -> &'static str {
        "learner.network.optimiser"
    }

    fn trains_together(&self) -> bool {
        true
    }

    fn train(&self, setup: &Setup<'_>, work: &mut dyn FnMut(&mut dyn Training)) -> Result<()> {
        let network = self.network.clone().with_lambda(given(self.network.lambda)?);
        let trainer = predictive_coding::PredictiveCoding::trainer(&network, &setup.init())?;
        work(&mut WithBatches::new(trainer, setup, None)?);
        Ok(())
    }
}
