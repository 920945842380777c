//! A split in GPU memory as bytes, and its batches.

use std::sync::Arc;

use tensor::gpu::{Argument, Cell, Gpu, Grid};
use tensor::random::Stream;
use tensor::{DType, Device, Indices, Tensor};

use crate::{Augmentation, Batches, Result, Split};

/// The batches of [`Batches`] on a GPU: in the same order, gathered, augmented and normalised by one kernel.
///
/// [`Resident::begin`] copies the order of an epoch, and [`Resident::seek`] only four bytes per step, so a step that
/// begins with [`Resident::gather`] can be recorded and replayed.
#[derive(Debug)]
pub struct Resident {
    gpu: Arc<Gpu>,
    pixels: Cell,
    labels: Cell,
    order: Cell,
    first: Cell,
    image_shape: [usize; 3],
    n: usize,
    n_classes: usize,
    size: usize,
    shuffle: Stream,
    augment: Stream,
    augmentation: Augmentation,
}

impl Resident {
    /// Copies the split to the GPU. Batches have `size` images, shuffled by `shuffle`, with the augmentation and its
    /// stream.
    ///
    /// Fails if `size` is zero or more than the number of images, or if a GPU operation fails.
    pub fn new(
        gpu: &Arc<Gpu>,
        split: &Split,
        size: usize,
        shuffle: Stream,
        (augmentation, augment): (Augmentation, Stream),
    ) -> Result<Self> {
        // The same checks as on the CPU.
        Batches::new(split, size, shuffle)?.with_augmentation(augmentation, augment)?;
        Ok(Self {
            gpu: Arc::clone(gpu),
            pixels: Cell::of(gpu, split.pixels(), "u8")?,
            labels: Cell::of(gpu, split.labels(), "u8")?,
            order: Cell::new(gpu, split.len() * size_of::<u32>(), "u32")?,
            first: Cell::new(gpu, size_of::<u32>(), "u32")?,
            image_shape: split.image_shape(),
            n: split.len(),
            n_classes: split.n_classes(),
            size,
            shuffle,
            augment,
            augmentation,
        })
    }

    /// The number of batches in an epoch, at least one.
    pub fn per_epoch(&self) -> usize {
        self.n / self.size
    }

    /// The device of the batches.
    pub fn device(&self) -> Device {
        Device::Cuda(Arc::clone(&self.gpu))
    }

    /// Copies the order of this epoch to the GPU.
    pub fn begin(&self, epoch: u64) -> tensor::Result<()> {
        self.order.write(&self.shuffle.permutation(self.n, epoch))
    }

    /// Selects batch number `step` of the epoch as the next one.
    ///
    /// Fails if the epoch has fewer batches.
    pub fn seek(&self, step: usize) -> tensor::Result<()> {
        if step >= self.per_epoch() {
            let expected = format!("a batch below {}", self.per_epoch());
            return Err(tensor::Error::shape("batches of an epoch", &expected, &[&[step]]));
        }
        self.first.write(&[(step * self.size) as u32])
    }

    /// Gathers the selected batch, augmented for training step `number`: images `[size, c * h * w]` in f32, normalised
    /// to -1 (black) to 1 (white), and their labels.
    pub fn gather(&self, number: u64) -> tensor::Result<(Tensor, Indices)> {
        let call = self.gpu.call("gather_batch", DType::F32)?;
        let [c, h, w] = self.image_shape;
        let images = call.scratch(&[self.size, c * h * w], DType::F32)?;
        let labels = Indices::written_on(&self.gpu, self.size, self.n_classes as u32)?;
        let half = 0.5f32.to_bits();
        let [change, extent] = self.augmentation.words();
        let sizes = [call.size(self.size)?, call.size(c)?, call.size(h)?, call.size(w)?];
        let words = [&sizes[..], &[half, half, change, extent]].concat();
        let arguments = [
            Argument::Out(&images),
            Argument::OutIndices(&labels),
            Argument::Cell(&self.pixels),
            Argument::Cell(&self.labels),
            Argument::Cell(&self.order),
            Argument::Cell(&self.first),
            Argument::Words(&words),
            Argument::U64(self.augment.key()),
            Argument::Step(number),
        ];
        call.launch("gather_batch", Grid::over(self.size * h * w), &arguments)?;
        Ok((images, labels))
    }
}
