//! Layout of a figure: one size for all plots, margins as wide as their texts.

use crate::figure::{Chart, Panel, Reference, Scale};
use crate::font;
use crate::labels::Rect;
use crate::legend::Legend;
use crate::panel::{AXIS_SIZE, REFERENCE_SIZE, TICK_LENGTH, TICK_SIZE};
use crate::scale::{self, Ruler};
use crate::svg::At;

/// The margin of the drawing.
pub(crate) const OUTER: f64 = 16.0;
pub(crate) const PANEL_TITLE_SIZE: f64 = 13.0;
/// The height of a line of text, as a multiple of its size.
pub(crate) const LEADING: f64 = 1.35;
/// The plot of a panel of many.
const PANEL: (f64, f64) = (300.0, 230.0);
const BETWEEN_COLUMNS: f64 = 22.0;
const BETWEEN_ROWS: f64 = 18.0;
/// The space between neighbouring tick labels.
const TICK_GAP: f64 = 7.0;

/// Width and height of the plots of a figure: large for one column, smaller for many, and wide enough for two rows of
/// tick labels at evenly spaced positions.
pub(crate) fn plot_size(figure: &Chart) -> (f64, f64) {
    let (width, height) = match columns(figure) {
        1 => (520.0, 320.0),
        2 => (390.0, 270.0),
        _ => PANEL,
    };
    let needed = figure.panels.iter().map(|panel| width_for_ticks(panel, 2));
    (needed.fold(width, f64::max), height)
}

/// Width and height of the plot of a panel that is a drawing of its own.
pub(crate) fn panel_size(panel: &Panel) -> (f64, f64) {
    (PANEL.0.max(width_for_ticks(panel, 2)), PANEL.1)
}

/// The number of rows of x tick labels, so that they do not touch.
pub(crate) fn tick_rows(panel: &Panel, plot_w: f64) -> usize {
    if width_for_ticks(panel, 1) <= plot_w { 1 } else { 2 }
}

/// The width of a plot whose evenly spaced labels alternate between `rows` rows.
fn width_for_ticks(panel: &Panel, rows: usize) -> f64 {
    let Scale::Positions(ticks) = &panel.x.scale else { return 0.0 };
    let widths: Vec<f64> = ticks.iter().map(|tick| font::width(&tick.label, TICK_SIZE)).collect();
    let neighbours = widths.iter().zip(widths.iter().skip(rows));
    let step = neighbours.map(|(a, b)| ((a + b) / 2.0 + TICK_GAP) / rows as f64).fold(0.0, f64::max);
    step * ticks.len().saturating_sub(1) as f64 / (1.0 - 2.0 * scale::MARGIN)
}

fn columns(figure: &Chart) -> usize {
    figure.columns.min(figure.panels.len())
}

/// The layout of a figure.
pub(crate) struct Layout {
    plot: (f64, f64),
    columns: usize,
    rows: usize,
    /// The space left and right of the plots of each column.
    sides: Vec<(f64, f64)>,
    /// The space above a plot: panel title, legend, labels of vertical lines.
    top: f64,
    /// The space below a plot: ticks, tick labels, axis title.
    bottom: f64,
}

impl Layout {
    /// The layout of these panels with plots of one size, their rulers, wrapped titles and legends.
    pub(crate) fn new(
        figure: &Chart,
        plot: (f64, f64),
        rulers: &[[Ruler; 2]],
        titles: &[Vec<String>],
        own: &[Legend<'_>],
    ) -> Self {
        let columns = columns(figure);
        let side = |column: usize| {
            let inside = (0..figure.panels.len()).filter(|i| i % columns == column);
            inside
                .map(|i| sides(&figure.panels[i], &rulers[i]))
                .fold((0.0, 0.0), |a: (f64, f64), b| (a.0.max(b.0), a.1.max(b.1)))
        };
        let mut references = figure.panels.iter().flat_map(|panel| &panel.references);
        let has_names_above = references.any(|r| matches!(r, Reference::Vertical(_)));
        let title_lines =
            titles.iter().map(Vec::len).max().unwrap_or(0).max(usize::from(figure.panels.len() > 1));
        let legend = own.iter().map(|legend| legend.height).fold(0.0, f64::max);
        let tick_rows = figure.panels.iter().map(|panel| tick_rows(panel, plot.0)).max().unwrap_or(1);
        Self {
            plot,
            columns,
            rows: figure.panels.len().div_ceil(columns),
            sides: (0..columns).map(side).collect(),
            top: title_lines as f64 * LEADING * PANEL_TITLE_SIZE
                + if legend > 0.0 { legend + 4.0 } else { 0.0 }
                + if has_names_above { LEADING * REFERENCE_SIZE } else { 0.0 }
                + 8.0,
            bottom: bottom(tick_rows),
        }
    }

    /// The total width of the columns.
    pub(crate) fn width(&self) -> f64 {
        self.left_of(self.columns) - OUTER - BETWEEN_COLUMNS
    }

    /// The total height of the rows.
    pub(crate) fn height(&self) -> f64 {
        self.rows as f64 * (self.cell_h() + BETWEEN_ROWS) - BETWEEN_ROWS
    }

    /// The upper left corner of a panel and the frame of its plot, if the first row starts at `top`.
    pub(crate) fn panel(&self, index: usize, top: f64) -> (At, Rect) {
        let (column, row) = (index % self.columns, index / self.columns);
        let corner = At { x: self.left_of(column), y: top + row as f64 * (self.cell_h() + BETWEEN_ROWS) };
        let (w, h) = self.plot;
        (corner, Rect { x: corner.x + self.sides[column].0, y: corner.y + self.top, w, h })
    }

    /// The baseline of the title of an x axis.
    pub(crate) fn axis_title_below(&self, frame: Rect, tick_rows: usize) -> f64 {
        frame.y + frame.h + bottom(tick_rows) - 8.0
    }

    fn cell_h(&self) -> f64 {
        self.top + self.plot.1 + self.bottom
    }

    fn left_of(&self, column: usize) -> f64 {
        let before = self.sides[..column].iter();
        OUTER + before.map(|(left, right)| left + self.plot.0 + right + BETWEEN_COLUMNS).sum::<f64>()
    }
}

/// The space below one plot.
fn bottom(tick_rows: usize) -> f64 {
    TICK_LENGTH + tick_rows as f64 * LEADING * TICK_SIZE + LEADING * AXIS_SIZE + 6.0
}

/// The space left and right of one plot.
fn sides(panel: &Panel, [x, y]: &[Ruler; 2]) -> (f64, f64) {
    let y_labels = y.ticks.iter().map(|tick| tick.label.as_str());
    let left = LEADING * AXIS_SIZE + 6.0 + font::widest(y_labels, TICK_SIZE) + TICK_LENGTH + 4.0;
    let beside = panel.references.iter().filter_map(|r| match r {
        Reference::Horizontal(tick) => Some(tick.label.as_str()),
        Reference::Vertical(_) => None,
    });
    let beside = font::widest(beside, REFERENCE_SIZE);
    // The last label of an x axis may extend half outside.
    let last = x.ticks.last().map_or(0.0, |tick| font::width(&tick.label, TICK_SIZE) / 2.0);
    (left, last.max(if beside > 0.0 { beside + 8.0 } else { 0.0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::{Axis, Tick};

    fn panel(labels: &[&str]) -> Panel {
        let ticks = labels.iter().enumerate().map(|(i, &label)| Tick { at: i as f64, label: label.into() });
        let x = Axis::new("x", "", Scale::Positions(ticks.collect()));
        let y = Axis::new("y", "", Scale::Linear);
        Panel { title: String::new(), x, y, series: vec![], references: vec![] }
    }

    #[test]
    fn labels_that_would_touch_are_placed_in_two_rows() {
        assert_eq!(tick_rows(&panel(&["0", "0.5", "1"]), 300.0), 1);
        assert_eq!(tick_rows(&panel(&["0.0001"; 9]), 300.0), 2);
    }

    #[test]
    fn two_rows_need_less_width_than_one() {
        let many = panel(&["0.0001"; 12]);
        assert!(width_for_ticks(&many, 2) < width_for_ticks(&many, 1));
    }
}
