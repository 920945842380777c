//! A grid of images, such as originals above their reconstructions.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Error, Result};
use crate::figure::{check_name, finite, some_text};
use crate::font;
use crate::number;
use crate::palette::{INK, QUIET};
use crate::raster::{Drawing, encode};
use crate::svg::{Anchor, At, Canvas, Num, Type};

const OUTER: f64 = 16.0;
const TITLE_SIZE: f64 = 15.0;
const LABEL_SIZE: f64 = 12.0;
const SMALL_SIZE: f64 = 11.0;
const LEADING: f64 = 1.3;
const GAP: f64 = 5.0;
/// Images are enlarged by an integer factor until their longer side has at least this many units.
const MIN_SIDE: usize = 64;

/// A grey or RGB image with values in [0, 1].
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    h: usize,
    w: usize,
    c: usize,
    values: Vec<f32>, // [h, w, c]
}

impl Image {
    /// An image from `values: [h, w, c]` in row-major order, with `c` = 1 (grey) or 3 (RGB).
    /// Values outside [0, 1] are clipped, and the grid states their number.
    /// Fails if the counts do not match or a value is NaN or infinite.
    pub fn new(h: usize, w: usize, c: usize, values: Vec<f32>) -> Result<Self> {
        let of = check_counts(h, w, c, values.len())?;
        for (i, &value) in values.iter().enumerate() {
            finite(&of, || format!("value {i}"), f64::from(value))?;
        }
        Ok(Self { h, w, c, values })
    }

    /// An image from `values: [c, h, w]`, one plane per channel.
    pub fn from_planes(c: usize, h: usize, w: usize, values: &[f32]) -> Result<Self> {
        check_counts(h, w, c, values.len())?;
        let plane = h * w;
        let pixels = (0..plane).flat_map(|pixel| values.iter().skip(pixel).step_by(plane));
        Self::new(h, w, c, pixels.copied().collect())
    }

    /// Encodes a PNG with each pixel enlarged to a square of `zoom` pixels.
    fn png(&self, zoom: usize) -> Vec<u8> {
        let byte = |value: &f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
        let mut bytes = Vec::with_capacity(self.values.len() * zoom * zoom);
        for row in self.values.chunks(self.w * self.c) {
            let wide: Vec<u8> = row
                .chunks(self.c)
                .flat_map(|pixel| pixel.iter().map(byte).cycle().take(zoom * self.c))
                .collect();
            bytes.extend(wide.iter().cycle().take(zoom * wide.len()));
        }
        let size =
            |n: usize| u32::try_from(n * zoom).expect("an image that fits in memory has a 32-bit side");
        let colour = if self.c == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb };
        encode(&bytes, size(self.w), size(self.h), colour).expect("writing to a vector cannot fail")
    }
}

/// A grid of images with row labels and column names.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageGrid {
    /// File name and id, as for a figure.
    pub name: String,
    /// The title, drawn above the grid.
    pub title: String,
    /// The caption, below the grid on a page and in its text description.
    pub caption: String,
    /// The names of the columns, such as classes.
    pub columns: Vec<String>,
    /// The rows, from top to bottom.
    pub rows: Vec<GridRow>,
}

/// A row with one image per column.
#[derive(Debug, Clone, PartialEq)]
pub struct GridRow {
    /// The label of the row, such as `λ = 0.5`.
    pub label: String,
    /// A small second line, such as the row's error; may be empty.
    pub note: String,
    /// The images, all of the same size.
    pub images: Vec<Image>,
}

impl ImageGrid {
    /// Fails if the grid is empty or its counts and sizes do not match; names the grid and the row.
    pub fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        let of = format!("grid `{}`", self.name);
        some_text(&of, "title", &self.title)?;
        let first = self.rows.first().and_then(|row| row.images.first());
        let first = first.ok_or(Error::Empty { of, expected: "row with an image" })?;
        for row in &self.rows {
            let of = format!("grid `{}`, row `{}`", self.name, row.label);
            some_text(&of, "label of a row", &row.label)?;
            if row.images.len() != self.columns.len() {
                let expected = format!("{} images, one for each column", self.columns.len());
                return Err(mismatch(of, &expected, row.images.len().to_string()));
            }
            if let Some(other) = row.images.iter().find(|image| (image.h, image.w) != (first.h, first.w)) {
                let expected = format!("images of {} x {}", first.h, first.w);
                return Err(mismatch(of, &expected, format!("{} x {}", other.h, other.w)));
            }
        }
        Ok(())
    }

    /// Draws the grid. Fails as [`ImageGrid::check`] does.
    pub fn draw(&self) -> Result<Drawing> {
        self.check()?;
        let first = &self.rows[0].images[0];
        let zoom = MIN_SIDE.div_ceil(first.h.max(first.w));
        let (w, h) = ((first.w * zoom) as f64, (first.h * zoom) as f64);
        let names: Vec<Vec<String>> =
            self.columns.iter().map(|name| font::wrap(name, SMALL_SIZE, w + GAP)).collect();
        let cell_w = w.max(font::widest(names.iter().flatten().map(String::as_str), SMALL_SIZE)) + GAP;
        let cell_h = h.max(LEADING * (LABEL_SIZE + SMALL_SIZE)) + GAP;
        let left = 10.0
            + font::widest(self.rows.iter().map(|row| row.label.as_str()), LABEL_SIZE)
                .max(font::widest(self.rows.iter().map(|row| row.note.as_str()), SMALL_SIZE));
        let inner = left + self.columns.len() as f64 * cell_w;

        let mut canvas = Canvas::default();
        let mut y = OUTER;
        for line in font::wrap(&self.title, TITLE_SIZE, inner) {
            canvas.text(At { x: OUTER, y: y + TITLE_SIZE }, Type::strong(TITLE_SIZE), &line);
            y += LEADING * TITLE_SIZE;
        }
        y += 8.0;
        let lines = names.iter().map(Vec::len).max().unwrap_or(0) as f64;
        for (i, name) in names.iter().enumerate() {
            let x = OUTER + left + (i as f64 + 0.5) * cell_w;
            for (line, text) in name.iter().rev().enumerate() {
                let at = At { x, y: y + (lines - line as f64) * LEADING * SMALL_SIZE - 4.0 };
                canvas.text(at, Type::new(SMALL_SIZE, INK, Anchor::Middle), text);
            }
        }
        y += lines * LEADING * SMALL_SIZE + 2.0;
        for row in &self.rows {
            self.draw_row(&mut canvas, row, At { x: OUTER, y }, [left, cell_w, w, h], zoom);
            y += cell_h;
        }
        if let Some(note) = self.note() {
            y += LEADING * SMALL_SIZE;
            canvas.text(At { x: OUTER, y }, Type::new(SMALL_SIZE, QUIET, Anchor::Start), &note);
        }
        let (width, height) = ((inner + 2.0 * OUTER).ceil(), (y + OUTER).ceil());
        let svg = canvas.finish(&self.name, width, height, &self.title, &self.description());
        Ok(Drawing { svg, width, height })
    }

    fn draw_row(
        &self,
        canvas: &mut Canvas,
        row: &GridRow,
        corner: At,
        [left, cell_w, w, h]: [f64; 4],
        zoom: usize,
    ) {
        let label = Type::new(LABEL_SIZE, INK, Anchor::End);
        let note = Type::new(SMALL_SIZE, QUIET, Anchor::End);
        let (x, middle) = (corner.x + left - 10.0, corner.y + h / 2.0);
        let up = if row.note.is_empty() { 0.0 } else { 0.5 * LEADING * SMALL_SIZE };
        canvas.text(At { x, y: middle - up + label.middle() }, label, &row.label);
        if !row.note.is_empty() {
            canvas.text(At { x, y: middle + 0.5 * LEADING * LABEL_SIZE + note.middle() }, note, &row.note);
        }
        for (i, image) in row.images.iter().enumerate() {
            let x = corner.x + left + i as f64 * cell_w + (cell_w - w) / 2.0;
            let data = format!("data:image/png;base64,{}", STANDARD.encode(image.png(zoom)));
            canvas.element(
                "image",
                &[
                    ("x", &Num(x.round())),
                    ("y", &Num(corner.y.round())),
                    ("width", &Num(w)),
                    ("height", &Num(h)),
                    ("image-rendering", &"optimizeSpeed"),
                    ("style", &"image-rendering:pixelated"),
                    ("href", &data),
                ],
            );
        }
    }

    /// The note on clipped values.
    fn note(&self) -> Option<String> {
        let values = || self.rows.iter().flat_map(|row| &row.images).flat_map(|image| &image.values);
        let outside = values().filter(|value| !(0.0..=1.0).contains(*value)).count();
        (outside > 0).then(|| {
            let share = number::short(100.0 * outside as f64 / values().count() as f64);
            format!("{outside} values ({share} %) lie outside [0, 1] and are drawn as 0 or 1.")
        })
    }

    fn description(&self) -> String {
        let rows: Vec<String> = self
            .rows
            .iter()
            .map(|row| {
                if row.note.is_empty() { row.label.clone() } else { format!("{} ({})", row.label, row.note) }
            })
            .collect();
        let caption = self.caption.trim();
        let space = if caption.is_empty() { "" } else { " " };
        format!("{caption}{space}Rows: {}. Columns: {}.", rows.join("; "), self.columns.join(", "))
    }
}

/// The name of an image in errors; fails if its counts do not match.
fn check_counts(h: usize, w: usize, c: usize, values: usize) -> Result<String> {
    let of = format!("image of {h} x {w} x {c}");
    if h == 0 || w == 0 || !matches!(c, 1 | 3) {
        return Err(mismatch(of, "h and w above 0, c = 1 or 3", format!("h = {h}, w = {w}, c = {c}")));
    }
    if h.checked_mul(w).and_then(|n| n.checked_mul(c)) != Some(values) {
        return Err(mismatch(of, "h · w · c values", format!("{values} values")));
    }
    Ok(of)
}

fn mismatch(of: String, expected: &str, got: String) -> Error {
    Error::Mismatch { of, expected: expected.into(), got }
}
