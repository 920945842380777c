//! The training batches of a run, prepared on the CPU or gathered on a GPU.

use std::sync::Arc;

use data::{Augmentation, Batches, Resident, Split};
use models::{DeviceBatches, EpochReport, Example, Train};
use tensor::gpu::Gpu;
use tensor::random::Stream;
use tensor::{Device, Indices, Tensor};

use super::{Rotation, Setup};
use crate::Result;

/// The batch size of evaluation.
pub(crate) const EVALUATED_AT_ONCE: usize = 500;

/// With few labels, the reciprocal of the fraction of labelled images in each batch.
const LABELLED_SHARE: usize = 10;

/// The source of training batches.
#[expect(clippy::large_enum_variant, reason = "a run has one")]
pub(crate) enum Source<'a> {
    Cpu(OnCpu<'a>),
    Gpu(OnGpu),
}

/// Training images in the memory of a GPU.
pub(crate) struct OnGpu {
    all: Resident,
    /// Whether reconstruction targets are the images before augmentation.
    clean_target: bool,
    /// The labelled images, of which every batch contains some.
    labelled: Option<Resident>,
}

pub(crate) struct OnCpu<'a> {
    split: &'a Split,
    batches: Batches<'a>,
    /// Whether reconstruction targets are the images before augmentation.
    clean_target: bool,
    labelled: Option<Labelled>,
}

/// The labelled images, of which every batch contains some.
struct Labelled {
    split: Split,
    size: usize,
    shuffle: Stream,
}

impl<'a> Source<'a> {
    /// # Errors
    /// If the batch is larger than the set, or the GPU fails.
    pub(crate) fn new(setup: &Setup<'a>, labelled: Option<usize>) -> Result<Self> {
        let &Setup { images, device, seed, batch: size, rotation, .. } = setup;
        let shuffle = Stream::new(seed, "shuffle");
        let change = rotation.map_or(Augmentation::None, Rotation::augmentation);
        let change = (change, Stream::new(seed, "augment"));
        let clean_target = rotation.is_some_and(|rotation| !rotation.turned_target);
        let labelled = match labelled {
            None => None,
            Some(n) => Some(Labelled {
                split: images.train.first(n)?,
                size: (size / LABELLED_SHARE).max(2),
                shuffle: Stream::new(seed, "labelled"),
            }),
        };
        let rest = size - labelled.as_ref().map_or(0, |labelled| labelled.size);
        if let Device::Cuda(gpu) = device {
            let all = Resident::new(gpu, &images.train, rest, shuffle, change)?;
            let labelled = labelled.map(|labelled| labelled.resident(gpu)).transpose()?;
            // Unlabelled images are their own targets.
            let clean_target = clean_target && labelled.is_none();
            return Ok(Self::Gpu(OnGpu { all, clean_target, labelled }));
        }
        let batches = Batches::new(&images.train, rest, shuffle)?.with_augmentation(change.0, change.1)?;
        Ok(Self::Cpu(OnCpu { split: &images.train, batches, clean_target, labelled }))
    }

    /// Trains for one epoch.
    pub(crate) fn train(&self, trainer: &mut impl Train, epoch: u32) -> models::Result<EpochReport> {
        match self {
            Self::Cpu(_) => trainer.epoch(epoch, self.examples(epoch).into()),
            Self::Gpu(there) => trainer.epoch(epoch, there.batches(epoch)?.into()),
        }
    }

    /// The batches of an epoch, if they are gathered on a GPU.
    pub(crate) fn on_gpu(&self, epoch: u32) -> models::Result<Option<DeviceBatches<'_>>> {
        match self {
            Self::Cpu(_) => Ok(None),
            Self::Gpu(there) => there.batches(epoch).map(Some),
        }
    }

    /// The examples of an epoch, prepared on the CPU.
    pub(crate) fn examples(&self, epoch: u32) -> impl Iterator<Item = Example> + '_ {
        let here = match self {
            Self::Cpu(here) => Some(here),
            Self::Gpu(_) => None,
        };
        let of = move |here: &'_ OnCpu<'_>, step: usize, batch: data::Batch| here.example(epoch, step, batch);
        here.into_iter().flat_map(move |here| {
            let batches = here.batches.epoch(u64::from(epoch)).enumerate();
            batches.map(move |(step, batch)| of(here, step, batch.expect("rows of a split are within it")))
        })
    }
}

/// The batches of an epoch of a set in the memory of a GPU. `before` is called before each step of the epoch; `example`
/// gathers the batch of a training step by kernels only, since it is recorded.
pub(crate) fn resident_batches<'a>(
    resident: &'a Resident,
    epoch: u32,
    before: impl Fn(usize) -> tensor::Result<()> + 'a,
    example: impl Fn(u64) -> tensor::Result<Example> + 'a,
) -> models::Result<DeviceBatches<'a>> {
    resident.begin(u64::from(epoch))?;
    let seek = move |step| {
        before(step)?;
        resident.seek(step)
    };
    Ok(DeviceBatches::new(resident.per_epoch(), seek, example))
}

impl OnGpu {
    fn batches(&self, epoch: u32) -> models::Result<DeviceBatches<'_>> {
        let before = move |step| self.before(epoch, step);
        resident_batches(&self.all, epoch, before, move |number| self.example(number))
    }

    /// Selects the labelled images of a step of an epoch; all are used equally often.
    fn before(&self, epoch: u32, step: usize) -> tensor::Result<()> {
        let Some(labelled) = &self.labelled else { return Ok(()) };
        let number = (u64::from(epoch) - 1) * self.all.per_epoch() as u64 + step as u64;
        let (epoch, at) = (1 + number / labelled.per_epoch() as u64, number as usize % labelled.per_epoch());
        if step == 0 || at == 0 {
            labelled.begin(epoch)?;
        }
        labelled.seek(at)
    }

    fn example(&self, number: u64) -> tensor::Result<Example> {
        if let Some(labelled) = &self.labelled {
            return Ok(self.all.gather_behind(labelled, number)?.into());
        }
        let (images, labels) = self.all.gather(number)?;
        let target = self.clean_target.then(|| self.all.gather_unchanged(number)).transpose()?;
        Ok(Example { images, target, labels })
    }
}

impl OnCpu<'_> {
    fn example(&self, epoch: u32, step: usize, batch: data::Batch) -> Example {
        let target = self.clean_target.then(|| {
            data::gather(self.split, batch.rows.clone()).expect("rows of a split are within it").images
        });
        let Some(labelled) = &self.labelled else {
            return Example { images: batch.images, target, labels: batch.labels };
        };
        let step = (u64::from(epoch) - 1) * self.batches.per_epoch() as u64 + step as u64;
        let first = labelled.batch(step);
        let shape = [first.rows.len() + batch.rows.len(), batch.images.shape()[1]];
        let both = [&first.images, &batch.images]
            .map(|images| images.as_slice::<f32>().expect("batches are in f32"));
        let images = Tensor::from_vec(both.concat(), &shape).expect("both have the same number of pixels");
        Example { images, target: None, labels: first.labels }
    }
}

impl Labelled {
    /// The number of labelled images in a batch.
    fn at_once(&self) -> usize {
        self.size.min(self.split.len())
    }

    /// The labelled images in the memory of a GPU.
    fn resident(&self, gpu: &Arc<Gpu>) -> Result<Resident> {
        let unchanged = (Augmentation::None, self.shuffle);
        Ok(Resident::new(gpu, &self.split, self.at_once(), self.shuffle, unchanged)?)
    }

    /// The labelled images of a step; all are used equally often.
    fn batch(&self, step: u64) -> data::Batch {
        let size = self.at_once();
        let batches = Batches::new(&self.split, size, self.shuffle).expect("the size is within the split");
        let per_epoch = batches.per_epoch() as u64;
        let mut epoch = batches.epoch(1 + step / per_epoch);
        let batch = epoch.nth((step % per_epoch) as usize).expect("the step is within the epoch");
        batch.expect("rows of a split are within it")
    }
}

/// The images of a split in batches of evaluation, with their labels.
pub(crate) fn in_order(split: &Split) -> Result<impl Iterator<Item = (Tensor, Indices)> + '_> {
    Ok(data::in_order(split, EVALUATED_AT_ONCE)?.map(|batch| {
        let batch = batch.expect("rows of a split are within it");
        (batch.images, batch.labels)
    }))
}

#[cfg(test)]
mod tests {
    use models::AdamConfig;

    use super::*;
    use crate::images::{DataConfig, Images};

    fn images() -> Images {
        let name = "fashion-mnist-embedded";
        Images::open(&DataConfig::new(name, 60, 10, 10), None).unwrap()
    }

    fn examples(images: &Images, rotation: Option<Rotation>, labelled: Option<usize>) -> Vec<Example> {
        let (device, optimiser) = (&Device::Cpu, AdamConfig::PAPER);
        let setup = Setup {
            images,
            device,
            encoder: None,
            trains: true,
            seed: 1,
            optimiser,
            batch: 20,
            epochs: 1,
            rotation,
        };
        Source::new(&setup, labelled).unwrap().examples(1).collect()
    }

    /// A12 in `book/codes.md`.
    #[test]
    fn the_target_is_the_image_before_rotation() {
        let images = images();
        let plain = examples(&images, None, None);
        let turned = examples(&images, Some(Rotation::PAPER), None);
        // A small angle may leave every pixel of a batch in its place.
        let mut moved = 0;
        for (plain, turned) in plain.iter().zip(&turned) {
            assert_eq!(turned.target.as_ref().unwrap().to_f64_vec(), plain.images.to_f64_vec());
            assert_eq!(turned.labels, plain.labels);
            moved += usize::from(turned.images.to_f64_vec() != plain.images.to_f64_vec());
        }
        assert!(moved > 0);
        let both = Rotation { turned_target: true, ..Rotation::PAPER };
        assert!(examples(&images, Some(both), None).iter().all(|example| example.target.is_none()));
    }

    #[test]
    fn with_few_labels_a_tenth_of_each_batch_is_drawn_from_the_labelled_images() {
        let images = images();
        let few = examples(&images, None, Some(5));
        let known = images.train.first(5).unwrap();
        let known: Vec<u32> = known.labels().iter().map(|&label| u32::from(label)).collect();
        assert!(!few.is_empty());
        for example in few {
            assert_eq!((example.images.shape()[0], example.labels.len()), (20, 2));
            assert!(example.labels.as_slice().iter().all(|label| known.contains(label)));
        }
    }
}
