//! The cropped digits of SVHN: one MATLAB file per split with images `X` and labels `y`.

use std::path::Path;

use ndarray::Array4;

use crate::{
    Result, Split,
    formats::mat::{self, Array, Values},
    formats::stored::wrong,
};

const SIDE: usize = 32;
const CHANNELS: usize = 3;

/// Reads one split from its file, with the SHA-256 of the file.
///
/// Fails unless the file has colour images `X: [32, 32, 3, n]` in bytes, and labels `y: [n, 1]` from 1 to 10, where 10
/// is the digit 0.
pub(crate) fn read(path: &Path) -> Result<(Split, String)> {
    let name = path.display().to_string();
    let mat = mat::read(path)?;
    let (mut images, mut labels) = (None, None);
    for array in mat.arrays {
        match &*array.name {
            "X" => images = Some(array),
            "y" => labels = Some(array),
            _ => {}
        }
    }
    let (Some(images), Some(labels)) = (images, labels) else {
        return Err(wrong(&name, "arrays", "`X` and `y`", "at most one of them"));
    };
    let (n, pixels) = pixels(&name, images)?;
    let labels = digits(&name, labels)?;
    let images = Array4::from_shape_vec((n, CHANNELS, SIDE, SIDE), pixels)
        .expect("the dimensions of `X` were checked");
    Ok((Split::new(images, labels, 10)?, mat.sha256))
}

/// The number of images, and their pixels in row-major order.
fn pixels(name: &str, Array { dims, values, .. }: Array) -> Result<(usize, Vec<u8>)> {
    let expected = "[32, 32, 3, n] bytes";
    // MATLAB omits a last dimension of 1.
    let n = match *dims {
        [SIDE, SIDE, CHANNELS] => 1,
        [SIDE, SIDE, CHANNELS, n] => n,
        _ => return Err(wrong(name, "array `X`", expected, format!("{dims:?}"))),
    };
    let Values::Bytes(mut pixels) = values else { return Err(wrong(name, "array `X`", expected, "doubles")) };
    // Each plane is stored in column-major order.
    for plane in pixels.chunks_exact_mut(SIDE * SIDE) {
        for row in 0..SIDE {
            for column in 0..row {
                plane.swap(row * SIDE + column, column * SIDE + row);
            }
        }
    }
    Ok((n, pixels))
}

fn digits(name: &str, Array { dims, values, .. }: Array) -> Result<Vec<u8>> {
    let [_, 1] = *dims else { return Err(wrong(name, "array `y`", "[n, 1]", format!("{dims:?}"))) };
    let doubles = match values {
        Values::Bytes(bytes) => bytes.into_iter().map(f64::from).collect(),
        Values::Doubles(doubles) => doubles,
    };
    let digit = |(row, label): (usize, f64)| match (0..10).find(|&digit| f64::from(digit) == label % 10.0) {
        Some(digit) if (1.0..=10.0).contains(&label) => Ok(digit),
        _ => Err(wrong(name, "label", "a whole number from 1 to 10", format!("{label} at row {row}"))),
    };
    doubles.into_iter().enumerate().map(digit).collect()
}
