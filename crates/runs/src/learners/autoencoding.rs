//! Autoencoders with probes on their latent (LBR E4 and E6 to E8 in `book/lbr.md`).

mod masking;
mod spectrum;
mod task;
mod training;

use models::resnet_autoencoder;
use serde::{Deserialize, Serialize};

pub use self::task::{Masked, Network, Objective, Task};
use self::training::AutoencoderTraining;
use crate::Result;
use crate::images::Images;
use crate::learner::{Learner, divided_by};
use crate::pixels::matrices;
use crate::training::{Setup, Training};

/// An autoencoder with probes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Autoencoding {
    /// The autoencoder and its objective.
    pub task: Task,
}

impl Learner for Autoencoding {
    fn label(&self) -> String {
        let objective = match self.task.objective {
            Objective::Reconstruction => String::new(),
            Objective::Guided { weight } => format!(", guided by {weight}"),
            Objective::Supervised => ", supervised".into(),
        };
        let masked = self.task.masked.map_or(String::new(), |Masked { patch, drop }| {
            format!(", patches of {patch} x {patch} masked with probability {drop}")
        });
        format!("{}{objective}{masked}", self.task.network.label())
    }

    /// Disables the spectrum, which is measured between steps and needs principal components, minutes of work for large
    /// images. The drop probability and the loss weight do not affect the time of a step.
    fn time_alike(&mut self) {
        self.task.spectrum = false;
        if let Objective::Guided { weight } = &mut self.task.objective {
            *weight = 0.5;
        }
        if let Some(masked) = &mut self.task.masked {
            masked.drop = 0.5;
        }
    }

    fn takes(&self, image: [usize; 3], _: usize) -> std::result::Result<(), String> {
        match self.task.network {
            Network::Mlpae { .. } => Ok(()),
            Network::Dcae { depth, .. } => {
                match u32::try_from(depth).ok().and_then(|depth| 1_usize.checked_shl(depth)) {
                    Some(divisor) => divided_by(image, divisor),
                    None => Err(format!("images with sides divisible by 2^{depth}")),
                }
            }
            Network::Resnet { .. } => divided_by(image, resnet_autoencoder::SIDE_DIVISOR),
        }
    }

    fn latent_len(&self, image: [usize; 3]) -> Option<usize> {
        Some(self.task.network.latent_len(image))
    }

    fn sizes(&self, d: usize) -> [u64; 2] {
        let d = d as u64;
        match self.task.network {
            Network::Mlpae { encoder_depth, decoder_depth, .. } => {
                let depth = (encoder_depth + decoder_depth) as u64;
                [depth * d * d / 3, 3 * depth * d]
            }
            Network::Dcae { latent, .. } => [20 * (latent * latent) as u64, 80 * d],
            Network::Resnet { width_divisor, .. } => {
                let width_divisor = width_divisor.max(1) as u64;
                [90_000_000 / width_divisor.pow(2), 400 * d / width_divisor]
            }
        }
    }

    fn image_bytes(&self, images: &Images) -> u64 {
        match self.task.spectrum {
            true => matrices(images.n_pixels()),
            false => 0,
        }
    }

    fn fits_components(&self, _: &Images) -> bool {
        self.task.spectrum
    }

    fn loss(&self, mse: Option<f64>, _: Option<f64>) -> Option<f64> {
        mse.filter(|_| self.task.objective == Objective::Reconstruction)
    }

    fn is_scheduled(&self) -> bool {
        true
    }

    fn reads_training_images(&self) -> bool {
        true
    }

    fn classifies(&self) -> bool {
        false
    }

    fn train(&self, setup: &Setup<'_>, work: &mut dyn FnMut(&mut dyn Training)) -> Result<()> {
        let model = self.task.build(setup.images, &setup.init())?;
        work(&mut AutoencoderTraining::new(&self.task, setup, &model)?);
        Ok(())
    }
}
