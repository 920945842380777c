//! A split that resides in GPU memory, and its batches.

use std::sync::Arc;

use tensor::gpu::{Argument, Cell, Gpu, Grid};
use tensor::random::Stream;
use tensor::{DType, Device, Indices, Tensor};

use crate::{Augmentation, Batches, Error, Result, Split};

/// The batches of [`Batches`] on a GPU, in the same order. One kernel gathers, augments and normalises them.
///
/// [`Resident::begin`] copies the order of an epoch to the GPU, and [`Resident::seek`] copies only four bytes per step,
/// so a step that begins with [`Resident::gather`] can be recorded and replayed.
/// begins with [`Resident::gather`] can be recorded and replayed.
#[derive(Debug)]
pub struct Resident {
    gpu: Arc<Gpu>,
    /// The pixels: bytes, or 32-bit values that are used without normalisation.
    pixels: Cell,
    entry: &'static str,
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
    /// Pixels that are bytes are normalised to `(byte / 255 - shift) / scale`.
    shift_and_scale: [f32; 2],
}

impl Resident {
    /// Copies the split to the GPU. Batches have `size` images, shuffled by the stream `shuffle`, with the augmentation
    /// and its stream.
    ///
    /// # Errors
    /// If `size` is zero or exceeds the number of images, or if a GPU operation fails.
    pub fn new(
        gpu: &Arc<Gpu>,
        split: &Split,
        size: usize,
        shuffle: Stream,
        augmentation: (Augmentation, Stream),
    ) -> Result<Self> {
        let bytes = |gpu: &Arc<Gpu>| Cell::of(gpu, split.pixels(), "u8");
        Self::of(gpu, split, (bytes, "gather_batch_u8"), size, shuffle, augmentation)
    }

    /// [`Resident::new`] with the pixels `[n, c * h * w]` instead of the split's bytes; they are not normalised.
    ///
    /// # Errors
    /// As [`Resident::new`], and if the number of pixels differs from that of the split.
    pub fn with_pixels(
        gpu: &Arc<Gpu>,
        split: &Split,
        pixels: &[f32],
        size: usize,
        shuffle: Stream,
        augmentation: (Augmentation, Stream),
    ) -> Result<Self> {
        let (got, expected) = (pixels.len(), split.pixels().len());
        if got != expected {
            let (what, expected) = ("number of pixels", expected.to_string());
            return Err(Error::Mismatch { what, expected, got: got.to_string() });
        }
        let values = |gpu: &Arc<Gpu>| Cell::of(gpu, pixels, "f32");
        Self::of(gpu, split, (values, "gather_batch_f32"), size, shuffle, augmentation)
    }

    fn of(
        gpu: &Arc<Gpu>,
        split: &Split,
        (pixels, entry): (impl FnOnce(&Arc<Gpu>) -> tensor::Result<Cell>, &'static str),
        size: usize,
        shuffle: Stream,
        (augmentation, augment): (Augmentation, Stream),
    ) -> Result<Self> {
        // The same checks as on the CPU.
        Batches::new(split, size, shuffle)?.with_augmentation(augmentation, augment)?;
        let order: Vec<u32> = (0..split.len() as u32).collect();
        Ok(Self {
            gpu: Arc::clone(gpu),
            pixels: pixels(gpu)?,
            entry,
            labels: Cell::of(gpu, split.labels(), "u8")?,
            order: Cell::of(gpu, &order, "u32")?,
            first: Cell::of(gpu, &[0_u32], "u32")?,
            image_shape: split.image_shape(),
            n: split.len(),
            n_classes: split.n_classes(),
            size,
            shuffle,
            augment,
            augmentation,
            shift_and_scale: [0.5; 2],
        })
    }

    /// Changes the normalisation of bytes to the range from 0 (black) to 1 (white).
    #[must_use]
    pub fn in_unit_range(self) -> Self {
        Self { shift_and_scale: [0.0, 1.0], ..self }
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

    /// Selects the batch with index `step` in the epoch for the next call of [`Resident::gather`].
    ///
    /// # Errors
    /// If the epoch has fewer batches.
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
        let images = self.images(self.size)?;
        let labels = self.gather_into(&images, 0, self.size, (self.augmentation, number))?;
        Ok((images, labels))
    }

    /// The images of [`Resident::gather`] without augmentation.
    pub fn gather_unchanged(&self, number: u64) -> tensor::Result<Tensor> {
        let images = self.images(self.size)?;
        self.gather_into(&images, 0, self.size, (Augmentation::None, number))?;
        Ok(images)
    }

    /// Gathers the selected batches of `first` and of this set into one tensor, that of `first` before this one;
    /// returns the labels of `first` only.
    pub fn gather_behind(&self, first: &Self, number: u64) -> tensor::Result<(Tensor, Indices)> {
        let images = self.images(first.size + self.size)?;
        let labels = first.gather_into(&images, 0, first.size, (first.augmentation, number))?;
        self.gather_into(&images, first.size, self.size, (self.augmentation, number))?;
        Ok((images, labels))
    }

    /// The images in batches for evaluation, without augmentation; the last batch may be smaller. They are in the order
    /// of the split if [`Resident::begin`] has not been called.
    pub fn in_order(&self) -> impl Iterator<Item = tensor::Result<Tensor>> + '_ {
        (0..self.n).step_by(self.size).map(|first| {
            self.first.write(&[first as u32])?;
            let n = self.size.min(self.n - first);
            let images = self.images(n)?;
            self.gather_into(&images, 0, n, (Augmentation::None, 0))?;
            Ok(images)
        })
    }

    fn images(&self, n: usize) -> tensor::Result<Tensor> {
        let pixels = self.image_shape.iter().product();
        self.gpu.call("gather_batch", DType::F32)?.scratch(&[n, pixels], DType::F32)
    }

    /// Gathers `n` images of the selected batch into the rows of a tensor from `behind` on; returns their labels.
    fn gather_into(
        &self,
        images: &Tensor,
        behind: usize,
        n: usize,
        (augmentation, number): (Augmentation, u64),
    ) -> tensor::Result<Indices> {
        let call = self.gpu.call("gather_batch", DType::F32)?;
        call.size(images.len())?;
        let labels = Indices::written_on(&self.gpu, n, self.n_classes as u32)?;
        let [c, h, w] = self.image_shape;
        let sizes = [n, behind, c, h, w].map(|size| size as u32);
        let words = [&sizes[..], &self.shift_and_scale.map(f32::to_bits), &augmentation.words()].concat();
        let arguments = [
            Argument::Out(images),
            Argument::OutIndices(&labels),
            Argument::Cell(&self.pixels),
            Argument::Cell(&self.labels),
            Argument::Cell(&self.order),
            Argument::Cell(&self.first),
            Argument::Words(&words),
            Argument::U64(self.augment.key()),
            Argument::Step(number),
        ];
        // One block per image.
        call.launch_one(self.entry.into(), Grid::of_blocks(n as u32, 256), &arguments)?;
        Ok(labels)
    }
}
