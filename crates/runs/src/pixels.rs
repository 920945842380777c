//! Images as matrices in f64, one image a row: scaled pixels, read in chunks, and their moments.

use std::ops::Range;

use data::Split;
use ndarray::Array2;
use theory::Moments;

use crate::Result;
use crate::memory::check_room;

/// Images that are converted at once.
const CHUNK: usize = 1_000;

/// The moments of images and their labels, in one pass over chunks, each converted to a matrix `[n, d]`.
///
/// # Errors
/// If an element is not finite, or an eigendecomposition of the covariance does not fit into memory.
pub fn moments_of(images: &Split, convert: impl Fn(&Split) -> Array2<f64>) -> Result<Moments> {
    let d = images.image_shape().iter().product();
    let hint = "bring the images to a smaller side or to grey";
    check_room(&format!("a closed form of images of {d} pixels"), matrices(d), hint)?;
    let mut moments = Moments::new(d, images.n_classes())?;
    for rows in chunks(images.len()) {
        let part = images.rows(rows)?;
        moments.add(convert(&part).view(), part.labels())?;
    }
    Ok(moments)
}

/// The `d x d` matrices held at once while principal components are computed: a covariance, and the workspace of its
/// eigendecomposition.
const MATRICES: u64 = 4;

/// The bytes that principal components of images of `d` pixels take.
pub fn matrices(d: usize) -> u64 {
    (d as u64).saturating_mul(d as u64).saturating_mul(8 * MATRICES)
}

/// The rows of `n` images in consecutive ranges, each small enough to be converted at once.
pub fn chunks(n: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n).step_by(CHUNK).map(move |start| start..n.min(start + CHUNK))
}

/// Converted pixels, image after image, as a matrix with a row for each image.
pub fn rows(images: &Split, pixels: Vec<f64>) -> Array2<f64> {
    let d = images.image_shape().iter().product();
    Array2::from_shape_vec((images.len(), d), pixels).expect("one element for each pixel")
}

/// The pixels of a split from -1 (black) to 1 (white), image after image.
pub fn normalised(split: &Split) -> Vec<f64> {
    split.pixels().iter().map(|&byte| normal(byte)).collect()
}

/// Some of the pixels of some of the images, from -1 (black) to 1 (white), `[rows, columns]`.
pub fn normalised_part(split: &Split, rows: Range<usize>, columns: Range<usize>) -> Array2<f64> {
    let d = split.image_shape().iter().product::<usize>();
    // Reserved at once: a vector that grows would take three times as much.
    let mut numbers = Vec::with_capacity(rows.len() * columns.len());
    for image in split.pixels()[rows.start * d..rows.end * d].chunks_exact(d) {
        numbers.extend(image[columns.clone()].iter().map(|&byte| normal(byte)));
    }
    Array2::from_shape_vec((rows.len(), columns.len()), numbers)
        .expect("a split has as many pixels as it says")
}

/// A pixel from -1 (black) to 1 (white).
fn normal(byte: u8) -> f64 {
    f64::from(byte) / 127.5 - 1.0
}

/// The row of the first image of each class, in the order of the classes; classes without one are left out.
pub fn first_of_each_class(split: &Split) -> Vec<u32> {
    let first = |class| split.labels().iter().position(|&label| usize::from(label) == class);
    (0..split.n_classes()).filter_map(first).map(|row| row as u32).collect()
}
