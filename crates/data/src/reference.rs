//! Reconstruction errors of baselines that need no training.
//!
//! All are mean squared errors over the test images and their pixels, computed in f64 from the exact values
//! `byte / 127.5 - 1`. An error below `MSE_mean` means that image variance is retained, one below `MSE_class` that
//! variance beyond the class is.

use crate::{Error, Result, Split};

/// The error when every test image is replaced by the same value, on the scale of -1 (black) to 1 (white).
pub fn constant_error(test: &Split, value: f64) -> f64 {
    let constant = vec![value; test.image_shape().iter().product()];
    mean_squared_error(test, |_| &constant)
}

/// `MSE_mean`: the error when every test image is replaced by the mean of the training images.
///
/// A model with a lower error retains information about the image. Fails if the image shapes of the splits differ.
pub fn mean_image_error(train: &Split, test: &Split) -> Result<f64> {
    same_shape(train, test)?;
    let everything = mean_images(train, 1, |_| 0);
    Ok(mean_squared_error(test, |_| &everything[0]))
}

/// `MSE_class`: the error when every test image is replaced by the mean of its class's training images.
///
/// It is the lowest error that a code containing only the class can reach. Fails if the image shapes of the splits
/// differ, or if a class has test images but no training images.
pub fn class_mean_error(train: &Split, test: &Split) -> Result<f64> {
    same_shape(train, test)?;
    let trained = train.class_counts();
    let tested = test.class_counts();
    if let Some(class) =
        (0..tested.len()).find(|&class| tested[class] > 0 && trained.get(class).is_none_or(|&n| n == 0))
    {
        let expected = "at least 1, since the class has test images".to_owned();
        let got = format!("0 for class {class}");
        return Err(Error::Mismatch { what: "training images of a class", expected, got });
    }
    let means = mean_images(train, train.n_classes(), usize::from);
    Ok(mean_squared_error(test, |label| &means[usize::from(label)]))
}

fn same_shape(train: &Split, test: &Split) -> Result<()> {
    if train.image_shape() == test.image_shape() {
        return Ok(());
    }
    Err(Error::Mismatch {
        what: "shape of the test images",
        expected: format!("{:?} as in training", train.image_shape()),
        got: format!("{:?}", test.image_shape()),
    })
}

/// The mean image of each group of labels, `[n_groups][c * h * w]`; bytes are summed as integers.
fn mean_images(split: &Split, n_groups: usize, group: impl Fn(u8) -> usize) -> Vec<Vec<f64>> {
    let d: usize = split.image_shape().iter().product();
    let mut sums = vec![vec![0_u64; d]; n_groups];
    let mut counts = vec![0_u64; n_groups];
    for (image, &label) in split.pixels().chunks_exact(d).zip(split.labels()) {
        counts[group(label)] += 1;
        for (sum, &byte) in sums[group(label)].iter_mut().zip(image) {
            *sum += u64::from(byte);
        }
    }
    let mean = |sum: u64, n: u64| sum as f64 / (127.5 * n as f64) - 1.0;
    sums.iter().zip(counts).map(|(sums, n)| sums.iter().map(|&sum| mean(sum, n)).collect()).collect()
}

/// The mean over images and pixels of `(x - guess(label))^2`.
fn mean_squared_error<'a>(test: &Split, guess: impl Fn(u8) -> &'a Vec<f64>) -> f64 {
    let d: usize = test.image_shape().iter().product();
    let errors = test.pixels().chunks_exact(d).zip(test.labels()).map(|(image, &label)| {
        let squares = image.iter().zip(guess(label)).map(|(&byte, guess)| {
            let x = f64::from(byte) / 127.5 - 1.0;
            (x - guess) * (x - guess)
        });
        squares.sum::<f64>()
    });
    errors.sum::<f64>() / test.pixels().len() as f64
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;

    /// Images of one pixel.
    fn split(pixels: &[u8], labels: &[u8]) -> Split {
        let images = Array4::from_shape_vec((pixels.len(), 1, 1, 1), pixels.to_vec()).unwrap();
        Split::new(images, labels.to_vec(), 2).unwrap()
    }

    #[test]
    fn the_error_of_black_is_the_mean_square_distance_from_black() {
        assert_eq!(constant_error(&split(&[0, 255], &[0, 1]), -1.0), 2.0);
    }

    #[test]
    fn the_mean_image_ignores_classes_and_the_class_mean_does_not() {
        let train = split(&[0, 0, 255, 255], &[0, 0, 1, 1]);
        let test = split(&[0, 255, 255], &[0, 1, 0]);
        assert_eq!(mean_image_error(&train, &test).unwrap(), 1.0);
        assert_eq!(class_mean_error(&train, &test).unwrap(), 4.0 / 3.0);
    }

    #[test]
    fn a_class_without_training_images_is_refused() {
        let train = split(&[0], &[0]);
        assert!(class_mean_error(&train, &split(&[0], &[1])).is_err());
        assert!(class_mean_error(&train, &split(&[0], &[0])).is_ok());
    }
}
