//! A drawing as SVG, and as PNG rasterised from it with the embedded font.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::error::{Error, Result};
use crate::font;

/// Pixels of the PNG for one unit of the drawing.
const PIXELS_PER_UNIT: f32 = 2.0;

/// Only the embedded font, so that PNGs do not depend on installed fonts.
static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_source(fontdb::Source::Binary(Arc::new(font::BYTES)));
    fonts.set_sans_serif_family("DejaVu Sans");
    Arc::new(fonts)
});

/// A finished drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// The SVG, with text as text.
    pub svg: String,
    /// Width in units of the drawing (CSS pixels).
    pub width: f64,
    /// Height in units of the drawing (CSS pixels).
    pub height: f64,
}

impl Drawing {
    /// The bytes of an anti-aliased PNG, two pixels to a unit.
    pub fn png(&self) -> Result<Vec<u8>> {
        let failed = |reason: String| Error::Raster { width: self.width, height: self.height, reason };
        let options = Options { fontdb: FONTS.clone(), ..Options::default() };
        let tree = Tree::from_str(&self.svg, &options).map_err(|e| failed(e.to_string()))?;
        let size = tree.size().to_int_size().scale_by(PIXELS_PER_UNIT);
        let size = size.ok_or_else(|| failed("the size is out of range".into()))?;
        let mut pixels = Pixmap::new(size.width(), size.height())
            .ok_or_else(|| failed("allocating memory for the pixels failed".into()))?;
        let scale = Transform::from_scale(PIXELS_PER_UNIT, PIXELS_PER_UNIT);
        resvg::render(&tree, scale, &mut pixels.as_mut());
        // The background is opaque, so alpha is dropped.
        let rgb: Vec<u8> = pixels.data().chunks(4).flat_map(|pixel| &pixel[..3]).copied().collect();
        encode(&rgb, size.width(), size.height(), png::ColorType::Rgb).map_err(|e| failed(e.to_string()))
    }
}

/// Encodes 8-bit values in row-major order as PNG with the best compression.
pub(crate) fn encode(
    values: &[u8],
    width: u32,
    height: u32,
    colour: png::ColorType,
) -> std::result::Result<Vec<u8>, png::EncodingError> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Best);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(values)?;
    writer.finish()?;
    Ok(out)
}
