//! What a finished run learned, judged on images: all together and class by class.

use std::collections::HashMap;

use data::Split;
use models::Evaluation;
use ndarray::Axis;
use tensor::{Device, Tensor};

use super::Run;
use crate::images::Images;
use crate::names::{PARAMETERS, parameter};
use crate::store::{FinishedRun, Outcome};
use crate::training::Training;
use crate::{Error, Result};

/// How a run does on a set of images.
#[derive(Debug, Clone)]
pub struct Judged {
    /// On all of them.
    pub whole: Evaluation,
    /// On those of each class; `None` for a class without images.
    pub classes: Vec<Option<Evaluation>>,
}

impl Run {
    /// Whether the run came to its end and what it learned was not kept.
    pub fn lacks_parameters(&self, finished: &FinishedRun) -> bool {
        let kept = finished.finals.keys().any(|name| name.starts_with(PARAMETERS));
        self.config.learner.learns() && finished.outcome == Outcome::Finished && !kept
    }

    /// Judges what the run learned on these images, on the CPU. `images` are those that it was trained on, or any of the
    /// same shape and classes where [`reads_training_images`](crate::learner::Learner::reads_training_images) is false.
    ///
    /// On the test images of a run that was computed on the CPU the metrics are those that it was stored with.
    ///
    /// # Errors
    /// If nothing was trained, a parameter was not kept or does not fit, or the images do not fit the model.
    pub fn judge(&self, finished: &FinishedRun, images: &Images, asked: &Split) -> Result<Judged> {
        self.config.check_parameters(images)?;
        let judged = self.learn(images, None, &Device::Cpu, false, |training| {
            load(training, finished)?;
            let of_class = |class| match only(asked, class)? {
                Some(split) => training.evaluate(&split).map(Some),
                None => Ok(None),
            };
            let classes = (0..asked.n_classes()).map(of_class).collect::<Result<_>>()?;
            Ok(Judged { whole: training.evaluate(asked)?, classes })
        });
        judged.map_err(Error::from)
    }
}

/// Gives what learns the parameters that a run kept; its optimiser stays new.
fn load(training: &mut dyn Training, finished: &FinishedRun) -> Result<()> {
    let kept = |name: &str| finished.finals.get(&parameter(name))?.to_tensor();
    if let Some((name, _)) = training.learned().iter().find(|(name, _)| kept(name).is_none()) {
        let key = finished.spec.folder_name();
        return Err(Error::Missing(format!("parameter `{name}` of run {key}: it was not kept")));
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
