//! The description of a figure as plain data: panels, axes and series, with validation.

use crate::error::{Error, Result};
use crate::palette::Style;
use crate::scale::Ruler;

/// A chart with one or more panels.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// File name and id: a lower-case letter, then lower-case letters, digits, `_` or `-`.
    pub name: String,
    /// The title, drawn above the panels.
    pub title: String,
    /// The caption in sentences, below the figure on a page and in its text description.
    pub caption: String,
    /// The meaning of bands, bars and point labels, drawn below the panels. Required if points have a spread.
    pub note: String,
    /// The number of panels per row.
    pub columns: usize,
    /// The panels, row by row.
    pub panels: Vec<Panel>,
}

/// A pair of axes with series and reference lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// A short title; may be empty.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The series, from back to front.
    pub series: Vec<Series>,
    /// Reference lines at a fixed value, such as chance level.
    pub references: Vec<Reference>,
}

/// A labelled axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The measured quantity.
    pub label: String,
    /// The unit, written in brackets; empty for a dimensionless quantity.
    pub unit: String,
    /// The scale.
    pub scale: Scale,
    /// The range of the axis; `None` chooses it from the data.
    pub range: Option<(f64, f64)>,
    /// Whether the values are fractions that are written as hundredths.
    pub hundredths: bool,
}

impl Axis {
    /// An axis whose range is chosen from the data.
    pub fn new(label: impl Into<String>, unit: impl Into<String>, scale: Scale) -> Self {
        Self { label: label.into(), unit: unit.into(), scale, range: None, hundredths: false }
    }

    /// The same axis for fractions that are written in hundredths of this unit, such as `%` or `points`.
    #[must_use]
    pub fn in_hundredths(self, unit: &str) -> Self {
        Self { unit: unit.into(), hundredths: true, ..self }
    }

    /// The factor by which values are multiplied when they are written as text.
    pub(crate) fn factor(&self) -> f64 {
        if self.hundredths { 100.0 } else { 1.0 }
    }

    /// The same axis with the range `low` to `high`.
    pub fn from_to(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// The label with its unit.
    pub(crate) fn title(&self) -> String {
        if self.unit.is_empty() { self.label.clone() } else { format!("{} ({})", self.label, self.unit) }
    }
}

/// The scale of an axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Scale {
    /// A linear scale.
    Linear,
    /// A logarithmic scale with ticks at powers of two, for values above 0.
    Log2,
    /// A logarithmic scale with ticks at powers of ten, for values above 0.
    Log10,
    /// A logit scale, for values strictly between 0 and 1.
    Logit,
    /// Evenly spaced positions for exactly these values, such as every λ of a sweep with 0 and 1.
    Positions(Vec<Tick>),
}

impl Scale {
    /// Evenly spaced positions for `values`, labelled with the values.
    pub fn positions(values: &[f64]) -> Self {
        Self::Positions(values.iter().map(|&at| Tick { at, label: at.to_string() }).collect())
    }
}

/// A labelled value on an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// The value.
    pub at: f64,
    /// The label.
    pub label: String,
}

/// A series of points.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The label in the legend.
    pub label: String,
    /// At least one point, in drawing order.
    pub points: Vec<Point>,
    /// Colour, marker and dash.
    pub style: Style,
    /// The line between the points.
    pub shape: Shape,
}

/// The line between the points of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Markers on a line. The spread is a band, or bars if x is measured or not ascending.
    Line,
    /// Markers alone; the spread is drawn as bars.
    Points,
    /// A scatter plot of many small translucent markers, with the contour of the densest half; no spread and no labels.
    Cloud,
}

/// A point with its spread over seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The position on the x axis.
    pub x: f64,
    /// The mean or median.
    pub y: f64,
    /// Lower and upper end in y; equal to y if unknown.
    pub y_spread: (f64, f64),
    /// Lower and upper end in x; equal to x if x is not measured.
    pub x_spread: (f64, f64),
    /// The label beside the point; may be empty.
    pub label: String,
}

impl Point {
    /// A point without spread and label.
    pub fn new(x: f64, y: f64) -> Self {
        Self { x, y, y_spread: (y, y), x_spread: (x, x), label: String::new() }
    }

    /// The same point with y between `low` and `high`.
    pub fn y_between(mut self, low: f64, high: f64) -> Self {
        self.y_spread = (low, high);
        self
    }

    /// The same point with x between `low` and `high`.
    pub fn x_between(mut self, low: f64, high: f64) -> Self {
        self.x_spread = (low, high);
        self
    }

    /// The same point with a label.
    pub fn labelled(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn has_spread(&self) -> bool {
        self.y_spread != (self.y, self.y) || self.x_spread != (self.x, self.x)
    }
}

/// A reference line at a fixed value, drawn behind the data and labelled in the margin.
#[derive(Debug, Clone, PartialEq)]
pub enum Reference {
    /// A horizontal line at a value of y.
    Horizontal(Tick),
    /// A vertical line at a value of x.
    Vertical(Tick),
}

impl Series {
    /// Whether the spread is drawn as a band along the line.
    pub(crate) fn has_band(&self) -> bool {
        self.shape == Shape::Line
            && self.points.iter().any(Point::has_spread)
            && self.points.iter().all(|point| point.x_spread == (point.x, point.x))
            && self.points.windows(2).all(|pair| pair[0].x < pair[1].x)
    }

    fn check(&self, of: &str) -> Result<()> {
        if self.points.is_empty() {
            return Err(Error::Empty { of: of.into(), expected: "point" });
        }
        for (i, point) in self.points.iter().enumerate() {
            for (axis, value, (low, high)) in [("x", point.x, point.x_spread), ("y", point.y, point.y_spread)]
            {
                for (what, value) in [("", value), ("lower end of ", low), ("upper end of ", high)] {
                    finite(of, || format!("{what}{axis} of point {i}"), value)?;
                }
                if !(low <= value && value <= high) {
                    return Err(Error::OutsideSpread { of: of.into(), point: i, axis, value, low, high });
                }
            }
        }
        Ok(())
    }
}

impl Panel {
    /// The rulers of both axes for a plot of this size, in units of the drawing.
    pub(crate) fn rulers(&self, of: &str, width: f64, height: f64) -> Result<[Ruler; 2]> {
        let spreads = |of_point: fn(&Point) -> (f64, f64)| {
            let points = self.series.iter().flat_map(|series| &series.points);
            points.map(of_point).flat_map(|(low, high)| [low, high])
        };
        let horizontals = self.references.iter().filter_map(|r| match r {
            Reference::Horizontal(tick) => Some(tick.at),
            Reference::Vertical(_) => None,
        });
        let verticals = self.references.iter().filter_map(|r| match r {
            Reference::Vertical(tick) => Some(tick.at),
            Reference::Horizontal(_) => None,
        });
        let xs: Vec<f64> = spreads(|point| point.x_spread).chain(verticals).collect();
        let ys: Vec<f64> = spreads(|point| point.y_spread).chain(horizontals).collect();
        Ok([Ruler::new(of, &self.x, &xs, width / 48.0)?, Ruler::new(of, &self.y, &ys, height / 38.0)?])
    }

    fn check(&self, of: &str) -> Result<()> {
        for (axis, what) in [(&self.x, "label of the x axis"), (&self.y, "label of the y axis")] {
            some_text(of, what, &axis.label)?;
        }
        if self.series.is_empty() {
            return Err(Error::Empty { of: of.into(), expected: "series" });
        }
        for series in &self.series {
            some_text(of, "label of a series", &series.label)?;
            series.check(&format!("{of}, series `{}`", series.label))?;
        }
        for Reference::Horizontal(tick) | Reference::Vertical(tick) in &self.references {
            some_text(of, "label of a reference line", &tick.label)?;
            finite(of, || format!("reference line `{}`", tick.label), tick.at)?;
        }
        Ok(())
    }
}

impl Chart {
    /// Fails if the figure is misleading or cannot be drawn; names the figure, panel and series.
    pub fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        let of = format!("figure `{}`", self.name);
        some_text(&of, "title", &self.title)?;
        if self.panels.is_empty() {
            return Err(Error::Empty { of, expected: "panel" });
        }
        if self.columns == 0 {
            return Err(Error::Empty { of, expected: "column" });
        }
        for i in 0..self.panels.len() {
            self.panels[i].check(&self.place(i))?;
        }
        let mut points = self.panels.iter().flat_map(|panel| &panel.series).flat_map(|series| &series.points);
        if self.note.trim().is_empty() && points.any(Point::has_spread) {
            return Err(Error::UnexplainedSpread { of });
        }
        Ok(())
    }

    /// The name of a panel in errors.
    pub(crate) fn place(&self, panel: usize) -> String {
        let title = &self.panels[panel].title;
        let title = if title.is_empty() { String::new() } else { format!(" `{title}`") };
        format!("figure `{}`, panel {}{title}", self.name, panel + 1)
    }
}

/// Fails unless the name is a valid file name and id.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(rest) {
        return Ok(());
    }
    Err(Error::Name { name: name.into() })
}

pub(crate) fn some_text(of: &str, what: &'static str, text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::NoText { of: of.into(), what });
    }
    Ok(())
}

pub(crate) fn finite(of: &str, what: impl FnOnce() -> String, value: f64) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    Err(Error::NonFinite { of: of.into(), what: what(), value })
}
