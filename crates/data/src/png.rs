//! Writes images, such as reconstructions, as a PNG file.

use std::ops::RangeInclusive;
use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use system::files;
use tensor::Tensor;

use crate::{Error, Result, memory};

/// The number of black pixels between two images.
const GAP: usize = 2;

/// The largest width and height of a file, in pixels.
const MAX_SIDE: usize = 1 << 16;

/// Writes images `[n, c, h, w]` as one PNG file, atomically: grey for one channel, RGB for three. Images fill rows of
/// `columns` images, with two black pixels between them. `range` has the values of black and white, which is `-1.0..=1.0`
/// for the images of batches; values outside of it are clamped.
///
/// Fails for another shape, if there are no pixels or a value is NaN, if the range is empty or infinite, or if the file
/// cannot be written.
///
/// ```
/// use agon_data::{embedded, in_order, write_png};
///
/// let set = embedded::fashion_mnist()?;
/// let batch = in_order(&set.test.first(6)?, 6)?.next().expect("one batch")?;
/// let images = batch.images.reshape(&[6, 1, 28, 28])?;
/// # let folder = tempfile::tempdir().expect("a temporary folder");
/// write_png(&folder.path().join("clothes.png"), &images, -1.0..=1.0, 3)?; // 2 rows of 3 images
/// # Ok::<(), agon_data::Error>(())
/// ```
pub fn write_png(path: &Path, images: &Tensor, range: RangeInclusive<f64>, columns: usize) -> Result<()> {
    let refuse =
        |what, expected: &str, got: String| Err(Error::Mismatch { what, expected: expected.into(), got });
    let &[n, c @ (1 | 3), h, w] = images.shape() else {
        let expected = "[n, c, h, w] with 1 or 3 channels; use `reshape`";
        return refuse("shape of images", expected, format!("{:?}", images.shape()));
    };
    if images.is_empty() || columns == 0 {
        let got = format!("{:?} in {columns} columns", images.shape());
        return refuse("images", "at least one pixel and one column", got);
    }
    let (low, high) = range.into_inner();
    // `NaN < x` is false.
    if !(low < high && (high - low).is_finite()) {
        return refuse("range", "two finite values, black before white", format!("{low}..={high}"));
    }
    let columns = columns.min(n);
    let rows = n.div_ceil(columns);
    let side = |count: usize, size: usize| {
        let side = size.checked_add(GAP).and_then(|each| each.checked_mul(count)).map(|side| side - GAP);
        side.filter(|&side| side <= MAX_SIDE)
    };
    let (Some(width), Some(height)) = (side(columns, w), side(rows, h)) else {
        let got = format!("{rows} rows and {columns} columns of {h} x {w} pixels");
        return refuse("images", "at most 65536 pixels in width and height", got);
    };
    let mut pixels =
        memory::bytes(|| format!("a PNG file of {height} x {width} pixels"), c * width * height)?;
    pixels.resize(c * width * height, 0);
    for (place, value) in images.to_f64_vec().into_iter().enumerate() {
        if value.is_nan() {
            return refuse("images", "numbers", format!("NaN at index {place}"));
        }
        let [image, channel, y, x] = [place / (c * h * w), place / (h * w) % c, place / w % h, place % w];
        let (y, x) = (image / columns * (h + GAP) + y, image % columns * (w + GAP) + x);
        let brightness = (value.clamp(low, high) - low) / (high - low);
        pixels[(y * width + x) * c + channel] = (255.0 * brightness).round() as u8;
    }
    let colour = if c == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut file = Vec::new();
    let encoded = PngEncoder::new(&mut file).write_image(&pixels, width as u32, height as u32, colour);
    let written = encoded.map_err(std::io::Error::other).and_then(|()| files::replace(path, &file));
    written.map_err(|cause| Error::Write { file: path.display().to_string(), cause })
}

#[cfg(test)]
mod tests {
    use tensor::DType;

    use super::*;

    /// The width, the height and the bytes of a PNG file.
    fn decoded(path: &Path) -> (u32, u32, Vec<u8>) {
        let image = image::open(path).unwrap();
        (image.width(), image.height(), image.into_bytes())
    }

    #[test]
    fn grey_images_fill_rows_and_values_are_clamped_to_the_range() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grey.png");
        let values = vec![-1.0, 1.0, 0.0, 5.0, -7.0, f64::INFINITY];
        let images = Tensor::from_vec(values, &[3, 1, 1, 2]).unwrap();
        write_png(&path, &images, -1.0..=1.0, 2).unwrap();
        let rows = [[0, 255, 0, 0, 128, 255], [0; 6], [0; 6], [0, 255, 0, 0, 0, 0]];
        assert_eq!(decoded(&path), (6, 4, rows.concat()));
        write_png(&path, &images.to_dtype(DType::F32), -1.0..=1.0, 9).unwrap();
        assert_eq!(decoded(&path), (10, 1, vec![0, 255, 0, 0, 128, 255, 0, 0, 0, 255]));
    }

    #[test]
    fn channels_of_colour_images_are_interleaved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("colour.png");
        let values: Vec<f64> = (0..6).map(f64::from).collect();
        write_png(&path, &Tensor::from_vec(values, &[1, 3, 2, 1]).unwrap(), 0.0..=255.0, 1).unwrap();
        assert_eq!(decoded(&path), (1, 2, vec![0, 2, 4, 1, 3, 5]));
    }

    #[test]
    fn wrong_arguments_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32);
        let error = |images: &Tensor, range, columns| {
            write_png(&path, images, range, columns).unwrap_err().to_string()
        };
        let flat = error(&zeros(&[2, 4]), -1.0..=1.0, 1);
        assert_eq!(
            flat,
            "shape of images: expected [n, c, h, w] with 1 or 3 channels; use `reshape`, got [2, 4]"
        );
        assert!(error(&zeros(&[1, 2, 2, 2]), -1.0..=1.0, 1).starts_with("shape of images"));
        let good = zeros(&[1, 1, 2, 2]);
        for (images, range, columns, what) in [
            (&zeros(&[0, 1, 2, 2]), 0.0..=1.0, 1, "images"),
            (&good, 0.0..=1.0, 0, "images"),
            (&good, 1.0..=1.0, 1, "range"),
            (&good, 0.0..=f64::INFINITY, 1, "range"),
            (&good, f64::NAN..=1.0, 1, "range"),
            (&zeros(&[1, 1, 1, MAX_SIDE + 1]), 0.0..=1.0, 1, "images"),
            (&Tensor::full(f64::NAN, &[1, 1, 1, 1], DType::F64), 0.0..=1.0, 1, "images"),
        ] {
            let message = error(images, range, columns);
            assert!(message.starts_with(&format!("{what}: expected ")), "{message}");
        }
        assert!(!path.exists());
        let nowhere = write_png(&folder.path().join("no/a.png"), &good, 0.0..=1.0, 1).unwrap_err();
        assert!(nowhere.to_string().starts_with("cannot write `"));
    }
}
