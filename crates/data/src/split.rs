//! Labelled images in memory, as bytes N×C×H×W.

use std::{fmt, ops::Range};

use ndarray::{Array4, ArrayView4, Axis};

use crate::{Error, Result, memory};

/// Images with one label each. There is at least one image, and every label is below the number of classes.
///
/// ```
/// use agon_data::Split;
/// use ndarray::Array4;
///
/// // Two grey images of 3x3 pixels, of the classes 1 and 0 of two.
/// let split = Split::new(Array4::zeros((2, 1, 3, 3)), vec![1, 0], 2)?;
/// assert_eq!((split.len(), split.image_shape(), split.labels()), (2, [1, 3, 3], &[1, 0][..]));
/// # Ok::<(), agon_data::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Split {
    /// The images, `[n, c, h, w]`, in row-major order.
    images: Array4<u8>,
    labels: Vec<u8>,
    n_classes: usize,
}

impl Split {
    /// Creates a split from images `[n, c, h, w]` and their `n` labels.
    ///
    /// Fails if there are no pixels, if there is not one label per image, or if a label is not below `n_classes`.
    pub fn new(images: Array4<u8>, labels: Vec<u8>, n_classes: usize) -> Result<Self> {
        let n = images.len_of(Axis(0));
        if images.is_empty() || u32::try_from(n).is_err() {
            let expected = "1 to 2^32 - 1 images with at least one pixel".to_owned();
            return Err(Error::Mismatch { what: "images", expected, got: format!("{:?}", images.shape()) });
        }
        if labels.len() != n {
            let expected = format!("{n}, one for each image");
            return Err(Error::Mismatch { what: "labels", expected, got: labels.len().to_string() });
        }
        if let Some(row) = labels.iter().position(|&label| usize::from(label) >= n_classes) {
            let got = format!("{} at row {row}", labels[row]);
            return Err(Error::Mismatch { what: "label", expected: format!("below {n_classes}"), got });
        }
        let images =
            if images.is_standard_layout() { images } else { images.as_standard_layout().into_owned() };
        Ok(Self { images, labels, n_classes })
    }

    /// The same images with other labels.
    ///
    /// Fails as [`Split::new`] does.
    pub(crate) fn labelled(self, labels: Vec<u8>, n_classes: usize) -> Result<Self> {
        Self::new(self.images, labels, n_classes)
    }

    /// The number of images, at least one.
    #[expect(clippy::len_without_is_empty, reason = "a split has at least one image")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// All images, `[n, c, h, w]`.
    pub fn images(&self) -> ArrayView4<'_, u8> {
        self.images.view()
    }

    /// Channels, height and width of every image.
    pub fn image_shape(&self) -> [usize; 3] {
        let (_, c, h, w) = self.images.dim();
        [c, h, w]
    }

    /// All pixels in row-major order, `n * c * h * w` bytes.
    pub fn pixels(&self) -> &[u8] {
        self.images.as_slice().expect("the images of a split are in standard layout")
    }

    /// The label of each image.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The number of classes, including those without images.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// The number of images of each class.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.n_classes];
        for &label in &self.labels {
            counts[usize::from(label)] += 1;
        }
        counts
    }

    /// The first `n` images. Fails if `n` is zero or exceeds the number of images.
    pub fn first(&self, n: usize) -> Result<Self> {
        self.rows(0..n)
    }

    /// The images of a range of rows. Fails if the range is empty or out of bounds.
    pub fn rows(&self, rows: Range<usize>) -> Result<Self> {
        if rows.is_empty() || rows.end > self.len() {
            let expected = format!("a non-empty range within 0..{}", self.len());
            return Err(Error::Mismatch { what: "rows", expected, got: format!("{rows:?}") });
        }
        let (size, [c, h, w]) = (self.pixels().len() / self.len(), self.image_shape());
        let of_rows = &self.pixels()[rows.start * size..rows.end * size];
        let mut pixels = memory::bytes(|| format!("a copy of {} images", rows.len()), of_rows.len())?;
        pixels.extend_from_slice(of_rows);
        let images = Array4::from_shape_vec((rows.len(), c, h, w), pixels).expect("whole rows were copied");
        Ok(Self { images, labels: self.labels[rows].to_vec(), n_classes: self.n_classes })
    }

    /// The first `n` images of every class, in the order of this split. Fails if a class has fewer.
    pub fn first_of_each_class(&self, n: usize) -> Result<Self> {
        let fewest = self.class_counts().into_iter().min().unwrap_or(0);
        if n == 0 || n > fewest {
            let expected = format!("between 1 and {fewest}, the size of the smallest class");
            return Err(Error::Mismatch { what: "images of each class", expected, got: n.to_string() });
        }
        let mut counts = vec![0; self.n_classes];
        let chosen: Vec<usize> = (0..self.len())
            .filter(|&row| {
                let count = &mut counts[usize::from(self.labels[row])];
                *count += 1;
                *count <= n
            })
            .collect();
        let labels = chosen.iter().map(|&row| self.labels[row]).collect();
        Ok(Self { images: self.images.select(Axis(0), &chosen), labels, n_classes: self.n_classes })
    }
}

/// Formats the sizes only, without pixels.
impl fmt::Debug for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shape, n_classes) = (self.images.shape(), self.n_classes);
        f.debug_struct("Split").field("shape", &shape).field("n_classes", &n_classes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A split with one pixel per image, equal to its row.
    fn split(labels: &[u8]) -> Split {
        let images = Array4::from_shape_fn((labels.len(), 1, 1, 1), |(row, ..)| row as u8);
        Split::new(images, labels.to_vec(), 3).unwrap()
    }

    #[test]
    fn a_label_for_each_image_is_required() {
        let error = Split::new(Array4::zeros((2, 1, 1, 1)), vec![0], 3).unwrap_err();
        assert_eq!(error.to_string(), "labels: expected 2, one for each image, got 1");
    }

    #[test]
    fn a_label_beyond_the_classes_is_refused() {
        let error = Split::new(Array4::zeros((2, 1, 1, 1)), vec![2, 3], 3).unwrap_err();
        assert_eq!(error.to_string(), "label: expected below 3, got 3 at row 1");
    }

    #[test]
    fn images_without_pixels_are_refused() {
        assert!(Split::new(Array4::zeros((0, 1, 1, 1)), vec![], 3).is_err());
        assert!(Split::new(Array4::zeros((1, 1, 0, 1)), vec![0], 3).is_err());
    }

    #[test]
    fn pixels_follow_the_logical_order_whatever_the_layout() {
        let columns =
            Array4::from_shape_fn((1, 1, 2, 3), |(.., h, w)| (10 * h + w) as u8).permuted_axes([0, 1, 3, 2]);
        let split = Split::new(columns, vec![0], 1).unwrap();
        assert_eq!(split.pixels(), [0, 10, 1, 11, 2, 12]);
    }

    #[test]
    fn rows_and_first_keep_images_with_their_labels() {
        let split = split(&[2, 0, 1, 0]);
        let middle = split.rows(1..3).unwrap();
        assert_eq!((middle.pixels(), middle.labels()), (&[1, 2][..], &[0, 1][..]));
        assert_eq!(split.first(1).unwrap().labels(), [2]);
        assert!(split.first(0).is_err());
        assert!(split.rows(3..5).is_err());
    }

    #[test]
    fn the_first_of_each_class_stay_in_order() {
        let split = split(&[2, 0, 0, 1, 2, 0, 1]);
        assert_eq!(split.class_counts(), [3, 2, 2]);
        assert_eq!(split.first_of_each_class(1).unwrap().pixels(), [0, 1, 3]);
        assert_eq!(split.first_of_each_class(2).unwrap().pixels(), [0, 1, 2, 3, 4, 6]);
        assert!(split.first_of_each_class(3).is_err());
        assert!(split.first_of_each_class(0).is_err());
    }
}
