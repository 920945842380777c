//! One JPEG or PNG file as the bytes of a square image, plane after plane.

use std::{io::Cursor, path::Path};

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, imageops::FilterType};
use sha2::{Digest, Sha256};
use system::files;

use crate::{
    Error, Result, checksum,
    stored::{may_unpack_to, wrong},
};

/// The largest file that is read, and the most that any may unpack to, in bytes.
const MAX_BYTES: u64 = 1 << 28;

/// The largest width and height, in pixels.
const MAX_SIDE: u32 = 1 << 14;

/// The most that one side may be longer than the other, so that a narrow image cannot grow without bound.
const MAX_RATIO: u32 = 16;

/// What becomes of an image of any size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Nothing: it must be of this width and height.
    Exactly(u32),
    /// It is turned upright as its Exif data say, its shorter side is resized to `shorter`, and the `side` x `side`
    /// pixels in the middle are taken.
    ///
    /// Resizing takes means with a triangle filter that grows with the factor, which is what others call bilinear
    /// with antialiasing.
    Middle { shorter: u32, side: u32 },
}

/// The form that all images of a set get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) fit: Fit,
    /// Three planes, grey images repeated; or one, the Rec. 709 luma of coloured ones. Transparency is left out.
    pub(crate) colour: bool,
}

impl Form {
    /// Channels, height and width.
    pub(crate) fn shape(self) -> [usize; 3] {
        let (Fit::Exactly(side) | Fit::Middle { side, .. }) = self.fit;
        [if self.colour { 3 } else { 1 }, side as usize, side as usize]
    }

    /// The bytes of an image.
    pub(crate) fn bytes(self) -> usize {
        self.shape().iter().product()
    }
}

/// Reads a file into the planes `[c, h, w]` of its image, and gives the SHA-256 of the file.
///
/// Errs if it is no regular file, too large, or neither a JPEG nor a PNG image that is whole. Which of the two is
/// seen from its bytes. Decoders of JPEG differ by a few levels, so the content checksum of a set is that of this one.
pub(crate) fn read(path: &Path, form: Form, planes: &mut [u8]) -> Result<String> {
    let name = path.display().to_string();
    let bytes = files::read(path, MAX_BYTES).map_err(|cause| Error::Io { file: name.clone(), cause })?;
    parse(&name, &bytes, form, planes)?;
    Ok(checksum::hex(Sha256::new_with_prefix(&bytes)))
}

/// Reads a file that is already in memory; `name` is what errors call it.
pub(crate) fn parse(name: &str, bytes: &[u8], form: Form, planes: &mut [u8]) -> Result<()> {
    let image = fitted(name, decode(name, bytes)?, form.fit)?;
    if form.colour {
        let image = image.into_rgb8();
        let size = planes.len() / 3;
        for (pixel, colours) in image.pixels().enumerate() {
            for (channel, colour) in colours.0.into_iter().enumerate() {
                planes[channel * size + pixel] = colour;
            }
        }
    } else {
        planes.copy_from_slice(image.into_luma8().as_raw());
    }
    Ok(())
}

/// The image upright, its sizes checked before memory is taken for it.
fn decode(name: &str, bytes: &[u8]) -> Result<DynamicImage> {
    if bytes.starts_with(&[0xff, 0xd8]) && !ends(bytes) {
        return Err(wrong(name, "JPEG image", "an end-of-image marker behind the last scan", "none"));
    }
    let most = may_unpack_to(bytes.len() as u64).min(MAX_BYTES);
    let broken = |error: image::ImageError| wrong(name, "image", "a whole JPEG or PNG image", error);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    limits.max_alloc = Some(most);
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|cause| Error::Io { file: name.to_owned(), cause })?;
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (w, h) = decoder.dimensions();
    if decoder.total_bytes() > most {
        let most = format!("at most {most} bytes of pixels for a file of {} bytes", bytes.len());
        return Err(wrong(name, "size of the image", most, format!("{w} x {h} pixels")));
    }
    if w.min(h) == 0 || w.max(h) > w.min(h).saturating_mul(MAX_RATIO) {
        let most = format!("one at most {MAX_RATIO} times the other");
        return Err(wrong(name, "sides of the image", most, format!("{w} x {h} pixels")));
    }
    let orientation = decoder.orientation().map_err(broken)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(broken)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// Whether a JPEG file reaches its end: the decoder would fill up with grey what is missing.
///
/// Within a scan, ff is never followed by da or d9, so the last `ff da` starts the last scan or lies behind it.
fn ends(bytes: &[u8]) -> bool {
    let scan = bytes.windows(2).rposition(|marker| marker == [0xff, 0xda]);
    scan.is_none_or(|scan| bytes[scan..].windows(2).any(|marker| marker == [0xff, 0xd9]))
}

fn fitted(name: &str, image: DynamicImage, fit: Fit) -> Result<DynamicImage> {
    let (w, h) = (image.width(), image.height());
    match fit {
        Fit::Exactly(side) if (w, h) == (side, side) => Ok(image),
        Fit::Exactly(side) => {
            Err(wrong(name, "size of the image", format!("{side} x {side} pixels"), format!("{w} x {h}")))
        }
        Fit::Middle { shorter, side } => {
            // To the nearest whole number; at least `shorter`, as `length` is at least the shorter side.
            let least = w.min(h);
            let resized = |length: u32| (length * shorter + least / 2) / least;
            let image = image.resize_exact(resized(w), resized(h), FilterType::Triangle);
            let [x, y] = [image.width(), image.height()].map(|length| (length - side) / 2);
            Ok(image.crop_imm(x, y, side, side))
        }
    }
}
