//! Batches of images: shuffled each epoch for training, in order for evaluation.

use tensor::{Indices, Tensor, random::Stream};

use crate::augmentation::{Augmentation, Change};
use crate::{Error, Result, Split, transform};

/// A batch of images of a split, normalised as model input.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The images `[n, c * h * w]` in f32, normalised to -1 (black) to 1 (white).
    pub images: Tensor,
    /// The `n` labels.
    pub labels: Indices,
    /// The indices of the images in the split.
    pub rows: Vec<u32>,
}

/// Converts a batch to images and labels, the form that training takes.
impl From<Batch> for (Tensor, Indices) {
    fn from(batch: Batch) -> Self {
        (batch.images, batch.labels)
    }
}

/// Training batches: shuffled each epoch, an incomplete last batch dropped.
///
/// The order depends only on the stream's seed and purpose, the epoch and the step; no state is kept between calls.
///
/// ```
/// use agon_data::{Batches, embedded};
/// use tensor::random::Stream;
///
/// let set = embedded::fashion_mnist()?;
/// let batches = Batches::new(&set.train, 100, Stream::new(0, "shuffle"))?;
/// assert_eq!(batches.per_epoch(), 60);
/// for batch in batches.epoch(1).take(2) {
///     let batch = batch?;
///     assert_eq!((batch.images.shape(), batch.labels.len()), ([100, 28 * 28].as_slice(), 100));
/// }
/// # Ok::<(), agon_data::Error>(())
/// ```
#[derive(Debug)]
pub struct Batches<'a> {
    split: &'a Split,
    size: usize,
    stream: Stream,
    augmentation: (Augmentation, Stream),
}

impl<'a> Batches<'a> {
    /// Batches of `size` images, shuffled by `stream`.
    ///
    /// Fails if `size` is zero or exceeds the number of images.
    pub fn new(split: &'a Split, size: usize, stream: Stream) -> Result<Self> {
        if size == 0 || size > split.len() {
            let expected = format!("between 1 and {}, the number of images", split.len());
            return Err(Error::Mismatch { what: "batch size", expected, got: size.to_string() });
        }
        Ok(Self { split, size, stream, augmentation: (Augmentation::None, stream) })
    }

    /// The same batches with random augmentation.
    ///
    /// Fails if the border is not smaller than the images, or if the angle is not between 0 and 360 degrees.
    pub fn with_augmentation(self, augmentation: Augmentation, stream: Stream) -> Result<Self> {
        let [_, h, w] = self.split.image_shape();
        if let Augmentation::CropAndFlip { border } = augmentation
            && border as usize >= h.min(w)
        {
            let expected = format!("below {}, the shorter side of the images", h.min(w));
            return Err(Error::Mismatch { what: "border of a crop", expected, got: border.to_string() });
        }
        if let Augmentation::Rotation { degrees, .. } = augmentation
            && !(0.0..=360.0).contains(&degrees)
        {
            let (what, expected) = ("degrees of a rotation", "a number from 0 to 360".into());
            return Err(Error::Mismatch { what, expected, got: degrees.to_string() });
        }
        Ok(Self { augmentation: (augmentation, stream), ..self })
    }

    /// The number of batches in an epoch, at least one.
    pub fn per_epoch(&self) -> usize {
        self.split.len() / self.size
    }

    /// The batches of one epoch. `skip(step)` starts at a later batch without gathering those before it.
    pub fn epoch(&self, epoch: u64) -> Epoch<'a> {
        let mut rows = self.stream.permutation(self.split.len(), epoch);
        rows.truncate(self.per_epoch() * self.size);
        // Training counts its steps from 0, and its epochs from 1.
        let first_step = epoch.saturating_sub(1) * self.per_epoch() as u64;
        Epoch {
            split: self.split,
            rows,
            size: self.size,
            next: 0,
            first_step,
            augmentation: self.augmentation,
        }
    }

    /// All batches of an epoch in the form that training takes; all of them are in memory at the same time.
    ///
    /// Fails if there is not enough memory for them.
    pub fn all(&self, epoch: u64) -> Result<Vec<(Tensor, Indices)>> {
        self.epoch(epoch).map(|batch| Ok(batch?.into())).collect()
    }
}

/// The batches of a split in its own order; the last one may be smaller.
///
/// Fails if `size` is zero.
pub fn in_order(split: &Split, size: usize) -> Result<Epoch<'_>> {
    if size == 0 {
        let expected = "at least 1".to_owned();
        return Err(Error::Mismatch { what: "batch size", expected, got: "0".to_owned() });
    }
    let n = u32::try_from(split.len()).expect("a split has fewer than 2^32 images");
    let augmentation = (Augmentation::None, Stream::new(0, "augment"));
    Ok(Epoch { split, rows: (0..n).collect(), size, next: 0, first_step: 0, augmentation })
}

/// An iterator over the batches of one pass through a split.
#[derive(Debug, Clone)]
pub struct Epoch<'a> {
    split: &'a Split,
    /// The rows of all batches, in order.
    rows: Vec<u32>,
    size: usize,
    /// The position in `rows` at which the next batch starts.
    next: usize,
    /// The number of the training step of the first batch.
    first_step: u64,
    augmentation: (Augmentation, Stream),
}

impl Iterator for Epoch<'_> {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.nth(0)
    }

    /// Skips batches without gathering them.
    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        let start = n.saturating_mul(self.size).saturating_add(self.next).min(self.rows.len());
        let end = start.saturating_add(self.size).min(self.rows.len());
        self.next = end;
        let step = self.first_step + (start / self.size) as u64;
        let changed = |image: usize| self.augmentation.0.change(&self.augmentation.1, step, image as u64);
        (start < end).then(|| gather_changed(self.split, self.rows[start..end].to_vec(), changed))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.rows.len() - self.next).div_ceil(self.size);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Epoch<'_> {}

/// Gathers the batch of these rows of a split; a row may occur more than once.
///
/// Fails if there are no rows, or if a row is out of bounds.
pub fn gather(split: &Split, rows: Vec<u32>) -> Result<Batch> {
    gather_changed(split, rows, |_| Change::None)
}

/// [`gather`] with an augmentation for each image of the batch.
fn gather_changed(split: &Split, rows: Vec<u32>, change: impl Fn(usize) -> Change) -> Result<Batch> {
    let last = rows.iter().max();
    if last.is_none_or(|&last| last as usize >= split.len()) {
        let expected = format!("at least one, each below {}", split.len());
        let got = last.map_or("none".to_owned(), |last| format!("row {last}"));
        return Err(Error::Mismatch { what: "rows of a batch", expected, got });
    }
    let [c, h, w] = split.image_shape();
    let d = c * h * w;
    let pixels = split.pixels();
    let mut values = Vec::with_capacity(rows.len() * d);
    for (image, &row) in rows.iter().enumerate() {
        let original = &pixels[row as usize * d..][..d];
        match change(image) {
            Change::None => transform::normalise_into(&mut values, original),
            change => transform::normalise_into(&mut values, &changed(original, [h, w], change)),
        }
    }
    let labels = rows.iter().map(|&row| u32::from(split.labels()[row as usize])).collect();
    let images = Tensor::from_vec(values, &[rows.len(), d])?;
    Ok(Batch { images, labels: Indices::new(labels), rows })
}

/// The pixels of an augmented image, channel by channel.
fn changed(original: &[u8], [h, w]: [usize; 2], change: Change) -> Vec<u8> {
    let places = change.sources([h, w]);
    let channels = original.chunks_exact(h * w);
    channels.flat_map(|channel| places.iter().map(|place| place.map_or(0, |place| channel[place]))).collect()
}
