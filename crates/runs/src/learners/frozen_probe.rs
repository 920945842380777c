//! Frozen-encoder probes: new heads trained on a frozen encoder (E9 and E10 in `book/codes.md`).

mod converged;
mod pca_heads;

use models::{Architecture, Cre, ProbeTrainer};
use ndarray::{Axis, Slice};
use ndarray_rand::rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use tensor::random::Stream;
use tensor::{DType, Tensor};

pub(crate) use self::pca_heads::{heads_on_components, on_components};
use crate::images::Images;
use crate::learner::{Learner, built_for};
use crate::names::parameter;
use crate::pixels::matrices;
use crate::store::Arrays;
use crate::training::with_batches::WithBatches;
use crate::training::{Setup, Training};
use crate::{Error, Result};

/// New heads on a frozen encoder. `R` is the config of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenProbe<R> {
    /// The source of the features.
    pub of: Features<R>,
    /// The architecture of the heads; for features without a network its encoder is one affine layer.
    pub model: Architecture,
    /// The maximum number of epochs of a second set of heads, trained to convergence besides those trained for the
    /// epochs of the run; `None` for no second set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "models::range::steps")]
    pub converge: Option<u32>,
}

/// The features of a frozen encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Features<R> {
    /// The first principal components of the training images, centred.
    Pca,
    /// A Gaussian matrix whose columns have unit length.
    Random,
    /// The encoder of a trained run of the same seed.
    Trained {
        /// The config of that run.
        run: Box<R>,
    },
}

/// Access to the learner in the config of the run whose encoder is used.
pub trait EncoderRun {
    /// The learner of that run.
    fn learner(&self) -> &dyn Learner;

    /// The learner of that run, mutable.
    fn learner_mut(&mut self) -> &mut dyn Learner;
}

impl<R> FrozenProbe<R> {
    /// New heads trained for the epochs of the run only.
    pub fn new(of: Features<R>, model: Architecture) -> Self {
        Self { of, model, converge: None }
    }
}

impl<R: EncoderRun> Learner for FrozenProbe<R> {
    fn label(&self) -> String {
        match &self.of {
            Features::Pca => format!("heads on {} principal components", self.model.latent_len()),
            Features::Random => format!("heads on {} random projections", self.model.latent_len()),
            Features::Trained { run } => format!("new heads on {}", run.learner().label()),
        }
    }

    fn lambda(&self) -> Option<f64> {
        match &self.of {
            Features::Trained { run } => run.learner().lambda(),
            _ => None,
        }
    }

    fn set_lambda(&mut self, lambda: f64) {
        if let Features::Trained { run } = &mut self.of {
            run.learner_mut().set_lambda(lambda);
        }
    }

    /// The time of a step does not depend on the source of the encoder.
    fn time_alike(&mut self) {
        self.of = Features::Random;
    }

    fn takes(&self, image: [usize; 3], n_classes: usize) -> std::result::Result<(), String> {
        built_for(self.model, image, n_classes)?;
        let (k, d) = (self.model.latent_len(), image.iter().product::<usize>());
        match self.of {
            Features::Pca if k > d => {
                Err(format!("images of {k} pixels or more, one for each principal component ({d} here)"))
            }
            _ => Ok(()),
        }
    }

    fn architecture(&self) -> Option<Architecture> {
        Some(self.model)
    }

    fn image_bytes(&self, images: &Images) -> u64 {
        match self.of {
            Features::Pca => matrices(images.n_pixels()),
            _ => 0,
        }
    }

    fn fits_components(&self, _: &Images) -> bool {
        matches!(self.of, Features::Pca)
    }

    fn heads_at_end(&self, _: &Images, _: u32) -> Option<(Architecture, u32)> {
        Some((self.model, self.converge?))
    }

    fn train(&self, setup: &Setup<'_>, work: &mut dyn FnMut(&mut dyn Training)) -> Result<()> {
        // A separate stream: the heads of the encoder's run used the same seed.
        let model = self.model.build(&Stream::new(setup.seed, "refit"), DType::F32)?;
        // Without training, the encoder's parameters are loaded later or not used.
        if setup.trains {
            self.load_features(setup, &model)?;
        }
        let trainer = ProbeTrainer::new(&model, setup.optimiser)?;
        let mut training = WithBatches::new(trainer, setup, None)?.measured_at_end(|_| match self.converge {
            Some(most) => converged::heads(setup, &self.model, &model, most),
            None => Ok(Arrays::new()),
        });
        work(&mut training);
        Ok(())
    }
}

impl<R> FrozenProbe<R> {
    /// Replaces the model's encoder by that of the features.
    ///
    /// # Errors
    /// If the features do not fit the model, or the run that trained the encoder is missing.
    fn load_features(&self, setup: &Setup<'_>, model: &Cre) -> Result<()> {
        let (k, d) = (self.model.latent_len(), setup.images.n_pixels());
        let affine = |weight: Vec<f32>, bias: Vec<f32>| {
            load_encoder(model, |name| match name {
                "encoder.0.weight" => Tensor::from_slice(&weight, &[k, d]).ok(),
                "encoder.0.bias" => Tensor::from_slice(&bias, &[k]).ok(),
                _ => None,
            })
        };
        match self.of {
            Features::Pca => {
                let pca = setup.images.pca()?;
                let rows = pca.components().slice_axis(Axis(0), Slice::from(..k)).to_owned();
                let bias = rows.dot(&pca.mean()).mapv(|x| -x as f32);
                affine(rows.iter().map(|&x| x as f32).collect(), bias.to_vec())
            }
            Features::Random => {
                let mut words = Stream::new(setup.seed, "projection").sequence(0);
                let mut rows: Vec<f64> = (0..k * d).map(|_| StandardNormal.sample(&mut words)).collect();
                for row in rows.chunks_exact_mut(d) {
                    let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
                    row.iter_mut().for_each(|x| *x /= norm);
                }
                affine(rows.iter().map(|&x| x as f32).collect(), vec![0.0; k])
            }
            Features::Trained { .. } => {
                let missing = || Error::Missing("run that trained the encoder".into());
                let trained = setup.encoder.ok_or_else(missing)?;
                load_encoder(model, |name| trained.finals.get(&parameter(name))?.to_tensor())
            }
        }
    }
}

/// Loads the encoder's parameters and buffers; the heads are unchanged.
///
/// # Errors
/// If one is missing or does not fit; then nothing has changed.
pub fn load_encoder(cre: &Cre, stored: impl Fn(&str) -> Option<Tensor>) -> Result<()> {
    let own: Vec<_> = cre.params().into_iter().chain(cre.buffers()).collect();
    Ok(cre.load(|name| match name.starts_with("encoder.") {
        true => stored(name),
        false => own.iter().find(|(known, _)| known == name).map(|(_, param)| param.value()),
    })?)
}
