//! The parts that all figures are made of.

use report::{Axis, Chart, Panel, Point, Scale, Series};

use crate::metric::Metric;
use crate::statistics::{mean, range};

/// What bands and bars are.
const NOTE: &str = "Lines are means over seeds; bands and bars reach from the lowest to the highest seed.";

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

/// A panel of the series that have points.
pub fn panel(title: &str, x: Axis, y: &str, mut series: Vec<Series>) -> Panel {
    series.retain(|series| !series.points.is_empty());
    Panel { title: title.into(), x, y: Axis::new(y, "", Scale::Linear), series, references: vec![] }
}

/// The mean of values with their range, at a chosen x.
pub fn spread(x: f64, values: &[f64]) -> Option<Point> {
    if values.is_empty() {
        return None;
    }
    let (low, high) = range(values);
    // The mean of equal numbers may differ from them in its last digit.
    Some(Point::new(x, mean(values).clamp(low, high)).y_between(low, high))
}
