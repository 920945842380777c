//! The objective of a classifier.

use autograd::{Param, Tape};
use tensor::{Indices, Tensor};

use super::{Evaluate, Group, Metrics, Objective, StepLosses, mean_cross_entropy};
use crate::{Error, Example, Mode, Module, Representation, Result, Sequential};

/// The objective of a classifier: its model and its loss.
pub struct ClassifierObjective<'m> {
    model: &'m Sequential,
    params: Vec<(String, &'m Param)>,
    squared_labels: bool,
}

impl<'m> ClassifierObjective<'m> {
    /// Creates an objective with the cross-entropy, or with the squared error to one-hot labels if `squared_labels`.
    pub fn new(model: &'m Sequential, squared_labels: bool) -> Self {
        Self { model, params: model.params(), squared_labels }
    }
}

impl Objective for ClassifierObjective<'_> {
    fn groups(&self) -> Vec<Group<'_>> {
        vec![Group::single(&self.params)]
    }

    fn params(&self) -> Vec<(String, &Param)> {
        self.params.clone()
    }

    fn buffers(&self) -> Vec<(String, &Param)> {
        self.model.buffers()
    }

    /// Both kinds of loss are reported as the cross-entropy.
    fn losses<'t>(&self, tape: &'t Tape, example: &Example, mode: Mode) -> Result<StepLosses<'t>> {
        let scores = self.model.forward(&tape.constant(&example.images), mode)?;
        let loss = match self.squared_labels {
            false => scores.softmax_cross_entropy(&example.labels)?,
            true => scores.one_hot_mse(&example.labels)?,
        };
        Ok(StepLosses { cross_entropy: Some(loss.value().clone()), ..StepLosses::single(loss) })
    }
}

impl Evaluate for ClassifierObjective<'_> {
    fn measure(&self, images: &Tensor, labels: &Indices, _: Mode) -> Result<Metrics> {
        let scores = self.model.output(images)?;
        Ok(Metrics::of_means(f64::NAN, mean_cross_entropy(&scores, labels)?, &scores, labels))
    }

    /// # Errors
    /// Always: a classifier has no latent.
    fn represent(&self, _: &Tensor) -> Result<Representation> {
        let (expected, got) = ("a learner with a latent", "a classifier".into());
        Err(Error::Setting { setting: "representation", expected, got })
    }
}
