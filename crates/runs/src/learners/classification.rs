//! Classifiers of images projected onto a principal subspace (LBR E3 in `book/lbr.md`).

mod task;
mod training;

use models::resnet9;
use serde::{Deserialize, Serialize};

pub use self::task::{ClassificationLoss, Classifier, Task};
use self::training::ClassifierTraining;
use crate::Result;
use crate::images::Images;
use crate::learner::Learner;
use crate::pixels::matrices;
use crate::subspaces::{Seen, Share};
use crate::training::{Setup, Training};

/// A classifier of projected images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classification {
    /// The classifier and its input.
    pub task: Task,
}

impl Learner for Classification {
    fn label(&self) -> String {
        let seen = match self.task.seen {
            Seen::Whole => "whole images".to_owned(),
            Seen::Top(bound) => format!("top {} of {}", bound.place + 1, bound.of),
            Seen::Bottom(bound) => format!("bottom {} of {}", bound.place + 1, bound.of),
            Seen::TopShare(Share { share }) => format!("top {} %", 100.0 * share),
            Seen::BottomShare(Share { share }) => format!("bottom {} %", 100.0 * share),
        };
        format!("{} on {seen}", self.task.network.label())
    }

    /// A step takes the same time on every subspace; the whole images need no principal components, which would take
    /// minutes.
    fn time_alike(&mut self) {
        self.task.seen = Seen::Whole;
    }

    fn takes(&self, [_, h, w]: [usize; 3], _: usize) -> std::result::Result<(), String> {
        match self.task.network {
            Classifier::Resnet9 { .. } if h.min(w) < resnet9::MIN_SIDE => {
                let min = resnet9::MIN_SIDE;
                let (near_h, near_w) = (h.max(min), w.max(min));
                Err(format!(
                    "images with sides of at least {min} (nearest to {h} x {w}: {near_h} x {near_w})"
                ))
            }
            _ => Ok(()),
        }
    }

    fn sizes(&self, d: usize) -> [u64; 2] {
        let d = d as u64;
        match self.task.network {
            Classifier::Mlp { .. } => [d * d, 6 * d],
            Classifier::Resnet9 { width_divisor } => {
                let width_divisor = width_divisor.max(1) as u64;
                [31_000_000 / width_divisor.pow(2), 500 * d / width_divisor]
            }
        }
    }

    /// The projected images and the components that span the subspace.
    fn image_bytes(&self, images: &Images) -> u64 {
        let d = images.n_pixels();
        let projected = ((images.train.len() + images.test.len()) as u64).saturating_mul(4 * d as u64);
        let components = if self.task.is_undivided(d) { 0 } else { matrices(d) };
        projected.saturating_add(components)
    }

    fn fits_components(&self, images: &Images) -> bool {
        !self.task.is_undivided(images.n_pixels())
    }

    fn loss(&self, _: Option<f64>, cross_entropy: Option<f64>) -> Option<f64> {
        cross_entropy
    }

    fn is_scheduled(&self) -> bool {
        true
    }

    fn reads_training_images(&self) -> bool {
        true
    }

    fn train(&self, setup: &Setup<'_>, work: &mut dyn FnMut(&mut dyn Training)) -> Result<()> {
        let model = self.task.network.build(setup.images, &setup.init())?;
        work(&mut ClassifierTraining::new(&self.task, setup, &model)?);
        Ok(())
    }
}
