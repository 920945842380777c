//! New heads that are trained to convergence on the cached latents of a frozen encoder.

use data::Split;
use models::train::{Evaluation, Metrics};
use models::{Architecture, Cre, Example, ProbeTrainer, Representation, correct};
use tensor::random::Stream;
use tensor::{DType, Device, Tensor};

use super::load_encoder;
use crate::correct::{Reader, packed};
use crate::measure::{squared_errors, standard_error};
use crate::names::{
    CONVERGED_ACCURACY, CONVERGED_EPOCHS, CONVERGED_MSE, CONVERGED_MSE_ERROR, CONVERGED_REACHED,
};
use crate::store::{Array, Arrays};
use crate::training::Setup;
use crate::training::batches::{EVALUATED_AT_ONCE, in_order};
use crate::{Error, Result};

/// Trains new heads of this architecture on the frozen encoder of `trained` until their losses stop falling, for `most`
/// epochs at most, and measures them on the test images. The losses are those on the validation images, or on the
/// training images if there is no validation split.
pub(super) fn heads(
    setup: &Setup<'_>,
    architecture: &Architecture,
    trained: &Cre,
    most: u32,
) -> Result<Arrays> {
    let stream = Stream::new(setup.seed, "converged heads");
    let model = architecture.build(&stream, DType::F32)?;
    let encoder: Vec<_> = trained.params().into_iter().chain(trained.buffers()).collect();
    load_encoder(&model, |name| encoder.iter().find(|(own, _)| own == name).map(|(_, param)| param.value()))?;
    let (images, device) = (setup.images, setup.device);
    let mut trainer = ProbeTrainer::on_latents(&model, setup.optimiser)?;
    trainer.to_device(device)?;
    let train = Cached::of(&model, &images.train, device)?;
    let validation = images.validation.as_ref().map(|split| Cached::of(&model, split, device)).transpose()?;
    let judged = validation.as_ref().unwrap_or(&train);
    let order = stream.child("order");
    let ended = trainer.converge(
        most,
        |epoch| {
            let order = order.permutation(images.train.len(), u64::from(epoch));
            let (train, batch) = (&train, setup.batch);
            let rows = (0..order.len() / batch).map(move |step| order[step * batch..][..batch].to_vec());
            Ok(rows.map(|rows| train.example(rows).expect("rows of a split are within it")))
        },
        |model| {
            let Evaluation { mse, cross_entropy, .. } = judged.read(model)?.metrics.means()?;
            Ok::<_, Error>([mse, cross_entropy])
        },
    )?;
    let Read { metrics, correct, errors } = Cached::of(&model, &images.test, device)?.read(&model)?;
    let Evaluation { mse, accuracy, .. } = metrics.means()?;
    let mut finals = Arrays::from([
        (CONVERGED_ACCURACY.into(), Array::number(accuracy)),
        (CONVERGED_MSE.into(), Array::number(mse)),
        (CONVERGED_EPOCHS.into(), Array::number(f64::from(ended.epochs))),
        (CONVERGED_REACHED.into(), Array::number(f64::from(u8::from(ended.is_reached)))),
        (Reader::Converged.name().into(), packed(&correct)),
    ]);
    finals.extend(standard_error(&errors).map(|error| (CONVERGED_MSE_ERROR.into(), Array::number(error))));
    finals.extend(Reader::Converged.with_errors(&errors));
    Ok(finals)
}

/// The latents of images, computed once and held in CPU memory; examples are made on a device.
struct Cached<'a> {
    split: &'a Split,
    device: &'a Device,
    latents: Vec<f32>,
    /// The shape of one latent at the input of the heads.
    shape: Vec<usize>,
}

impl<'a> Cached<'a> {
    fn of(model: &Cre, split: &'a Split, device: &'a Device) -> Result<Self> {
        let (mut latents, mut shape) = (vec![], vec![]);
        for (images, _) in in_order(split)? {
            let z = model.latents(&images.to_device(device)?)?.to_device(&Device::Cpu)?;
            latents.extend_from_slice(z.as_slice::<f32>()?);
            shape = z.shape()[1..].to_vec();
        }
        Ok(Self { split, device, latents, shape })
    }

    /// The example of these rows: latents, with their images as targets.
    fn example(&self, rows: Vec<u32>) -> Result<Example> {
        let batch = data::gather(self.split, rows)?;
        let k = self.shape.iter().product::<usize>();
        let latents = batch.rows.iter().flat_map(|&row| &self.latents[row as usize * k..][..k]).copied();
        let (latents, shape) = (latents.collect(), [&[batch.rows.len()], self.shape.as_slice()].concat());
        Ok(Example {
            images: Tensor::from_vec(latents, &shape)?.to_device(self.device)?,
            target: Some(batch.images.to_device(self.device)?),
            labels: batch.labels,
        })
    }

    /// Evaluates a model's heads on all images.
    fn read(&self, model: &Cre) -> Result<Read> {
        let mut read = Read::default();
        let rows: Vec<u32> = (0..self.split.len() as u32).collect();
        for rows in rows.chunks(EVALUATED_AT_ONCE) {
            let example = self.example(rows.to_vec())?;
            let (images, labels) = (example.target(), &example.labels);
            let [reconstruction, logits] = model.read_out(&example.images)?;
            let reconstruction = reconstruction.reshape(images.shape())?;
            let made = Representation { z: example.images.clone(), reconstruction, logits };
            read.metrics.add(Metrics::of(&made, images, labels)?);
            read.correct.extend(correct(&made.logits, labels));
            read.errors.extend(squared_errors(&made.reconstruction, images));
        }
        Ok(read)
    }
}

/// The per-image results of heads.
#[derive(Default)]
struct Read {
    metrics: Metrics,
    /// Whether each image is classified correctly.
    correct: Vec<bool>,
    /// The mean squared error of each image.
    errors: Vec<f64>,
}
