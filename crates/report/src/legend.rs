//! The legend: outside the plot, in wrapped rows, with each series drawn as in the panel.

use std::fmt::Display;

use crate::figure::{Series, Shape};
use crate::font;
use crate::marker::draw_marker;
use crate::palette::{INK, PAPER};
use crate::panel::{BAND_OPACITY, LINE_WIDTH, MARKER_RADIUS};
use crate::svg::{Anchor, At, Canvas, Num, Type};

const SIZE: f64 = 12.0;
const ROW: f64 = 19.0;
const GAP: f64 = 20.0;
const KEY_TO_TEXT: f64 = 7.0;

/// A legend entry of a series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry<'a> {
    series: &'a Series,
    has_band: bool,
}

/// Entries in rows; positions are relative to the top left corner of the legend.
#[derive(Debug, Clone)]
pub(crate) struct Legend<'a> {
    entries: Vec<(At, Entry<'a>)>,
    pub(crate) height: f64,
}

impl Entry<'_> {
    fn key_width(&self) -> f64 {
        if self.series.shape == Shape::Line { 30.0 } else { 10.0 }
    }

    fn width(&self) -> f64 {
        self.key_width() + KEY_TO_TEXT + font::width(&self.series.label, SIZE)
    }

    /// The label.
    pub(crate) fn label(&self) -> &str {
        &self.series.label
    }

    /// A sample of the line and marker of the series, with its width and height.
    pub(crate) fn sample(&self) -> (String, [f64; 2]) {
        let mut canvas = Canvas::default();
        draw_key(&mut canvas, At { x: 0.0, y: ROW / 2.0 }, self);
        (canvas.elements(), [self.key_width(), ROW])
    }

    /// Whether two entries have the same label and style.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let [a, b] = [self.series, other.series];
        (&a.label, a.style, a.shape) == (&b.label, b.style, b.shape)
    }
}

/// One entry per series.
pub(crate) fn entries(series: &[Series]) -> Vec<Entry<'_>> {
    series.iter().map(|series| Entry { series, has_band: series.has_band() }).collect()
}

impl<'a> Legend<'a> {
    /// Places the entries in rows of this width.
    pub(crate) fn new(entries: Vec<Entry<'a>>, width: f64) -> Self {
        let (mut x, mut y) = (0.0, 0.0);
        let mut placed = Vec::new();
        for entry in entries {
            if x > 0.0 && x + entry.width() > width {
                (x, y) = (0.0, y + ROW);
            }
            let at = At { x, y: y + ROW / 2.0 };
            x += entry.width() + GAP;
            placed.push((at, entry));
        }
        let height = if placed.is_empty() { 0.0 } else { y + ROW };
        Self { entries: placed, height }
    }

    /// Draws the legend with its top left corner at `corner`.
    pub(crate) fn draw(&self, canvas: &mut Canvas, corner: At) {
        for (at, entry) in &self.entries {
            let at = At { x: corner.x + at.x, y: corner.y + at.y };
            draw_key(canvas, at, entry);
            let look = Type::new(SIZE, INK, Anchor::Start);
            let x = at.x + entry.key_width() + KEY_TO_TEXT;
            canvas.text(At { x, y: at.y + look.middle() }, look, &entry.series.label);
        }
    }
}

fn draw_key(canvas: &mut Canvas, at: At, entry: &Entry<'_>) {
    let (style, width) = (entry.series.style, entry.key_width());
    if entry.has_band {
        let (x, y, w, h) = (Num(at.x), Num(at.y - 6.0), Num(width), Num(12.0));
        let fill: [(&str, &dyn Display); 2] = [("fill", &style.colour), ("fill-opacity", &BAND_OPACITY)];
        let place: [(&str, &dyn Display); 4] = [("x", &x), ("y", &y), ("width", &w), ("height", &h)];
        canvas.element("rect", &[place.as_slice(), fill.as_slice()].concat());
    }
    if entry.series.shape == Shape::Line {
        let end = At { x: at.x + width, ..at };
        canvas.line(at, end, style.colour, LINE_WIDTH, style.dash);
    }
    let middle = At { x: at.x + width / 2.0, ..at };
    draw_marker(canvas, middle, style, MARKER_RADIUS, PAPER, 1.0);
}
