//! Contact sheets: the images of a tensor in one PNG file.

use std::io;
use std::ops::RangeInclusive;
use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use system::files;
use tensor::{Device, Tensor};

use crate::formats::stored::wrong;
use crate::{Error, Result};

/// The white pixels between neighbouring images.
const GAP: usize = 1;

/// The largest number of bytes of a sheet.
const MAX_BYTES: usize = 1 << 31;

/// Writes images `[n, c, h, w]`, or one `[c, h, w]`, grey (c = 1) or RGB (c = 3), as one PNG file with `columns` images
/// in a row, such as originals above their reconstructions. The ends of `range` become black and white; values beyond
/// them do too. An existing file is replaced.
///
/// Fails for another shape, no column, an empty range, a NaN, or if the file cannot be written.
///
/// ```
/// use agon_data::{in_order, embedded, write_png};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("images.png");
///
/// let set = embedded::fashion_mnist()?;
/// let first = in_order(&set.test, 10)?.next().expect("a batch")?.images.reshape(&[10, 1, 28, 28])?;
/// write_png(&path, &first, 5, -1.0..=1.0)?; // two rows of five
/// # assert_eq!(image_size(&path), (5 * 28 + 4, 2 * 28 + 1));
/// # fn image_size(path: &std::path::Path) -> (u32, u32) {
/// #     let header = std::fs::read(path).unwrap();
/// #     let at = |i: usize| u32::from_be_bytes(header[i..i + 4].try_into().unwrap());
/// #     (at(16), at(20))
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_png(path: &Path, images: &Tensor, columns: usize, range: RangeInclusive<f64>) -> Result<()> {
    let name = path.display().to_string();
    let (n, c, h, w) = match *images.shape() {
        [n, c @ (1 | 3), h, w] => (n, c, h, w),
        [c @ (1 | 3), h, w] => (1, c, h, w),
        _ => {
            let expected = "images [n, c, h, w] or [c, h, w] with 1 or 3 channels";
            return Err(tensor::Error::shape("write_png", expected, &[images.shape()]).into());
        }
    };
    let (low, high) = (*range.start(), *range.end());
    if !(low < high && (high - low).is_finite()) {
        let expected = "a finite range from a lower to a higher value";
        return Err(wrong(&name, "range", expected, format!("{low} to {high}")));
    }
    if columns == 0 || images.is_empty() {
        let got = format!("{n} images of {h} x {w} pixels in {columns} columns");
        return Err(wrong(&name, "sheet", "at least one column and one pixel", got));
    }
    let columns = columns.min(n);
    let sides = [(n.div_ceil(columns), h), (columns, w)];
    let [height, width] = sides.map(|(images, pixels)| images.saturating_mul(pixels + GAP) - GAP);
    let bytes = height.saturating_mul(width).saturating_mul(c);
    let (Ok(rows_of_pixels), Ok(pixels_of_row), true) =
        (u32::try_from(height), u32::try_from(width), bytes <= MAX_BYTES)
    else {
        let expected = format!("at most {MAX_BYTES} bytes");
        return Err(wrong(&name, "sheet", expected, format!("{height} x {width} pixels")));
    };
    let values = images.to_device(&Device::Cpu)?.to_f64_vec();
    if let Some(at) = values.iter().position(|value| value.is_nan()) {
        return Err(wrong(&name, "pixels", "no NaN", format!("NaN in image {}", at / (c * h * w))));
    }
    let mut sheet = vec![u8::MAX; bytes];
    for (at, value) in values.into_iter().enumerate() {
        let (image, channel, y, x) = (at / (c * h * w), at / (h * w) % c, at / w % h, at % w);
        let (top, left) = (image / columns * (h + GAP), image % columns * (w + GAP));
        let fraction = (value.clamp(low, high) - low) / (high - low);
        sheet[((top + y) * width + left + x) * c + channel] = (255.0 * fraction).round() as u8;
    }
    let colour = if c == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut png = Vec::new();
    let encoded = PngEncoder::new(&mut png).write_image(&sheet, pixels_of_row, rows_of_pixels, colour);
    let written = encoded.map_err(io::Error::other).and_then(|()| files::replace(path, &png));
    written.map_err(|cause| Error::Write { file: name, cause })
}

#[cfg(test)]
mod tests {
    use tensor::DType;

    use super::*;

    fn decoded(path: &Path) -> image::DynamicImage {
        image::load_from_memory(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn a_sheet_has_each_image_at_its_place_and_values_beyond_the_range_are_black_or_white() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet.png");
        let values = vec![-9.0, -1.0, 0.0, 1.0, 9.0, 0.5];
        let images = Tensor::from_vec(values, &[3, 1, 1, 2]).unwrap();
        write_png(&path, &images, 2, -1.0..=1.0).unwrap();
        let sheet = decoded(&path).into_luma8();
        assert_eq!(sheet.dimensions(), (5, 3));
        let white = 255;
        let rows = [[0, 0, white, 128, 255], [white; 5], [255, 191, white, white, white]];
        assert_eq!(sheet.into_raw(), rows.concat());

        let colours = Tensor::from_vec(vec![1.0f32, 0.0, 0.0, 0.5, 0.0, 1.0], &[1, 3, 2, 1]).unwrap();
        write_png(&path, &colours, 9, 0.0..=1.0).unwrap();
        assert_eq!(decoded(&path).into_rgb8().into_raw(), [[255, 0, 0], [0, 128, 255]].concat());
        write_png(&path, &colours.reshape(&[3, 2, 1]).unwrap(), 1, 0.0..=1.0).unwrap();
        assert_eq!(decoded(&path).into_rgb8().into_raw(), [[255, 0, 0], [0, 128, 255]].concat());
    }

    #[test]
    fn other_shapes_ranges_and_values_are_errors_and_write_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet.png");
        let of = |shape: &[usize]| Tensor::full(0.5, shape, DType::F32);
        let one = of(&[1, 1, 2, 2]);
        let nan = Tensor::full(f64::NAN, &[1, 1, 2, 2], DType::F32);
        for (images, columns, range, expected) in [
            (
                &of(&[1, 2, 2, 2]),
                1,
                0.0..=1.0,
                "expected images [n, c, h, w] or [c, h, w] with 1 or 3 channels, got [1, 2, 2, 2]",
            ),
            (
                &of(&[0, 1, 2, 2]),
                1,
                0.0..=1.0,
                "sheet: expected at least one column and one pixel, got 0 images",
            ),
            (&one, 0, 0.0..=1.0, "in 0 columns"),
            (&one, 1, 1.0..=1.0, "range: expected a finite range from a lower to a higher value, got 1 to 1"),
            (&one, 1, 0.0..=f64::INFINITY, "got 0 to inf"),
            (&nan, 1, 0.0..=1.0, "pixels: expected no NaN, got NaN in image 0"),
        ] {
            let error = write_png(&path, images, columns, range).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(!path.exists());
        let error = write_png(folder.path(), &one, 1, 0.0..=1.0).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot write `{}`: ", folder.path().display())), "{error}");
    }
}
