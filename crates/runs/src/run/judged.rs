//! What a finished run learned, judged on images: all together and class by class.

use std::collections::HashMap;

use data::Split;
use models::Evaluation;
use ndarray::Axis;
use tensor::{Device, Tensor};

use super::compute::{Ended, parameter};
use super::learning::Learning;
use super::{Features, Learner, PARAMETERS, Run};
use crate::images::Images;
use crate::store::{FinishedRun, Outcome};
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
        let learns = !matches!(self.config.learner, Learner::ClosedForm { .. });
        let kept = finished.finals.keys().any(|name| name.starts_with(PARAMETERS));
        learns && finished.outcome == Outcome::Finished && !kept
    }

    /// Whether the learner takes more from the training images than what it learned: a mean, or principal components.
    pub fn reads_training_images(&self) -> bool {
        matches!(self.config.learner, Learner::Recognition { .. } | Learner::Autoencoding { .. })
    }

    /// The run without what only training takes from the training images, of which there may be fewer than in training.
    fn judging(&self, images: &Images) -> Self {
        let mut run = self.clone();
        run.config.batch = run.config.batch.min(images.train.len());
        match &mut run.config.learner {
            Learner::Cre { labelled, .. } => *labelled = None,
            // The affine encoder that was kept takes the place of any.
            Learner::Readout { of: of @ Features::Pca, .. } => *of = Features::Random,
            _ => {}
        }
        run
    }

    /// Judges what the run learned on these images, on the processor. `images` are those that it was trained on, or
    /// any of the same shape and classes where [`Run::reads_training_images`] is false; `needed` is the run of
    /// [`Run::needs`].
    ///
    /// On the test images of a run that was computed on the processor the numbers are those that it was stored with.
    ///
    /// # Errors
    /// If a parameter was not kept or does not fit, or the images do not fit the model.
    pub fn judge(
        &self,
        finished: &FinishedRun,
        needed: Option<&FinishedRun>,
        images: &Images,
        asked: &Split,
    ) -> Result<Judged> {
        let judged = |learning: &mut dyn Learning| -> std::result::Result<Judged, Ended> {
            load(learning, finished)?;
            let of_class = |class| match only(asked, class)? {
                Some(split) => learning.evaluate(&split).map(Some),
                None => Ok(None),
            };
            let classes = (0..asked.n_classes()).map(of_class).collect::<Result<_>>()?;
            Ok(Judged { whole: learning.evaluate(asked)?, classes })
        };
        self.judging(images).learn(images, needed, &Device::Cpu, judged).map_err(|ended| match ended {
            Ended::Error(error) => error,
            Ended::Diverged { reason, .. } => Error::Usage(reason),
        })
    }
}

/// Gives what learns the parameters that a run kept; its optimiser stays new.
fn load(learning: &mut dyn Learning, finished: &FinishedRun) -> Result<()> {
    let kept = |name: &str| finished.finals.get(&parameter(name))?.to_tensor();
    if let Some((name, _)) = learning.learned().iter().find(|(name, _)| kept(name).is_none()) {
        let key = finished.spec.folder_name();
        return Err(Error::Missing(format!("parameter `{name}` of run {key}: it was not kept")));
    }
    let fresh: HashMap<String, Tensor> = learning.state().into_iter().collect();
    Ok(learning.load(&|name| kept(name).or_else(|| fresh.get(name).cloned()))?)
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
