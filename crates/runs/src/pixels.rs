//! Images as f64 matrices, one row per image: pixel scaling, chunking, moments.

use std::ops::Range;

use data::Split;
use ndarray::Array2;
use theory::Moments;

use crate::Result;
use crate::memory::check_room;

/// The number of images converted at once.
const CHUNK: usize = 1_000;

/// The moments of images and labels, accumulated in one pass over chunks that `convert` turns into matrices `[n, d]`.
///
/// # Errors
/// If a value is not finite, or the eigendecomposition of the covariance does not fit in memory.
pub fn moments_of(images: &Split, convert: impl Fn(&Split) -> Array2<f64>) -> Result<Moments> {
    let d = images.image_shape().iter().product();
    let hint = "use a smaller side or grey images";
    check_room(&format!("a closed form of images of {d} pixels"), matrices(d), hint)?;
    let mut moments = Moments::new(d, images.n_classes())?;
    for rows in chunks(images.len()) {
        let part = images.rows(rows)?;
        moments.add(convert(&part).view(), part.labels())?;
    }
    Ok(moments)
}

/// The number of `d x d` matrices held while principal components are computed: a covariance and the workspace of its
/// eigendecomposition.
const MATRICES: u64 = 4;

/// The bytes needed for the principal components of images of `d` pixels.
pub fn matrices(d: usize) -> u64 {
    (d as u64).saturating_mul(d as u64).saturating_mul(8 * MATRICES)
}

/// Consecutive ranges of the rows of `n` images, each small enough to be converted at once.
pub fn chunks(n: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n).step_by(CHUNK).map(move |start| start..n.min(start + CHUNK))
}

/// Converted pixels in image order as a matrix with one row per image.
pub fn rows(images: &Split, pixels: Vec<f64>) -> Array2<f64> {
    let d = images.image_shape().iter().product();
    Array2::from_shape_vec((images.len(), d), pixels).expect("one element for each pixel")
}

/// The pixels of a split scaled to [-1, 1], in image order.
pub fn normalised(split: &Split) -> Vec<f64> {
    split.pixels().iter().map(|&byte| normal(byte)).collect()
}

/// A block of pixels of a range of images, scaled to [-1, 1], `[rows, columns]`.
pub fn normalised_part(split: &Split, rows: Range<usize>, columns: Range<usize>) -> Array2<f64> {
    let d = split.image_shape().iter().product::<usize>();
    // Allocated once: a growing vector would take up to three times as much memory.
    let mut numbers = Vec::with_capacity(rows.len() * columns.len());
    for image in split.pixels()[rows.start * d..rows.end * d].chunks_exact(d) {
        numbers.extend(image[columns.clone()].iter().map(|&byte| normal(byte)));
    }
    Array2::from_shape_vec((rows.len(), columns.len()), numbers)
        .expect("the pixels fill the shape of the split")
}

/// A pixel scaled from 0..255 to [-1, 1].
fn normal(byte: u8) -> f64 {
    f64::from(byte) / 127.5 - 1.0
}

/// The row of the first image of each class, in class order; classes without images are skipped.
pub fn first_of_each_class(split: &Split) -> Vec<u32> {
    let first = |class| split.labels().iter().position(|&label| usize::from(label) == class);
    (0..split.n_classes()).filter_map(first).map(|row| row as u32).collect()
}
