//! The parts of all charts: panels, and points with intervals.

use report::{Axis, Chart, Panel, Point, Scale, Series};

use crate::metric::Metric;
use crate::statistics::{Interval, interval, mean, range};

/// The note on bands and bars.
const NOTE: &str = "Lines are means over seeds, bands and bars their 95 % intervals over seeds. On a logarithmic axis a lower end \
                    below 0 is drawn at the smallest value of a seed. One seed has no interval.";

/// A metric with the labels of its panel and axis.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// The metric.
    pub name: Metric,
    /// The title of its panel.
    pub title: &'static str,
    /// The label of its axis.
    pub label: &'static str,
}

/// The figure; `None` if it is empty.
pub fn figure(name: String, title: String, caption: String, mut panels: Vec<Panel>) -> Option<Chart> {
    panels.retain(|panel| !panel.series.is_empty());
    if panels.is_empty() {
        return None;
    }
    let columns = panels.len().min(3);
    Some(Chart { name, title, caption, note: NOTE.into(), columns, panels })
}

/// A panel with the series that have points. Fractions of accuracy are written in %, their differences in points.
pub fn panel(title: &str, x: Axis, y: &str, mut series: Vec<Series>) -> Panel {
    series.retain(|series| !series.points.is_empty());
    let axis = Axis::new(y, "", Scale::Linear);
    let y = match y.contains("accuracy") && !y.ends_with(", points") && !y.ends_with("(%)") {
        true if y.contains(" - ") || y.contains(" minus ") => axis.in_hundredths("points"),
        true => axis.in_hundredths("%"),
        false => axis,
    };
    Panel { title: title.into(), x, y, series, references: vec![] }
}

/// The mean of values with its 95 % interval, at this x; `None` without values.
pub fn spread(x: f64, values: &[f64]) -> Option<Point> {
    let (mean, low, high) = of_mean(values)?;
    Some(Point::new(x, mean).y_between(low, high))
}

/// As [`spread`], for a logarithmic axis: a lower end that is not positive is replaced by the smallest value.
pub fn positive_spread(x: f64, values: &[f64]) -> Option<Point> {
    let point = spread(x, values)?;
    let (low, high) = point.y_spread;
    Some(point.y_between(if low > 0.0 { low } else { range(values).0 }, high))
}

/// A mean with its 95 % interval; one value has no interval.
fn of_mean(values: &[f64]) -> Option<(f64, f64, f64)> {
    if values.is_empty() {
        return None;
    }
    let (smallest, largest) = range(values);
    // The mean of equal values may differ from them by rounding.
    let mean = mean(values).clamp(smallest, largest);
    if values.len() < 2 {
        return Some((mean, mean, mean));
    }
    let Interval { low, high, .. } = interval(values);
    Some((mean, low.min(mean), high.max(mean)))
}
