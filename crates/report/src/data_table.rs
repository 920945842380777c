//! The data of a figure as HTML tables, as an alternative to the drawing.

use crate::figure::{Axis, Chart, Panel, Point, Scale, Series, Shape};
use crate::number::short;
use crate::svg::escape;

/// One table per panel.
pub(crate) fn tables(figure: &Chart) -> String {
    figure.panels.iter().map(table).collect()
}

fn table(panel: &Panel) -> String {
    let (x, y) = (panel.x.title(), panel.y.title());
    let title = if panel.title.is_empty() { format!("{y} over {x}") } else { panel.title.clone() };
    let rows: Vec<[String; 4]> = panel.series.iter().flat_map(|series| rows(panel, series)).collect();
    // The label column is omitted if no point has a label.
    let columns = if rows.iter().any(|[.., label]| !label.is_empty()) { 4 } else { 3 };
    let header = ["series", &x, &y, "label"].map(|name| format!("<th scope=\"col\">{}</th>", escape(name)));
    let body: String = rows.iter().map(|row| html_row(&row[..columns])).collect();
    let (title, header) = (escape(&title), header[..columns].concat());
    format!(
        "<div class=\"scroll\" role=\"group\" aria-label=\"{title}\" tabindex=\"0\">\n<table>\n\
         <caption>{title}</caption>\n<thead><tr>{header}</tr></thead>\n<tbody>\n\
         {body}</tbody>\n</table>\n</div>\n"
    )
}

/// Series, x, y and label of every point.
fn rows(panel: &Panel, series: &Series) -> Vec<[String; 4]> {
    // A cloud has too many points for a table, so only its mean is shown.
    if series.shape == Shape::Cloud {
        let n = series.points.len() as f64;
        let mean = |of: fn(&Point) -> f64| series.points.iter().map(of).sum::<f64>() / n;
        let [x, y] = [(&panel.x, mean(|p| p.x)), (&panel.y, mean(|p| p.y))]
            .map(|(axis, at)| with_spread(axis, at, (at, at)));
        return vec![[series.label.clone(), x, y, format!("mean of {n} points")]];
    }
    let point = |point: &Point| {
        let x = with_spread(&panel.x, point.x, point.x_spread);
        [series.label.clone(), x, with_spread(&panel.y, point.y, point.y_spread), point.label.clone()]
    };
    series.points.iter().map(point).collect()
}

fn html_row(cells: &[String]) -> String {
    let cell = |(i, text): (usize, &String)| match i {
        0 => format!("<th scope=\"row\">{}</th>", escape(text)),
        _ => format!("<td>{}</td>", escape(text)),
    };
    format!("<tr>{}</tr>\n", cells.iter().enumerate().map(cell).collect::<String>())
}

fn with_spread(axis: &Axis, value: f64, (low, high): (f64, f64)) -> String {
    let shown = |value: f64| match &axis.scale {
        Scale::Positions(ticks) => {
            ticks.iter().find(|tick| tick.at == value).map_or_else(|| short(value), |tick| tick.label.clone())
        }
        _ => short(axis.factor() * value),
    };
    if (low, high) == (value, value) {
        return shown(value);
    }
    format!("{} ({} to {})", shown(value), shown(low), shown(high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_in_brackets_and_a_position_has_its_label() {
        let linear = Axis::new("error", "", Scale::Linear);
        assert_eq!(with_spread(&linear, 0.5, (0.25, 0.75)), "0.5 (0.25 to 0.75)");
        assert_eq!(with_spread(&linear, -0.5, (-0.5, -0.5)), "−0.5");
        let accuracy = Axis::new("accuracy", "", Scale::Linear).in_hundredths("%");
        assert_eq!(with_spread(&accuracy, 0.826, (0.8, 0.84)), "82.6 (80 to 84)");
        let positions = Axis::new("λ", "", Scale::positions(&[0.0, 0.000_01]));
        assert_eq!(with_spread(&positions, 0.000_01, (0.000_01, 0.000_01)), "0.00001");
    }
}
