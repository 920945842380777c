//! Decodes one JPEG or PNG file into the planes of a square image.

use std::{
    io::Cursor,
    path::Path,
    sync::{Mutex, PoisonError},
};

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, imageops::FilterType};
use sha2::{Digest, Sha256};
use system::files;

use super::jpeg;
use crate::{Error, Result, checksum, formats::stored::wrong};

/// The largest size of a file, and the largest decoded size, in bytes.
const MAX_BYTES: u64 = 1 << 28;

/// The largest number of pixel bytes that one byte of a file can encode. Deflate encodes at most 258 bytes in two bits.
/// A JPEG image has at least one bit for each block of 8 x 8, and common colour images have 6 blocks for 16 x 16
/// pixels. A file that declares more pixels is damaged or malicious.
const MAX_PER_BYTE: u64 = 1_032;

/// The largest expansion of a PNG pixel: one bit may be decoded to four bytes (palette colour and transparency).
const MAX_EXPANSION: u64 = 32;

/// Images with more bytes than this are decoded one at a time, to limit the memory of parallel decoding.
const ONE_AT_A_TIME: u64 = 1 << 26;

/// The largest width and height, in pixels.
const MAX_SIDE: u32 = 1 << 14;

/// The largest aspect ratio, so that a narrow image is not resized to an extreme length.
const MAX_RATIO: u32 = 16;

/// How an image is fitted to the image size of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// The image must have this width and height.
    Exactly(u32),
    /// The Exif orientation is applied, the shorter side is resized to `shorter`, and the central crop of `side` x
    /// `side` pixels is taken.
    ///
    /// The resampling filter is a triangle that is widened for downscaling: bilinear with antialiasing.
    Middle { shorter: u32, side: u32 },
}

/// The form to which all images of a set are converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) fit: Fit,
    /// Whether there are three planes (grey is repeated) or one with the Rec. 709 luma. The alpha channel is dropped.
    pub(crate) colour: bool,
}

impl Form {
    /// Channels, height and width.
    pub(crate) fn shape(self) -> [usize; 3] {
        let (Fit::Exactly(side) | Fit::Middle { side, .. }) = self.fit;
        [if self.colour { 3 } else { 1 }, side as usize, side as usize]
    }

    /// The number of bytes of an image.
    pub(crate) fn bytes(self) -> usize {
        self.shape().iter().product()
    }
}

/// Decodes a file into the planes `[c, h, w]` and returns the SHA-256 of the file.
///
/// Fails if it is not a regular file, is too large, or is not a complete JPEG or PNG image. The format is detected from
/// the content. JPEG decoders differ by a few levels, so the content checksum of a set depends on the decoder used
/// here.
pub(crate) fn read(path: &Path, form: Form, planes: &mut [u8]) -> Result<String> {
    let name = path.display().to_string();
    let bytes = files::read(path, MAX_BYTES).map_err(|cause| Error::Io { file: name.clone(), cause })?;
    parse(&name, &bytes, form, planes)?;
    Ok(checksum::hex(Sha256::new_with_prefix(&bytes)))
}

/// Decodes a file in memory; `name` is its name in errors.
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

/// A lock that is held while a large image is decoded.
static LARGE: Mutex<()> = Mutex::new(());

/// Decodes an image and applies its Exif orientation; sizes are checked before memory is allocated.
fn decode(name: &str, bytes: &[u8]) -> Result<DynamicImage> {
    let bytes = match jpeg::is_jpeg(bytes) {
        // The decoder would fill missing data with grey.
        true => jpeg::image(bytes)
            .ok_or_else(|| wrong(name, "JPEG image", "an end-of-image marker after the last scan", "none"))?,
        false => bytes,
    };
    let broken = |error: image::ImageError| wrong(name, "image", "a complete JPEG or PNG image", error);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    limits.max_alloc = Some(can_hold(bytes).saturating_mul(MAX_EXPANSION).min(MAX_BYTES));
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|cause| Error::Io { file: name.to_owned(), cause })?;
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (w, h) = decoder.dimensions();
    let size = |most: String| wrong(name, "size of the image", most, format!("{w} x {h} pixels"));
    if decoder.total_bytes() > MAX_BYTES {
        return Err(size(format!("at most {MAX_BYTES} bytes of pixels")));
    }
    let encoded = png_bytes(bytes, [w, h]).unwrap_or(decoder.total_bytes());
    if encoded > can_hold(bytes) {
        return Err(size(format!("no more pixels than a file of {} bytes can encode", bytes.len())));
    }
    if w.min(h) == 0 || w.max(h) > w.min(h).saturating_mul(MAX_RATIO) {
        let most = format!("an aspect ratio of at most {MAX_RATIO}");
        return Err(wrong(name, "sides of the image", most, format!("{w} x {h} pixels")));
    }
    let orientation = decoder.orientation().map_err(broken)?;
    let _alone =
        (decoder.total_bytes() > ONE_AT_A_TIME).then(|| LARGE.lock().unwrap_or_else(PoisonError::into_inner));
    let mut image = DynamicImage::from_decoder(decoder).map_err(broken)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// The largest number of pixel bytes that a file can encode.
fn can_hold(bytes: &[u8]) -> u64 {
    (bytes.len() as u64).saturating_mul(MAX_PER_BYTE)
}

/// The size of the pixels of a PNG file in bytes before deflate; `None` for other files.
fn png_bytes(bytes: &[u8], [w, h]: [u32; 2]) -> Option<u64> {
    // The header is the first chunk: 8 bytes of signature, 8 of length and name, width, height, depth, colour type.
    let (depth, kind) = (*bytes.get(24)?, *bytes.get(25)?);
    let samples = match kind {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };
    let bits = u64::from(w).saturating_mul(u64::from(depth) * samples);
    bytes.starts_with(b"\x89PNG").then(|| bits.div_ceil(8).saturating_mul(u64::from(h)))
}

fn fitted(name: &str, image: DynamicImage, fit: Fit) -> Result<DynamicImage> {
    let (w, h) = (image.width(), image.height());
    match fit {
        Fit::Exactly(side) if (w, h) == (side, side) => Ok(image),
        Fit::Exactly(side) => {
            Err(wrong(name, "size of the image", format!("{side} x {side} pixels"), format!("{w} x {h}")))
        }
        Fit::Middle { shorter, side } => {
            // The length is rounded to the nearest integer; it is at least `shorter`, because `length` is at least the
            // shorter side.
            let least = w.min(h);
            let resized = |length: u32| (length * shorter + least / 2) / least;
            let image = image.resize_exact(resized(w), resized(h), FilterType::Triangle);
            let [x, y] = [image.width(), image.height()].map(|length| (length - side) / 2);
            Ok(image.crop_imm(x, y, side, side))
        }
    }
}
