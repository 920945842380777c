//! A split that lies on a GPU as bytes, and batches of it that are made there.

use std::sync::Arc;

use tensor::gpu::{Argument, Cell, Gpu, Grid};
use tensor::random::Stream;
use tensor::{DType, Device, Indices, Tensor};

use crate::{Augmentation, Batches, Result, Split};

/// The batches of [`Batches`], in the same order, gathered, changed and normalised by one kernel.
///
/// Between [`Resident::begin`] of an epoch and [`Resident::seek`] of a step nothing moves but four bytes, so a step
/// that begins with [`Resident::gather`] can be recorded and run again.
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
    /// Copies the split to the GPU. Batches of `size` images in the orders that `shuffle` gives, changed as the
    /// augmentation and its stream say.
    ///
    /// Errs if `size` is zero or more than there are images, or the GPU fails or has no memory.
    pub fn new(
        gpu: &Arc<Gpu>,
        split: &Split,
        size: usize,
        shuffle: Stream,
        (augmentation, augment): (Augmentation, Stream),
    ) -> Result<Self> {
        // The same checks as on the processor.
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

    /// Where the batches are made.
    pub fn device(&self) -> Device {
        Device::Cuda(Arc::clone(&self.gpu))
    }

    /// Takes the order of this epoch to the GPU.
    ///
    /// Errs if the GPU fails.
    pub fn begin(&self, epoch: u64) -> tensor::Result<()> {
        self.order.write(&self.shuffle.permutation(self.n, epoch))
    }

    /// Makes batch number `step` of the epoch the next one.
    ///
    /// Errs if there are fewer, or the GPU fails.
    pub fn seek(&self, step: usize) -> tensor::Result<()> {
        if step >= self.per_epoch() {
            let wanted = format!("a batch below {}", self.per_epoch());
            return Err(tensor::Error::shape("batches of an epoch", &wanted, &[&[step]]));
        }
        self.first.write(&[(step * self.size) as u32])
    }

    /// Images `[size, c * h * w]` in f32, normalised to -1 (black) to 1 (white), and their labels: the batch that was
    /// sought last, changed as for the training step of this number.
    ///
    /// Errs if the GPU fails or has no memory.
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
