//! Draws a panel: grid, reference lines, spread, lines, markers, axes and labels, from back to front.

use std::fmt::Display;

use crate::contour;
use crate::error::Result;
use crate::figure::{Panel, Point, Reference, Scale, Series, Shape};
use crate::font;
use crate::labels::{self, LEADER_FROM, Obstacles, Rect, Wish};
use crate::layout::LEADING;
use crate::marker::draw_marker;
use crate::palette::{Colour, FAINT, INK, PAPER, QUIET, REFERENCE, Style};
use crate::scale::Ruler;
use crate::svg::{Anchor, At, Canvas, Num, Type, path};

pub(crate) const TICK_SIZE: f64 = 11.0;
pub(crate) const AXIS_SIZE: f64 = 12.0;
pub(crate) const TICK_LENGTH: f64 = 4.0;
pub(crate) const REFERENCE_SIZE: f64 = 11.0;
pub(crate) const LINE_WIDTH: f64 = 1.8;
pub(crate) const MARKER_RADIUS: f64 = 3.8;
pub(crate) const BAND_OPACITY: f64 = 0.17;
pub(crate) const CLOUD_OPACITY: f64 = 0.6;
const CLOUD_RADIUS: f64 = 2.4;
const CONTOUR_WIDTH: Num = Num(1.2);
/// The distance between the points of two series at the same category, unless categories are close.
const POINT_SPACING: f64 = 9.0;
const LABEL_SIZE: f64 = 11.0;

/// A panel with its position on the drawing.
pub(crate) struct Plot<'a> {
    pub(crate) panel: &'a Panel,
    pub(crate) x: Ruler,
    pub(crate) y: Ruler,
    /// The plot area.
    pub(crate) frame: Rect,
    /// The number of rows between which x tick labels alternate.
    pub(crate) tick_rows: usize,
    /// Whether the labels of horizontal lines stand inside the plot, above their lines, and not beside it.
    pub(crate) labels_inside: bool,
}

impl Plot<'_> {
    pub(crate) fn draw(&self, canvas: &mut Canvas) -> Result<()> {
        self.draw_grid(canvas)?;
        self.draw_references(canvas)?;
        for series in &self.panel.series {
            self.draw_spread(canvas, series)?;
        }
        for series in self.panel.series.iter().filter(|series| series.shape == Shape::Line) {
            self.draw_line(canvas, series)?;
        }
        self.draw_axes(canvas)?;
        self.draw_clouds(canvas)?;
        for series in self.panel.series.iter().filter(|series| series.shape != Shape::Cloud) {
            for at in self.places(series)? {
                draw_marker(canvas, at, series.style, MARKER_RADIUS, PAPER, 1.0);
            }
        }
        self.draw_labels(canvas)
    }

    /// The horizontal offset of the points of a series from their categories, so that the points of several series stand
    /// side by side; 0 for other series.
    fn category_offset(&self, series: &Series) -> f64 {
        let Scale::Positions(categories) = &self.panel.x.scale else { return 0.0 };
        let points = || self.panel.series.iter().filter(|series| series.shape == Shape::Points);
        let Some(index) = points().position(|other| std::ptr::eq(other, series)) else { return 0.0 };
        let n = points().count() as f64;
        let category_width = self.frame.w / categories.len() as f64;
        (index as f64 - (n - 1.0) / 2.0) * POINT_SPACING.min(category_width / (n + 1.0))
    }

    fn at(&self, x: f64, y: f64) -> Result<At> {
        Ok(At { x: self.frame.x + self.x.place(x)? * self.frame.w, y: self.level(y)? })
    }

    fn level(&self, y: f64) -> Result<f64> {
        Ok(self.frame.y + (1.0 - self.y.place(y)?) * self.frame.h)
    }

    fn right(&self) -> f64 {
        self.frame.x + self.frame.w
    }

    fn bottom(&self) -> f64 {
        self.frame.y + self.frame.h
    }

    fn draw_grid(&self, canvas: &mut Canvas) -> Result<()> {
        for tick in &self.y.ticks {
            let y = self.level(tick.at)?;
            canvas.line(At { x: self.frame.x, y }, At { x: self.right(), y }, FAINT, 1.0, "");
        }
        Ok(())
    }

    /// Dashed lines with labels in the margins, moved apart if they would touch.
    fn draw_references(&self, canvas: &mut Canvas) -> Result<()> {
        let look = Type::new(REFERENCE_SIZE, QUIET, Anchor::Start);
        let mut beside = Vec::new();
        for (i, reference) in self.panel.references.iter().enumerate() {
            let dash = Style::reference_dash(i);
            match reference {
                Reference::Horizontal(tick) => {
                    let y = self.level(tick.at)?;
                    canvas.line(At { x: self.frame.x, y }, At { x: self.right(), y }, REFERENCE, 1.3, dash);
                    beside.push((y, &tick.label));
                }
                Reference::Vertical(tick) => {
                    let x = self.frame.x + self.x.place(tick.at)? * self.frame.w;
                    canvas.line(At { x, y: self.frame.y }, At { x, y: self.bottom() }, REFERENCE, 1.3, dash);
                    let half = font::width(&tick.label, REFERENCE_SIZE) / 2.0;
                    let x = x.clamp(self.frame.x + half, (self.right() - half).max(self.frame.x + half));
                    let look = Type { anchor: Anchor::Middle, ..look };
                    canvas.text(At { x, y: self.frame.y - 5.0 }, look, &tick.label);
                }
            }
        }
        let targets: Vec<f64> = beside.iter().map(|(y, _)| *y).collect();
        let levels = labels::spread_apart(&targets, 1.25 * REFERENCE_SIZE);
        for ((_, label), y) in beside.iter().zip(levels) {
            match self.labels_inside {
                true => canvas.text(
                    At { x: self.right(), y: y - 5.0 },
                    Type { anchor: Anchor::End, ..look },
                    label,
                ),
                false => canvas.text(At { x: self.right() + 6.0, y: y + look.middle() }, look, label),
            }
        }
        Ok(())
    }

    fn draw_spread(&self, canvas: &mut Canvas, series: &Series) -> Result<()> {
        if series.has_band() {
            return self.draw_band(canvas, series);
        }
        if series.shape == Shape::Cloud {
            return Ok(());
        }
        for [from, to] in self.bars(series)? {
            canvas.line(from, to, series.style.colour, 1.1, "");
        }
        Ok(())
    }

    /// The spread of every point as horizontal and vertical lines.
    fn bars(&self, series: &Series) -> Result<Vec<[At; 2]>> {
        let (mut bars, offset) = (Vec::new(), self.category_offset(series));
        let at = |x: f64, y: f64| self.at(x, y).map(|at| At { x: at.x + offset, ..at });
        for point in &series.points {
            let ((left, right), (low, high)) = (point.x_spread, point.y_spread);
            let ends = [[(left, point.y), (right, point.y)], [(point.x, low), (point.x, high)]];
            for [from, to] in ends.into_iter().filter(|[from, to]| from != to) {
                bars.push([at(from.0, from.1)?, at(to.0, to.1)?]);
            }
        }
        Ok(bars)
    }

    fn draw_band(&self, canvas: &mut Canvas, series: &Series) -> Result<()> {
        let upper = series.points.iter().map(|point| self.at(point.x, point.y_spread.1));
        let lower = series.points.iter().rev().map(|point| self.at(point.x, point.y_spread.0));
        let outline = upper.chain(lower).collect::<Result<Vec<At>>>()?;
        let outline = path(&outline, true);
        canvas.element(
            "path",
            &[
                ("class", &"band"),
                ("d", &outline),
                ("fill", &series.style.colour),
                ("fill-opacity", &BAND_OPACITY),
            ],
        );
        Ok(())
    }

    fn draw_line(&self, canvas: &mut Canvas, series: &Series) -> Result<()> {
        let points = self.places(series)?;
        let (points, width) = (path(&points, false), Num(LINE_WIDTH));
        let mut attributes: Vec<(&str, &dyn Display)> = vec![
            ("class", &"line"),
            ("d", &points),
            ("fill", &"none"),
            ("stroke", &series.style.colour),
            ("stroke-width", &width),
            ("stroke-linejoin", &"round"),
        ];
        if !series.style.dash.is_empty() {
            attributes.push(("stroke-dasharray", &series.style.dash));
        }
        canvas.element("path", &attributes);
        Ok(())
    }

    fn places(&self, series: &Series) -> Result<Vec<At>> {
        let offset = self.category_offset(series);
        let at = |point: &Point| self.at(point.x, point.y).map(|at| At { x: at.x + offset, ..at });
        series.points.iter().map(at).collect()
    }

    /// Draws one point of each series in turn, so that no series hides the others, and then the contours.
    fn draw_clouds(&self, canvas: &mut Canvas) -> Result<()> {
        let clouds = || self.panel.series.iter().filter(|series| series.shape == Shape::Cloud);
        let longest = clouds().map(|series| series.points.len()).max().unwrap_or(0);
        for i in 0..longest {
            for series in clouds() {
                if let Some(point) = series.points.get(i) {
                    let at = self.at(point.x, point.y)?;
                    draw_marker(canvas, at, series.style, CLOUD_RADIUS, series.style.colour, CLOUD_OPACITY);
                }
            }
        }
        for series in clouds() {
            let segments = contour::of_half(&self.places(series)?);
            let d: String = segments.iter().map(|segment| path(segment, false)).collect();
            let attributes: [(&str, &dyn Display); 5] = [
                ("class", &"contour"),
                ("d", &d),
                ("fill", &"none"),
                ("stroke", &series.style.colour),
                ("stroke-width", &CONTOUR_WIDTH),
            ];
            if !d.is_empty() {
                canvas.element("path", &attributes);
            }
        }
        Ok(())
    }

    fn draw_axes(&self, canvas: &mut Canvas) -> Result<()> {
        let corner = At { x: self.frame.x, y: self.bottom() };
        canvas.line(corner, At { x: self.right(), ..corner }, INK, 1.0, "");
        canvas.line(corner, At { y: self.frame.y, ..corner }, INK, 1.0, "");
        let below = Type::new(TICK_SIZE, QUIET, Anchor::Middle);
        for (i, tick) in self.x.ticks.iter().enumerate() {
            let at = At { x: self.frame.x + self.x.place(tick.at)? * self.frame.w, ..corner };
            // A tick extends down to its label, past the row above.
            let end = at.y + TICK_LENGTH + (i % self.tick_rows) as f64 * LEADING * TICK_SIZE;
            canvas.line(at, At { y: at.y + TICK_LENGTH, ..at }, INK, 1.0, "");
            if end > at.y + TICK_LENGTH {
                canvas.line(At { y: at.y + TICK_LENGTH, ..at }, At { y: end, ..at }, FAINT, 1.0, "");
            }
            canvas.text(At { y: end + TICK_SIZE + 1.0, ..at }, below, &tick.label);
        }
        let left = Type::new(TICK_SIZE, QUIET, Anchor::End);
        for tick in &self.y.ticks {
            let at = At { y: self.level(tick.at)?, ..corner };
            canvas.line(at, At { x: at.x - TICK_LENGTH, ..at }, INK, 1.0, "");
            canvas.text(At { x: at.x - TICK_LENGTH - 3.0, y: at.y + left.middle() }, left, &tick.label);
        }
        Ok(())
    }

    fn draw_labels(&self, canvas: &mut Canvas) -> Result<()> {
        let mut obstacles = Obstacles::default();
        let mut wishes = Vec::new();
        let mut texts = Vec::new();
        for series in &self.panel.series {
            let places = self.places(series)?;
            if series.shape == Shape::Line {
                obstacles.lines.extend(places.windows(2).map(|pair| [pair[0], pair[1]]));
            }
            if series.shape != Shape::Cloud && !series.has_band() {
                obstacles.lines.extend(self.bars(series)?);
            }
            for (point, at) in series.points.iter().zip(places) {
                obstacles.markers.push(Rect::around(at, MARKER_RADIUS));
                if !point.label.is_empty() && series.shape != Shape::Cloud {
                    let width = font::width(&point.label, LABEL_SIZE) + 2.0;
                    wishes.push(Wish { at, width, height: LABEL_SIZE });
                    texts.push((at, point.label.as_str(), series.style.colour));
                }
            }
        }
        let rects = labels::place(&wishes, &obstacles, self.frame);
        for ((at, text, colour), rect) in texts.into_iter().zip(rects) {
            draw_label(canvas, at, text, colour, rect);
        }
        Ok(())
    }
}

fn draw_label(canvas: &mut Canvas, at: At, text: &str, colour: Colour, rect: Rect) {
    // The corner or midpoint of the box nearest to the point.
    let near = At { x: at.x.clamp(rect.x, rect.x + rect.w), y: at.y.clamp(rect.y, rect.y + rect.h) };
    if (near.x - at.x).hypot(near.y - at.y) > LEADER_FROM {
        canvas.line(at, near, colour, 0.6, "");
    }
    let look = Type::new(LABEL_SIZE, INK, Anchor::Middle);
    let centre = rect.centre();
    canvas.text(At { y: centre.y + look.middle(), ..centre }, look, text);
}
