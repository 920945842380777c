//! What a run asks of whatever learns in it, and the kinds of learning that answer.

mod autoencoding;
mod batches;
mod recognition;

use data::Split;
use models::predictive_coding::PredictiveCoding;
use models::recurrent::Recurrent;
use models::{
    Architecture, Cre, CreTrainer, EpochReport, Evaluation, ProbeTrainer, Representation, Trainer, evaluate,
    evaluate_masked,
};
use ndarray_rand::rand_distr::{Distribution, StandardNormal};
use tensor::random::Stream;
use tensor::{DType, Device, Indices, Tensor};

pub(super) use self::autoencoding::OfAutoencoder;
use self::batches::Source;
pub(super) use self::recognition::OfRecognition;
use super::finals::of_representation;
use super::learner::{Features, Learner};
use super::observed::{self, Scalars};
use super::{EVALUATED_AT_ONCE, Hardware, Run};
use crate::images::Images;
use crate::store::{Arrays, FinishedRun};
use crate::{Error, Result};

/// Something that learns both tasks, epoch by epoch.
pub(super) trait Learning {
    /// Trains for an epoch, counted from 1.
    fn epoch(&mut self, epoch: u32) -> models::Result<EpochReport>;

    /// How it does on these images.
    fn evaluate(&self, split: &Split) -> Result<Evaluation>;

    /// How it does on these images where it sees them as in training, with patches removed; `None` if training removes
    /// none.
    fn evaluate_masked(&self, _split: &Split) -> Result<Option<Evaluation>> {
        Ok(None)
    }

    /// Latent, reconstruction and class scores of a batch of images, on the processor.
    ///
    /// # Errors
    /// If what learns has no representation.
    fn represent(&self, _images: &Tensor) -> Result<Representation> {
        Err(Error::Missing("representation of a classifier".into()))
    }

    /// What is kept at the end beside the numbers of the epochs. What cannot be measured is no reason to lose a training:
    /// it is absent, with the reason.
    fn finals(&self, images: &Images) -> Arrays {
        of_representation(self, images)
    }

    /// What is measured now and then beside the losses.
    fn observe(&self) -> Result<Scalars> {
        Ok(Scalars::new())
    }

    /// Everything that is needed to go on with the same bits.
    fn state(&self) -> Vec<(String, Tensor)>;

    /// Takes over what [`Learning::state`] gave.
    fn load(&mut self, stored: &dyn Fn(&str) -> Option<Tensor>) -> models::Result<()>;

    /// What was learned: parameters and buffers.
    fn learned(&self) -> Vec<(String, Tensor)>;
}

/// A CRE that learns by backpropagation.
pub(super) struct OfCre<'a> {
    run: &'a Run,
    images: &'a Images,
    model: &'a Cre,
    trainer: CreTrainer<'a>,
    source: Source<'a>,
    device: Device,
}

impl<'a> OfCre<'a> {
    pub(super) fn new(run: &'a Run, images: &'a Images, model: &'a Cre, device: &Device) -> Result<Self> {
        let Learner::Cre { lambda, mixing, labelled, .. } = run.config.learner else {
            unreachable!("a CRE was asked for")
        };
        let mut trainer = CreTrainer::new(model, run.config.optimiser, lambda)?.mixing(mixing)?;
        trainer.to_device(device)?;
        let source = Source::new(run, images, labelled, device)?;
        Ok(Self { run, images, model, trainer, source, device: device.clone() })
    }
}

impl Learning for OfCre<'_> {
    fn epoch(&mut self, epoch: u32) -> models::Result<EpochReport> {
        self.source.train(&mut self.trainer, epoch)
    }

    fn evaluate(&self, split: &Split) -> Result<Evaluation> {
        evaluate_on(self.model, &self.device, split)
    }

    fn evaluate_masked(&self, split: &Split) -> Result<Option<Evaluation>> {
        match self.model.is_masked() {
            true => Ok(Some(evaluate_masked(self.model, in_order_on(&self.device, split)?)?)),
            false => Ok(None),
        }
    }

    fn represent(&self, images: &Tensor) -> Result<Representation> {
        represent_on(self.model, &self.device, images)
    }

    fn observe(&self) -> Result<Scalars> {
        // The read-outs run on the processor.
        match self.device {
            Device::Cpu => observed::of_cre(self.run, self.images, self.model, &self.trainer),
            Device::Cuda(_) => Ok(Scalars::new()),
        }
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.trainer.state()
    }

    fn load(&mut self, stored: &dyn Fn(&str) -> Option<Tensor>) -> models::Result<()> {
        self.trainer.load(stored)
    }

    fn learned(&self) -> Vec<(String, Tensor)> {
        learned_by(self.model)
    }
}

/// New heads on an encoder that stays as it is.
pub(super) struct OfHeads<'a> {
    model: &'a Cre,
    trainer: ProbeTrainer<'a>,
    source: Source<'a>,
}

impl<'a> OfHeads<'a> {
    pub(super) fn new(run: &'a Run, images: &'a Images, model: &'a Cre) -> Result<Self> {
        let trainer = ProbeTrainer::new(model, run.config.optimiser)?;
        Ok(Self { model, trainer, source: Source::new(run, images, None, &Device::Cpu)? })
    }
}

impl Learning for OfHeads<'_> {
    fn epoch(&mut self, epoch: u32) -> models::Result<EpochReport> {
        self.trainer.epoch(epoch, self.source.examples(epoch))
    }

    fn evaluate(&self, split: &Split) -> Result<Evaluation> {
        evaluate_on(self.model, &Device::Cpu, split)
    }

    fn represent(&self, images: &Tensor) -> Result<Representation> {
        Ok(self.model.represent(images)?)
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.trainer.state()
    }

    fn load(&mut self, stored: &dyn Fn(&str) -> Option<Tensor>) -> models::Result<()> {
        self.trainer.load(stored)
    }

    fn learned(&self) -> Vec<(String, Tensor)> {
        learned_by(self.model)
    }
}

/// A network with batches: predictive coding, or a recurrent CRE.
pub(super) struct OfNetwork<'a, N> {
    pub(super) network: N,
    pub(super) source: Source<'a>,
}

impl<'a, N> OfNetwork<'a, N> {
    pub(super) fn new(network: N, run: &'a Run, images: &'a Images) -> Result<Self> {
        Ok(Self { network, source: Source::new(run, images, None, &Device::Cpu)? })
    }
}

/// [`Learning`] by the methods of the same names that a network has.
macro_rules! learning_of_network {
    ($network:ty) => {
        impl Learning for OfNetwork<'_, $network> {
            fn epoch(&mut self, epoch: u32) -> models::Result<EpochReport> {
                self.network.epoch(epoch, self.source.pairs(epoch))
            }

            fn evaluate(&self, split: &Split) -> Result<Evaluation> {
                Ok(self.network.evaluate(in_order(split)?)?)
            }

            fn represent(&self, images: &Tensor) -> Result<Representation> {
                Ok(self.network.represent(images)?)
            }

            fn state(&self) -> Vec<(String, Tensor)> {
                self.network.state()
            }

            fn load(&mut self, stored: &dyn Fn(&str) -> Option<Tensor>) -> models::Result<()> {
                self.network.load(stored)
            }

            fn learned(&self) -> Vec<(String, Tensor)> {
                self.network.params().into_iter().map(|(name, param)| (name, param.value())).collect()
            }
        }
    };
}
learning_of_network!(Trainer<PredictiveCoding>);
learning_of_network!(Trainer<Recurrent>);

/// A CRE whose encoder is the features that were asked for and whose heads are new.
///
/// # Errors
/// If the features do not fit the model, or the run that trained the encoder is missing.
pub(super) fn on_features(
    run: &Run,
    images: &Images,
    (of, model): (&Features, &Architecture),
    trained: Option<&FinishedRun>,
) -> Result<Cre> {
    // Heads of their own numbers: the old ones came from the same seed.
    let cre = model.build(&Stream::new(run.seed, "refit"), DType::F32)?;
    let (k, d) = (model.latent_len(), images.train.image_shape().iter().product::<usize>());
    let affine = |weight: Vec<f32>, bias: Vec<f32>| -> Result<()> {
        let stored = |name: &str| match name {
            "encoder.0.weight" => Tensor::from_slice(&weight, &[k, d]).ok(),
            "encoder.0.bias" => Tensor::from_slice(&bias, &[k]).ok(),
            _ => None,
        };
        load_encoder(&cre, stored)
    };
    match of {
        Features::Pca => {
            let pca = images.pca()?;
            let rows = pca.components().slice_axis(ndarray::Axis(0), ndarray::Slice::from(..k)).to_owned();
            let bias = rows.dot(&pca.mean()).mapv(|x| -x as f32);
            affine(rows.iter().map(|&x| x as f32).collect(), bias.to_vec())?;
        }
        Features::Random => {
            let mut words = Stream::new(run.seed, "projection").sequence(0);
            let mut rows: Vec<f64> = (0..k * d).map(|_| StandardNormal.sample(&mut words)).collect();
            for row in rows.chunks_exact_mut(d) {
                let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
                row.iter_mut().for_each(|x| *x /= norm);
            }
            affine(rows.iter().map(|&x| x as f32).collect(), vec![0.0; k])?;
        }
        Features::Trained { .. } => {
            let trained = trained.ok_or_else(|| Error::Missing("run that trained the encoder".into()))?;
            let array = |name: &str| trained.finals.get(&format!("parameters/{name}"));
            load_encoder(&cre, |name| array(name)?.to_tensor())?;
        }
    }
    Ok(cre)
}

/// Loads the encoder's parameters and buffers, and leaves the heads as they are.
fn load_encoder(cre: &Cre, stored: impl Fn(&str) -> Option<Tensor>) -> Result<()> {
    let own = learned_by(cre);
    Ok(cre.load(|name| match name.starts_with("encoder.") {
        true => stored(name),
        false => own.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
    })?)
}

fn learned_by(model: &Cre) -> Vec<(String, Tensor)> {
    model.params().into_iter().chain(model.buffers()).map(|(name, param)| (name, param.value())).collect()
}

fn evaluate_on(model: &Cre, device: &Device, split: &Split) -> Result<Evaluation> {
    Ok(evaluate(model, in_order_on(device, split)?)?)
}

/// The images of a split in batches on a device, with their labels.
fn in_order_on(device: &Device, split: &Split) -> Result<Vec<(Tensor, Indices)>> {
    let mut batches = Vec::new();
    for (images, labels) in in_order(split)? {
        batches.push((images.to_device(device)?, labels));
    }
    Ok(batches)
}

fn represent_on(model: &Cre, device: &Device, images: &Tensor) -> Result<Representation> {
    let Representation { z, reconstruction, logits } = model.represent(&images.to_device(device)?)?;
    let [z, reconstruction, logits] = [z, reconstruction, logits].map(|x| x.to_device(&Device::Cpu));
    Ok(Representation { z: z?, reconstruction: reconstruction?, logits: logits? })
}

/// The images of a split in batches, with their labels.
pub(super) fn in_order(split: &Split) -> Result<impl Iterator<Item = (Tensor, Indices)> + '_> {
    Ok(batches::pairs(data::in_order(split, EVALUATED_AT_ONCE)?))
}

/// That a learner that only the processor can compute is on it.
///
/// # Errors
/// If the run is on a GPU.
pub(super) fn on_the_processor(run: &Run) -> Result<()> {
    match run.config.hardware {
        Hardware::Cpu => Ok(()),
        Hardware::Cuda => {
            Err(Error::Usage(format!("{} is computed on the processor; use `--device cpu`", run.label())))
        }
    }
}
