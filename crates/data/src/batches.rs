//! Batches of images for training, shuffled anew each epoch, and for evaluation, in order.

use tensor::{Indices, Tensor, random::Stream};

use crate::{Error, Result, Split, transform};

/// Some images of a split, ready for a model.
#[derive(Debug, Clone)]
pub struct Batch {
    /// `[n, c * h * w]` in f32, normalised to -1 (black) to 1 (white).
    pub images: Tensor,
    /// The `n` labels.
    pub labels: Indices,
    /// Which images of the split these are.
    pub rows: Vec<u32>,
}

/// The batches of training: every epoch a new order, an incomplete last batch dropped.
///
/// The order is a function of the stream's seed and purpose, the epoch and the step; nothing is remembered
/// from one call to the next.
#[derive(Debug)]
pub struct Batches<'a> {
    split: &'a Split,
    size: usize,
    stream: Stream,
}

impl<'a> Batches<'a> {
    /// Batches of `size` images in the orders that `stream` gives.
    ///
    /// Errs if `size` is zero or more than there are images.
    pub fn new(split: &'a Split, size: usize, stream: Stream) -> Result<Self> {
        if size == 0 || size > split.len() {
            let expected = format!("between 1 and {}, the number of images", split.len());
            return Err(Error::Mismatch { what: "batch size", expected, got: size.to_string() });
        }
        Ok(Self { split, size, stream })
    }

    /// The number of batches in an epoch, at least one.
    pub fn per_epoch(&self) -> usize {
        self.split.len() / self.size
    }

    /// The batches of one epoch; `skip(step)` starts at a later one and costs nothing.
    pub fn epoch(&self, epoch: u64) -> Epoch<'a> {
        let mut rows = self.stream.permutation(self.split.len(), epoch);
        rows.truncate(self.per_epoch() * self.size);
        Epoch { split: self.split, rows, size: self.size, next: 0 }
    }
}

/// The batches of a split as they stand; the last one may be smaller.
///
/// Errs if `size` is zero.
pub fn in_order(split: &Split, size: usize) -> Result<Epoch<'_>> {
    if size == 0 {
        let expected = "at least 1".to_owned();
        return Err(Error::Mismatch { what: "batch size", expected, got: "0".to_owned() });
    }
    let n = u32::try_from(split.len()).expect("a split has fewer than 2^32 images");
    Ok(Epoch { split, rows: (0..n).collect(), size, next: 0 })
}

/// An iterator over the batches of one pass through a split.
#[derive(Debug, Clone)]
pub struct Epoch<'a> {
    split: &'a Split,
    /// All rows of the pass, batch after batch.
    rows: Vec<u32>,
    size: usize,
    /// The first row of the next batch, as a position in `rows`.
    next: usize,
}

impl Iterator for Epoch<'_> {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.nth(0)
    }

    /// Batches that are skipped are not gathered.
    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        let start = n.saturating_mul(self.size).saturating_add(self.next).min(self.rows.len());
        let end = start.saturating_add(self.size).min(self.rows.len());
        self.next = end;
        (start < end).then(|| gather(self.split, self.rows[start..end].to_vec()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.rows.len() - self.next).div_ceil(self.size);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Epoch<'_> {}

/// The batch of these rows of a split; a row may occur more than once.
///
/// Errs if there are no rows, or one is beyond the split.
pub fn gather(split: &Split, rows: Vec<u32>) -> Result<Batch> {
    let last = rows.iter().max();
    if last.is_none_or(|&last| last as usize >= split.len()) {
        let expected = format!("at least one, each below {}", split.len());
        let got = last.map_or("none".to_owned(), |last| format!("row {last}"));
        return Err(Error::Mismatch { what: "rows of a batch", expected, got });
    }
    let d: usize = split.image_shape().iter().product();
    let pixels = split.pixels();
    let mut values = Vec::with_capacity(rows.len() * d);
    for &row in &rows {
        transform::normalise_into(&mut values, &pixels[row as usize * d..][..d]);
    }
    let labels = rows.iter().map(|&row| u32::from(split.labels()[row as usize])).collect();
    let images = Tensor::from_vec(values, &[rows.len(), d])?;
    Ok(Batch { images, labels: Indices::new(labels), rows })
}
