//! What a run asks of whatever learns in it, and the kinds of learning that answer.

mod autoencoding;
mod batches;
mod recognition;

use data::Split;
use models::{Architecture, Cre, CreTrainer, EpochReport, Evaluation, Representation, Train};
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

/// A trainer with its batches, on a device.
pub(super) struct Training<'a, T> {
    trainer: T,
    source: Source<'a>,
    device: Device,
    is_masked: bool,
    observe: Box<Observe<'a, T>>,
}

/// What is measured of a trainer now and then beside the losses.
type Observe<'a, T> = dyn Fn(&T) -> Result<Scalars> + 'a;

impl<'a, T: Train> Training<'a, T> {
    /// A trainer that is moved to the device and measured by its losses alone.
    ///
    /// # Errors
    /// If the batches are larger than the set, or the device fails.
    pub(super) fn new(
        mut trainer: T,
        run: &Run,
        images: &'a Images,
        labelled: Option<usize>,
        device: &Device,
    ) -> Result<Self> {
        trainer.to_device(device)?;
        let source = Source::new(run, images, labelled, device)?;
        let observe = Box::new(|_: &T| Ok(Scalars::new()));
        Ok(Self { trainer, source, device: device.clone(), is_masked: false, observe })
    }
}

impl<'a> Training<'a, CreTrainer<'a>> {
    /// A CRE that learns by backpropagation.
    ///
    /// # Errors
    /// If a setting is out of its range, the batches are larger than the set, or the device fails.
    pub(super) fn of_cre(run: &'a Run, images: &'a Images, model: &'a Cre, device: &Device) -> Result<Self> {
        let Learner::Cre { lambda, mixing, labelled, .. } = run.config.learner else {
            unreachable!("a CRE was asked for")
        };
        let trainer = CreTrainer::new(model, run.config.optimiser, lambda)?.mixing(mixing)?;
        let training = Self::new(trainer, run, images, labelled, device)?;
        let on_cpu = *device == Device::Cpu;
        let observe = move |trainer: &CreTrainer<'a>| match on_cpu {
            true => observed::of_cre(run, images, model, trainer),
            // The read-outs run on the CPU.
            false => Ok(Scalars::new()),
        };
        Ok(Self { is_masked: model.is_masked(), observe: Box::new(observe), ..training })
    }
}

impl<T: Train> Learning for Training<'_, T> {
    fn epoch(&mut self, epoch: u32) -> models::Result<EpochReport> {
        self.source.train(&mut self.trainer, epoch)
    }

    fn evaluate(&self, split: &Split) -> Result<Evaluation> {
        Ok(self.trainer.evaluate(&mut on_device(&self.device, split)?, false)?)
    }

    fn evaluate_masked(&self, split: &Split) -> Result<Option<Evaluation>> {
        match self.is_masked {
            true => Ok(Some(self.trainer.evaluate(&mut on_device(&self.device, split)?, true)?)),
            false => Ok(None),
        }
    }

    fn represent(&self, images: &Tensor) -> Result<Representation> {
        let Representation { z, reconstruction, logits } =
            self.trainer.represent(&images.to_device(&self.device)?)?;
        let [z, reconstruction, logits] = [z, reconstruction, logits].map(|x| x.to_device(&Device::Cpu));
        Ok(Representation { z: z?, reconstruction: reconstruction?, logits: logits? })
    }

    fn observe(&self) -> Result<Scalars> {
        (self.observe)(&self.trainer)
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.trainer.state()
    }

    fn load(&mut self, stored: &dyn Fn(&str) -> Option<Tensor>) -> models::Result<()> {
        self.trainer.load(stored)
    }

    fn learned(&self) -> Vec<(String, Tensor)> {
        self.trainer.learned().into_iter().map(|(name, param)| (name, param.value())).collect()
    }
}

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

/// The images of a split in batches on a device, with their labels.
fn on_device(device: &Device, split: &Split) -> Result<std::vec::IntoIter<(Tensor, Indices)>> {
    let moved = in_order(split)?.map(|(images, labels)| Ok((images.to_device(device)?, labels)));
    Ok(moved.collect::<Result<Vec<_>>>()?.into_iter())
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
