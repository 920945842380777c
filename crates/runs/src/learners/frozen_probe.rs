//! Frozen-encoder probes: new heads on an encoder that does not learn (experiments E9 and E10 of the CRE specification).

mod converged;

use models::{Architecture, Cre, ProbeTrainer};
use ndarray::{Axis, Slice};
use ndarray_rand::rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use tensor::random::Stream;
use tensor::{DType, Tensor};

use crate::images::Images;
use crate::learner::{Learner, built_for};
use crate::names::parameter;
use crate::pixels::matrices;
use crate::store::Arrays;
use crate::training::with_batches::WithBatches;
use crate::training::{Setup, Training};
use crate::{Error, Result};

/// New heads on an encoder that does not learn. `R` is the config of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenProbe<R> {
    /// The encoder.
    pub of: Features<R>,
    /// Where the heads come from; for features that are no network its encoder is one affine layer.
    pub model: Architecture,
    /// The most epochs for which other new heads are trained until they have converged, beside those that are trained for
    /// the epochs of the run; none where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "models::range::steps")]
    pub converge: Option<u32>,
}

/// An encoder that does not learn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Features<R> {
    /// The first principal components of the training images, centred.
    Pca,
    /// A Gaussian matrix whose columns have unit length.
    Random,
    /// The encoder of a run of the same seed.
    Trained {
        /// The run.
        run: Box<R>,
    },
}

/// What a probe reads of the config of the run whose encoder it is given.
pub trait EncoderRun {
    /// What learned in that run.
    fn learner(&self) -> &dyn Learner;

    /// As [`EncoderRun::learner`], to change it.
    fn learner_mut(&mut self) -> &mut dyn Learner;
}

impl<R> FrozenProbe<R> {
    /// New heads that are trained for the epochs of the run, and no others.
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

    /// The time of a step does not depend on where the encoder comes from.
    fn time_alike(&mut self) {
        self.of = Features::Random;
    }

    fn takes(&self, image: [usize; 3], n_classes: usize) -> std::result::Result<(), String> {
        built_for(self.model, image, n_classes)?;
        let (k, d) = (self.model.latent_len(), image.iter().product::<usize>());
        match self.of {
            Features::Pca if k > d => {
                Err(format!("images of {k} pixels or more, one for each principal component"))
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

    fn train(&self, setup: &Setup<'_>, work: &mut dyn FnMut(&mut dyn Training)) -> Result<()> {
        // A stream of its own: the old heads came from the same seed.
        let model = self.model.build(&Stream::new(setup.seed, "refit"), DType::F32)?;
        // Elsewhere the encoder's parameters are loaded, or play no role.
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
    /// Gives the model the encoder that was asked for.
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

/// Loads the encoder's parameters and buffers, and leaves the heads as they are.
fn load_encoder(cre: &Cre, stored: impl Fn(&str) -> Option<Tensor>) -> Result<()> {
    let own: Vec<_> = cre.params().into_iter().chain(cre.buffers()).collect();
    Ok(cre.load(|name| match name.starts_with("encoder.") {
        true => stored(name),
        false => own.iter().find(|(known, _)| known == name).map(|(_, param)| param.value()),
    })?)
}
