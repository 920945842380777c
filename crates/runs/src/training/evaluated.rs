//! The batches that a run is evaluated on: made on the CPU, or gathered on a GPU from resident splits.

use std::sync::Arc;

use data::{Augmentation, Resident, Split};
use tensor::gpu::Gpu;
use tensor::random::Stream;
use tensor::{Device, Indices, Tensor};

use super::Setup;
use super::batches::{EVALUATED_AT_ONCE, in_order};
use crate::Result;

/// The splits of a run in the memory of a GPU; none on the CPU.
pub(crate) struct Evaluated<'a> {
    device: Device,
    resident: Vec<(&'a Split, Resident)>,
}

/// Makes a resident split with batches of this size, which are not shuffled or augmented.
type MakeResident<'m> = dyn Fn(&Arc<Gpu>, &Split, usize) -> Result<Resident> + 'm;

impl<'a> Evaluated<'a> {
    /// The validation and the test images of a run.
    ///
    /// # Errors
    /// If the GPU fails.
    pub(crate) fn new(setup: &Setup<'a>) -> Result<Self> {
        Self::made(setup, &|gpu, split, size| {
            let stream = unused();
            Ok(Resident::new(gpu, split, size, stream, (Augmentation::None, stream))?)
        })
    }

    /// As [`Evaluated::new`], with the pixels of a split replaced by `pixels`.
    ///
    /// # Errors
    /// As [`Evaluated::new`].
    pub(crate) fn with_pixels(setup: &Setup<'a>, pixels: &dyn Fn(&Split) -> Vec<f32>) -> Result<Self> {
        Self::made(setup, &|gpu, split, size| {
            let stream = unused();
            let unchanged = (Augmentation::None, stream);
            Ok(Resident::with_pixels(gpu, split, &pixels(split), size, stream, unchanged)?)
        })
    }

    fn made(setup: &Setup<'a>, make: &MakeResident<'_>) -> Result<Self> {
        let &Setup { images, device, .. } = setup;
        let mut resident = vec![];
        if let Device::Cuda(gpu) = device {
            for split in images.validation.iter().chain([&images.test]) {
                resident.push((split, make(gpu, split, split.len().min(EVALUATED_AT_ONCE))?));
            }
        }
        Ok(Self { device: device.clone(), resident })
    }

    /// The batches of a split if it is resident; they have its labels, in the memory of the CPU.
    pub(crate) fn resident<'s>(&'s self, split: &'s Split) -> Option<Batches<'s>> {
        let (_, resident) = self.resident.iter().find(|(known, _)| std::ptr::eq(*known, split))?;
        let labels = split.labels().chunks(EVALUATED_AT_ONCE);
        let labels = labels.map(|part| Indices::new(part.iter().map(|&label| u32::from(label)).collect()));
        Some(Box::new(resident.in_order().zip(labels).map(|(images, labels)| Ok((images?, labels)))))
    }

    /// The batches of any split on the device of the run.
    ///
    /// # Errors
    /// If the split is empty.
    pub(crate) fn batches<'s>(&'s self, split: &'s Split) -> Result<Batches<'s>> {
        if let Some(batches) = self.resident(split) {
            return Ok(batches);
        }
        let moved = |(images, labels): (Tensor, Indices)| Ok((images.to_device(&self.device)?, labels));
        Ok(Box::new(in_order(split)?.map(moved)))
    }

    /// Evaluates on the batches of a split.
    ///
    /// # Errors
    /// Those of `evaluate`, or if the GPU fails.
    pub(crate) fn on<T>(
        &self,
        split: &Split,
        evaluate: impl FnOnce(&mut dyn Iterator<Item = (Tensor, Indices)>) -> models::Result<T>,
    ) -> Result<T> {
        until_failure(self.batches(split)?, evaluate)
    }
}

/// Batches, by default images with their labels, each of which may fail to be made.
pub(crate) type Batches<'s, B = (Tensor, Indices)> = Box<dyn Iterator<Item = Result<B>> + 's>;

/// Evaluates on batches that may fail to be made.
///
/// # Errors
/// That of the first batch that fails; else those of `evaluate`.
pub(crate) fn until_failure<B, T>(
    batches: Batches<'_, B>,
    evaluate: impl FnOnce(&mut dyn Iterator<Item = B>) -> models::Result<T>,
) -> Result<T> {
    let mut failure = None;
    let mut made = batches.map_while(|batch| batch.map_err(|error| failure = Some(error)).ok());
    let evaluation = evaluate(&mut made);
    drop(made);
    failure.map_or_else(|| Ok(evaluation?), Err)
}

/// A placeholder stream: batches in order use no random numbers.
fn unused() -> Stream {
    Stream::new(0, "in order")
}
