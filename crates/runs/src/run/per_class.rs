//! Evaluates the stored parameters of a finished run on images, overall and per class.

use std::collections::HashMap;

use data::Split;
use models::Evaluation;
use ndarray::Axis;
use tensor::{Device, Tensor};

use super::Run;
use super::keep::{self, Keep};
use crate::images::Images;
use crate::names::{PARAMETERS, parameter};
use crate::store::{FinishedRun, Outcome};
use crate::training::Training;
use crate::{Error, Result};

/// The metrics of a run on a split, overall and per class.
#[derive(Debug, Clone)]
pub struct PerClassEvaluation {
    /// The metrics over all images.
    pub whole: Evaluation,
    /// The metrics over the images of each class; `None` for a class without images.
    pub classes: Vec<Option<Evaluation>>,
}

impl Run {
    /// Whether the run finished without storing the parameters that are to be kept.
    pub fn lacks_parameters(&self, finished: &FinishedRun, keep: Keep) -> bool {
        let mut names = finished.finals.keys().filter_map(|name| name.strip_prefix(PARAMETERS));
        let kept = match keep {
            Keep::WhatIsReread => true,
            Keep::Encoder => names.next().is_some(),
            Keep::EveryParameter => names.any(|name| !keep::is_of_encoder(name)),
        };
        self.config.learner.learns() && finished.outcome == Outcome::Finished && !kept
    }

    /// Evaluates the stored parameters on `split`, on the CPU. `images` are those that the run was trained on, or any of the
    /// same shape and classes where [`reads_training_images`](crate::learner::Learner::reads_training_images) is false.
    ///
    /// On the test images of a run computed on the CPU, the metrics are bit-identical to the stored ones.
    ///
    /// # Errors
    /// If nothing was trained, a parameter is not stored or does not fit, or the images do not fit the model.
    pub fn evaluate_per_class(
        &self,
        finished: &FinishedRun,
        images: &Images,
        split: &Split,
    ) -> Result<PerClassEvaluation> {
        self.config.check_parameters(images)?;
        let evaluated = self.learn(images, None, &Device::Cpu, false, |training| {
            load(training, finished)?;
            let of_class = |class| match only(split, class)? {
                Some(of_class) => training.evaluate(&of_class).map(Some),
                None => Ok(None),
            };
            let classes = (0..split.n_classes()).map(of_class).collect::<Result<_>>()?;
            Ok(PerClassEvaluation { whole: training.evaluate(split)?, classes })
        });
        evaluated.map_err(Error::from)
    }
}

/// Loads the stored parameters of a run; the optimiser state stays initial.
fn load(training: &mut dyn Training, finished: &FinishedRun) -> Result<()> {
    let kept = |name: &str| finished.finals.get(&parameter(name))?.to_tensor();
    if let Some((name, _)) = training.params_and_buffers().iter().find(|(name, _)| kept(name).is_none()) {
        let key = finished.spec.folder_name();
        return Err(Error::Missing(format!(
            "parameter `{name}` of run {key}, which was not stored; runs of `agon train` store their \
             parameters"
        )));
    }
    let fresh: HashMap<String, Tensor> = training.trainer().state().into_iter().collect();
    Ok(training.trainer_mut().load(&|name| kept(name).or_else(|| fresh.get(name).cloned()))?)
}

/// The images of one class; `None` if there are none.
fn only(split: &Split, class: usize) -> Result<Option<Split>> {
    let labels = split.labels().iter().enumerate();
    let rows: Vec<usize> =
        labels.filter(|&(_, &label)| usize::from(label) == class).map(|(row, _)| row).collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let labels = rows.iter().map(|&row| split.labels()[row]).collect();
    Ok(Some(Split::new(split.images().select(Axis(0), &rows), labels, split.n_classes())?))
}
