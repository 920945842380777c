//! The parts that all figures are made of.

use report::{Axis, Chart, Panel, Point, Scale, Series};

use crate::metric::Metric;
use crate::statistics::{Interval, interval, mean, range};

/// What bands and bars are.
const NOTE: &str = "Lines are means over seeds; bands and bars are the 95 % intervals of these means over seeds, the statistic \
                    of the verdicts; on a logarithmic axis an end below 0 is the lowest seed's. One seed has no interval.";

/// A metric with the words of its axis.
#[derive(Debug, Clone, Copy)]
pub struct Measure<M = Metric> {
    /// What is drawn.
    pub name: M,
    /// The title of its panel.
    pub title: &'static str,
    /// The label of its axis.
    pub label: &'static str,
}

/// The figure, unless nothing is in it.
pub fn figure(name: String, title: String, caption: String, mut panels: Vec<Panel>) -> Option<Chart> {
    panels.retain(|panel| !panel.series.is_empty());
    if panels.is_empty() {
        return None;
    }
    let columns = panels.len().min(3);
    Some(Chart { name, title, caption, note: NOTE.into(), columns, panels })
}

/// A panel of the series that have points. Fractions of accuracy are written in %, their differences in points.
pub fn panel(title: &str, x: Axis, y: &str, mut series: Vec<Series>) -> Panel {
    series.retain(|series| !series.points.is_empty());
    let axis = Axis::new(y, "", Scale::Linear);
    let y = match y.contains("accuracy") && !y.ends_with(", points") && !y.ends_with("(%)") {
        true if y.contains(" - ") || y.contains(" less ") => axis.in_hundredths("points"),
        true => axis.in_hundredths("%"),
        false => axis,
    };
    Panel { title: title.into(), x, y, series, references: vec![] }
}

/// The mean of values with its 95 % interval, at a chosen x.
pub fn spread(x: f64, values: &[f64]) -> Option<Point> {
    let (mean, low, high) = of_mean(values)?;
    Some(Point::new(x, mean).y_between(low, high))
}

/// The same for a logarithmic axis, which has no place for an end that is not positive: it is the lowest seed's.
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
    // The mean of equal numbers may differ from them in its last digit.
    let mean = mean(values).clamp(smallest, largest);
    if values.len() < 2 {
        return Some((mean, mean, mean));
    }
    let Interval { low, high, .. } = interval(values);
    Some((mean, low.min(mean), high.max(mean)))
}
