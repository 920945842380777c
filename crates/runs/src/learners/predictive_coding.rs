//! The fully connected CRE as a predictive coding network (an extension of `book/cre.md`).

use models::Architecture;
use models::predictive_coding;
use serde::{Deserialize, Serialize};
use tensor::random::Stream;

use crate::Result;
use crate::learner::{Learner, built_for};
use crate::training::with_batches::WithBatches;
use crate::training::{Setup, Training};

/// A predictive coding network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictiveCoding {
    /// The network.
    pub network: predictive_coding::Config,
}

impl Learner for PredictiveCoding {
    fn label(&self) -> String {
        format!("predictive coding, λ = {}", self.network.lambda)
    }

    fn lambda(&self) -> Option<f64> {
        Some(self.network.lambda)
    }

    fn set_lambda(&mut self, lambda: f64) {
        self.network.lambda = lambda;
    }

    fn takes(&self, image: [usize; 3], n_classes: usize) -> std::result::Result<(), String> {
        built_for(Architecture::Fc(self.network.model), image, n_classes)
    }

    fn architecture(&self) -> Option<Architecture> {
        Some(Architecture::Fc(self.network.model))
    }

    fn optimiser_key(&self) -> &'static str {
        "learner.network.optimiser"
    }

    fn train(&self, setup: &Setup<'_>, work: &mut dyn FnMut(&mut dyn Training)) -> Result<()> {
        let stream = Stream::new(setup.seed, "init");
        let trainer = predictive_coding::PredictiveCoding::trainer(&self.network, &stream)?;
        work(&mut WithBatches::new(trainer, setup, None)?);
        Ok(())
    }
}
