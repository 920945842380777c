//! One JPEG or PNG file as the bytes of a square image, plane after plane.

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

/// The largest file that is read, and the most that any may unpack to, in bytes.
const MAX_BYTES: u64 = 1 << 28;

/// The most bytes of pixels that a byte of a file can encode: deflate codes at best 258 bytes in two bits, and a JPEG
/// image spends at least a bit on each block of 8 x 8, of which colour images of the common kind have 6 for 16 x 16
/// pixels. A file that claims more is damaged or made to take memory; how dark or plain an image is does not matter.
const MOST_OF_A_BYTE: u64 = 1_032;

/// A pixel of one bit in a PNG file may be decoded to four bytes: colours and transparency of a palette.
const MOST_EXPANDED: u64 = 32;

/// Images of more bytes than this are decoded one at a time, so that many threads do not take many times the memory.
const ONE_AT_A_TIME: u64 = 1 << 26;

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

/// Held while a large image is decoded.
static LARGE: Mutex<()> = Mutex::new(());

/// The image upright, its sizes checked before memory is taken for it.
fn decode(name: &str, bytes: &[u8]) -> Result<DynamicImage> {
    let bytes = match jpeg::is_jpeg(bytes) {
        // The decoder would fill up with grey what is missing.
        true => jpeg::image(bytes).ok_or_else(|| {
            wrong(name, "JPEG image", "an end-of-image marker behind the last scan", "none")
        })?,
        false => bytes,
    };
    let broken = |error: image::ImageError| wrong(name, "image", "a whole JPEG or PNG image", error);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    limits.max_alloc = Some(can_hold(bytes).saturating_mul(MOST_EXPANDED).min(MAX_BYTES));
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
        let most = format!("one at most {MAX_RATIO} times the other");
        return Err(wrong(name, "sides of the image", most, format!("{w} x {h} pixels")));
    }
    let orientation = decoder.orientation().map_err(broken)?;
    let _alone =
        (decoder.total_bytes() > ONE_AT_A_TIME).then(|| LARGE.lock().unwrap_or_else(PoisonError::into_inner));
    let mut image = DynamicImage::from_decoder(decoder).map_err(broken)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// The most bytes of pixels that a file can encode.
fn can_hold(bytes: &[u8]) -> u64 {
    (bytes.len() as u64).saturating_mul(MOST_OF_A_BYTE)
}

/// The bytes of pixels as a PNG file encodes them; `None` for other files.
fn png_bytes(bytes: &[u8], [w, h]: [u32; 2]) -> Option<u64> {
    // The header is the first chunk: 8 bytes of signature, 8 of length and name, width, height, depth, kind of colour.
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
            // To the nearest whole number; at least `shorter`, as `length` is at least the shorter side.
            let least = w.min(h);
            let resized = |length: u32| (length * shorter + least / 2) / least;
            let image = image.resize_exact(resized(w), resized(h), FilterType::Triangle);
            let [x, y] = [image.width(), image.height()].map(|length| (length - side) / 2);
            Ok(image.crop_imm(x, y, side, side))
        }
    }
}
