//! Heat maps: values over two lists of labels, coloured by their distance from a centre.

use std::fmt::Display;

use crate::error::{Error, Result};
use crate::figure::{check_name, finite, some_text};
use crate::font;
use crate::number::{fixed, magnitude, short};
use crate::palette::{INK, QUIET, diverging};
use crate::raster::Drawing;
use crate::svg::{Anchor, At, Canvas, Num, Type, escape};

const SIZE: f64 = 11.0;
const ROW: f64 = 16.0;
const CELL: (f64, f64) = (44.0, 20.0);
const OUTER: f64 = 16.0;
const BETWEEN: f64 = 30.0;

/// A heat map of panels that share one colour scale.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    /// File name and id, as for a chart.
    pub name: String,
    /// The title, drawn above the map.
    pub title: String,
    /// The caption, below the map on a page and in its text description.
    pub caption: String,
    /// The centre of the colour scale, drawn without colour.
    pub centre: f64,
    /// The panels, two per row.
    pub panels: Vec<HeatPanel>,
}

/// A panel of a heat map.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatPanel {
    /// A short title.
    pub title: String,
    /// The title of the columns.
    pub x: String,
    /// The title of the rows.
    pub y: String,
    /// The labels of the columns.
    pub columns: Vec<String>,
    /// The label and values of each row, from top to bottom; `None` for a missing value.
    pub rows: Vec<(String, Vec<Option<f64>>)>,
}

impl HeatPanel {
    fn label_width(&self) -> f64 {
        font::widest(self.rows.iter().map(|(label, _)| label.as_str()), SIZE) + ROW + 10.0
    }

    fn width(&self) -> f64 {
        let cells = self.columns.len() as f64 * CELL.0;
        self.label_width() + cells.max(font::width(&self.title, SIZE + 1.0))
    }

    fn height(&self) -> f64 {
        self.cells_height() + 3.6 * ROW
    }

    /// The height of the cells, or of the title of the rows if that is larger.
    fn cells_height(&self) -> f64 {
        (self.rows.len() as f64 * CELL.1).max(font::width(&self.y, SIZE))
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.rows.iter().flat_map(|(_, values)| values.iter().flatten().copied())
    }

    fn draw(&self, canvas: &mut Canvas, corner: At, centre: f64, most: f64) {
        let left = corner.x + self.label_width();
        let top = corner.y + 1.4 * ROW;
        canvas.text(
            At { x: left, y: corner.y + ROW },
            Type::new(SIZE + 1.0, INK, Anchor::Start),
            &self.title,
        );
        // Three digits of the value farthest from the centre.
        let decimals = usize::try_from(2 - magnitude(most)).unwrap_or(0).min(4);
        let middle = top + self.cells_height() / 2.0;
        canvas.text_upwards(
            At { x: corner.x + SIZE, y: middle },
            Type::new(SIZE, INK, Anchor::Middle),
            &self.y,
        );
        for (row, (label, values)) in self.rows.iter().enumerate() {
            let y = top + row as f64 * CELL.1;
            let look = Type::new(SIZE, QUIET, Anchor::End);
            canvas.text(At { x: left - 6.0, y: y + CELL.1 / 2.0 + look.middle() }, look, label);
            for (column, value) in values.iter().enumerate() {
                let (Some(value), x) = (value, left + column as f64 * CELL.0) else { continue };
                let (fill, opacity) = diverging((value - centre) / most);
                let cell = [x, y, CELL.0 - 1.0, CELL.1 - 1.0].map(Num);
                let [x_at, y_at, w, h] = &cell;
                let opacity = Num(opacity);
                let place: [(&str, &dyn Display); 4] =
                    [("x", x_at), ("y", y_at), ("width", w), ("height", h)];
                let colour: [(&str, &dyn Display); 2] = [("fill", &fill), ("fill-opacity", &opacity)];
                canvas.element("rect", &[&place[..], &colour].concat());
                let look = Type::new(10.5, INK, Anchor::Middle);
                canvas.text(
                    At { x: x + CELL.0 / 2.0, y: y + CELL.1 / 2.0 + look.middle() },
                    look,
                    &fixed(*value, decimals),
                );
            }
        }
        let bottom = top + self.cells_height();
        for (column, label) in self.columns.iter().enumerate() {
            let at = At { x: left + (column as f64 + 0.5) * CELL.0, y: bottom + 0.9 * ROW };
            canvas.text(at, Type::new(SIZE, QUIET, Anchor::Middle), label);
        }
        let at = At { x: left + self.columns.len() as f64 * CELL.0 / 2.0, y: bottom + 1.9 * ROW };
        canvas.text(at, Type::new(SIZE, INK, Anchor::Middle), &self.x);
    }
}

impl HeatMap {
    /// Fails if the map is empty, a value is not finite, or a row does not have one value per column.
    pub fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        let of = format!("heat map `{}`", self.name);
        some_text(&of, "title", &self.title)?;
        if self.panels.iter().flat_map(HeatPanel::values).next().is_none() {
            return Err(Error::Empty { of, expected: "value" });
        }
        for panel in &self.panels {
            for (label, values) in &panel.rows {
                if values.len() != panel.columns.len() {
                    let expected = format!("{} values, one for each column", panel.columns.len());
                    let of = format!("{of}, row `{label}`");
                    return Err(Error::Mismatch { of, expected, got: values.len().to_string() });
                }
                for value in values.iter().flatten() {
                    finite(&of, || format!("a value of row `{label}`"), *value)?;
                }
            }
        }
        Ok(())
    }

    /// Draws the map. Fails as [`HeatMap::check`] does.
    pub fn draw(&self) -> Result<Drawing> {
        self.check()?;
        let away = self.panels.iter().flat_map(HeatPanel::values).map(|value| (value - self.centre).abs());
        let most = away.fold(f64::MIN_POSITIVE, f64::max);
        let column = self.panels.iter().map(HeatPanel::width).fold(0.0, f64::max);
        let n_columns = self.panels.len().min(2);
        let inner = n_columns as f64 * column + (n_columns - 1) as f64 * BETWEEN;
        let mut canvas = Canvas::default();
        let mut y = OUTER;
        for line in font::wrap(&self.title, 15.0, inner) {
            y += 20.0;
            canvas.text(At { x: OUTER, y }, Type::strong(15.0), &line);
        }
        for pair in self.panels.chunks(n_columns) {
            y += ROW;
            for (place, panel) in pair.iter().enumerate() {
                let x = OUTER + place as f64 * (column + BETWEEN);
                panel.draw(&mut canvas, At { x, y }, self.centre, most);
            }
            y += pair.iter().map(HeatPanel::height).fold(0.0, f64::max);
        }
        let (width, height) = ((inner + 2.0 * OUTER).ceil(), (y + OUTER).ceil());
        let svg = canvas.finish(&self.name, width, height, &self.title, &self.caption);
        Ok(Drawing { svg, width, height })
    }

    /// The values as HTML tables, one per panel.
    pub(crate) fn tables(&self) -> String {
        let table = |panel: &HeatPanel| {
            let head: String =
                panel.columns.iter().map(|of| format!("<th scope=\"col\">{}</th>", escape(of))).collect();
            let cell = |value: &Option<f64>| {
                format!("<td class=\"number\">{}</td>", value.map_or(String::new(), short))
            };
            let row = |(label, values): &(String, Vec<Option<f64>>)| {
                let cells: String = values.iter().map(cell).collect();
                format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape(label))
            };
            let rows: String = panel.rows.iter().map(row).collect();
            let (title, x, y) = (escape(&panel.title), escape(&panel.x), escape(&panel.y));
            format!(
                "<div class=\"scroll\" role=\"group\" aria-label=\"{title}\" tabindex=\"0\">\n<table>\n\
                 <caption>{title}: {y} by {x}</caption>\n<thead><tr><td></td>{head}</tr></thead>\n<tbody>\n\
                 {rows}</tbody>\n</table>\n</div>\n"
            )
        };
        self.panels.iter().map(table).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: Vec<Option<f64>>) -> HeatMap {
        let panel = HeatPanel {
            title: "masks <1>".into(),
            x: "K".into(),
            y: "p".into(),
            columns: vec!["4".into(), "8".into()],
            rows: vec![("0.5".into(), values)],
        };
        let (name, title, caption) = ("heat".to_owned(), "Impact".to_owned(), "Of masks".to_owned());
        HeatMap { name, title, caption, centre: 0.0, panels: vec![panel] }
    }

    #[test]
    fn every_value_has_a_cell_and_missing_ones_have_none() {
        let drawn = map(vec![Some(-1.0), None]).draw().unwrap();
        // The background and one cell.
        assert_eq!(drawn.svg.matches("<rect").count(), 2);
        assert!(drawn.svg.contains("masks &lt;1&gt;"));
        assert!(map(vec![Some(0.0), Some(0.0)]).draw().is_ok(), "nothing but the centre");
    }

    #[test]
    fn an_empty_or_irregular_map_is_refused() {
        assert!(map(vec![None, None]).draw().is_err());
        assert!(map(vec![Some(1.0)]).draw().is_err());
        assert!(map(vec![Some(f64::NAN), None]).draw().is_err());
    }
}
