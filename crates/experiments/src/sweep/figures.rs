//! The charts of experiments: lines over λ, settings and epochs, and accuracy over error.

mod families;
mod masked;
mod parts;
mod plane;
mod readers;

pub use families::families_over_members;
pub use masked::masked_evaluation;
pub use parts::{Measure, figure, panel, positive_spread, spread};
pub use plane::{latents, reconstructions};
pub use readers::cost_by_reader;

use report::{Axis, Chart, Figure, Panel, Point, Reference, Scale, Series, Shape, Style, Tick};

use crate::error::Result;
use crate::metric::{Baseline, EpochMetric, LinearMetric, Metric};
use crate::statistics::mean;
use crate::sweep::curves::Curves;
use runs::store::Results;

/// An exact linear front is not drawn if its error is smaller than that of the trained network by more than this factor.
const LARGE: f64 = 4.0;

/// The category of the corner's style, a black star, which no line has.
const CORNER: usize = 6;

/// The reconstruction error.
pub const MSE: Measure = Measure { name: Metric::TestMse, title: "Reconstruction", label: "test MSE" };
/// The classification accuracy.
pub const ACCURACY: Measure =
    Measure { name: Metric::TestAccuracy, title: "Classification", label: "test accuracy" };

/// One figure for each family and data set.
///
/// # Errors
/// If the results are not those of a grid.
pub fn of_each(
    results: &Results,
    mut draw: impl FnMut(&Curves<'_>) -> Result<Option<Chart>>,
) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for curves in &Curves::all(results)? {
        figures.extend(draw(curves)?.map(Figure::Chart));
    }
    Ok(figures)
}

/// Error and accuracy over λ, and accuracy over error, with a line for each setting; `name` is the prefix of its name.
///
/// # Errors
/// If the results are not those of a grid.
pub fn trade_off(curves: &Curves<'_>, name: &str) -> Result<Option<Chart>> {
    let mut error = over_lambda(curves, MSE)?;
    let class_mean =
        Tick { at: curves.of_variant(Baseline::ClassMeanMse)?, label: "class-mean image".into() };
    error.references.push(Reference::Horizontal(class_mean));
    let mut caption = "λ is the weight of reconstruction in the encoder's loss: 0 for a pure classifier, 1 for a pure \
                       autoencoder; decoder and classifier are always trained on their own loss at full strength. Left: test \
                       MSE of pixels in [-1, 1]. Middle: test accuracy. Right: accuracy over error, points labelled by λ; \
                       the corner of low error and high accuracy is at the upper left."
        .to_owned();
    if curves.has(LinearMetric::Mse) {
        caption += " Fine dots without markers: the exact linear CRE of the same latent size in closed form, unless its error is \
                    less than a quarter of that of the network.";
    }
    Ok(figure(
        format!("{name}-{}", curves.index),
        format!("Reconstruction and classification over λ ({})", curves.words()),
        caption,
        vec![error, over_lambda(curves, ACCURACY)?, front(curves)?],
    ))
}

/// Metrics over λ, with a line for each setting.
///
/// # Errors
/// If the results are not those of a grid.
pub fn measures_over_lambda(
    curves: &Curves<'_>,
    name: &str,
    title: &str,
    caption: &str,
    measures: &[Measure],
) -> Result<Option<Chart>> {
    let panels = measures.iter().map(|&measure| over_lambda(curves, measure)).collect::<Result<_>>()?;
    let title = format!("{title} ({})", curves.words());
    Ok(figure(format!("{name}-{}", curves.index), title, caption.into(), panels))
}

/// Metrics by setting, with a line for each λ.
///
/// # Errors
/// If the results are not those of a grid.
pub fn measures_over_members(
    curves: &Curves<'_>,
    name: &str,
    title: &str,
    caption: &str,
    measures: &[Measure],
) -> Result<Option<Chart>> {
    let mut panels = Vec::new();
    for measure in measures {
        let mut series = Vec::new();
        for (lambda, value) in curves.lambdas.iter().enumerate() {
            let mut points = Vec::new();
            for (member, (_, number)) in curves.members.iter().enumerate() {
                points.extend(spread(*number, &curves.at(measure.name, member, lambda)?));
            }
            let style = Style::ordered(lambda, curves.lambdas.len());
            series.push(Series { label: format!("λ = {value}"), points, style, shape: Shape::Line });
        }
        panels.push(panel(measure.title, member_axis(curves), measure.label, series));
    }
    let title = format!("{title} ({})", curves.words());
    Ok(figure(format!("{name}-{}", curves.index), title, caption.into(), panels))
}

/// A metric over epochs, with a panel for each setting and a line for each λ.
///
/// # Errors
/// If the results are not those of a grid.
pub fn over_epochs(
    curves: &Curves<'_>,
    name: &str,
    title: &str,
    caption: &str,
    (metric, label): (EpochMetric, &str),
) -> Result<Option<Chart>> {
    let mut panels = Vec::new();
    for (member, (of, _)) in curves.members.iter().enumerate() {
        let mut series = Vec::new();
        for (lambda, value) in curves.lambdas.iter().enumerate() {
            let mut points = Vec::new();
            for epoch in 0..=curves.epochs {
                points.extend(spread(epoch as f64, &curves.after(metric, [member, lambda], epoch)?));
            }
            let style = Style::ordered(lambda, curves.lambdas.len());
            series.push(Series { label: format!("λ = {value}"), points, style, shape: Shape::Line });
        }
        panels.push(panel(of, Axis::new("epoch", "", Scale::Linear), label, series));
    }
    let title = format!("{title} ({})", curves.words());
    Ok(figure(format!("{name}-{}", curves.index), title, caption.into(), panels))
}

/// The note of figures of closed forms.
const EXACT: &str = "Closed forms, so without seeds and spread.";

/// A figure of closed forms; `None` if it is empty.
pub fn exact_figure(name: String, title: String, caption: String, panels: Vec<Panel>) -> Option<Chart> {
    figure(name, title, caption, panels).map(|figure| Chart { note: EXACT.into(), ..figure })
}

/// A metric over λ, with a line for each setting.
///
/// # Errors
/// If the results are not those of a grid.
pub fn over_lambda(curves: &Curves<'_>, measure: Measure) -> Result<Panel> {
    let mut series = Vec::new();
    for (member, (label, _)) in curves.members.iter().enumerate() {
        let mut points = Vec::new();
        for (lambda, &value) in curves.lambdas.iter().enumerate() {
            points.extend(spread(value, &curves.at(measure.name, member, lambda)?));
        }
        series.push(line(curves, member, label, points));
    }
    Ok(panel(measure.title, lambda_axis(curves), measure.label, series))
}

/// Accuracy over error, with a line for each setting, and the exact linear fronts if the results have them.
///
/// # Errors
/// If the results are not those of a grid.
pub fn front(curves: &Curves<'_>) -> Result<Panel> {
    fronts_towards(curves, None)
}

/// The front, with the corner of the first setting, MSE(1) and accuracy(0) at once.
///
/// # Errors
/// If the results are not those of a grid.
pub fn front_with_corner(curves: &Curves<'_>) -> Result<Panel> {
    let (Some(first), Some(last)) = (curves.lambda(0.0), curves.lambda(1.0)) else { return front(curves) };
    let mse = curves.at(Metric::TestMse, 0, last)?;
    let accuracy = curves.at(Metric::TestAccuracy, 0, first)?;
    let corner = (!mse.is_empty() && !accuracy.is_empty()).then(|| Point::new(mean(&mse), mean(&accuracy)));
    fronts_towards(curves, corner)
}

fn fronts_towards(curves: &Curves<'_>, corner: Option<Point>) -> Result<Panel> {
    let mut series = linear_fronts(curves)?;
    for (member, (label, _)) in curves.members.iter().enumerate() {
        let mut points = Vec::new();
        for (lambda, &value) in curves.lambdas.iter().enumerate() {
            let mse = curves.at(Metric::TestMse, member, lambda)?;
            let accuracy = curves.at(Metric::TestAccuracy, member, lambda)?;
            // One line has the labels of all round values and the others those of their ends, so that labels stay apart.
            let is_end = value == 0.0 || value == 1.0;
            let shown = is_end || member == 0 && [0.5, 0.9, 0.99].contains(&value);
            let label = if shown { value.to_string() } else { String::new() };
            points.extend(crossed(&mse, &accuracy).map(|point| point.labelled(label)));
        }
        if let [alone] = points.as_mut_slice() {
            // Settings without λ are run once.
            alone.label.clear();
        }
        series.push(line(curves, member, label, points));
    }
    if let Some(corner) = corner {
        let label = format!("MSE(1) and accuracy(0) of {} at once", curves.members[0].0);
        let style = Style::category(CORNER);
        series.push(Series { label, points: vec![corner], style, shape: Shape::Points });
    }
    Ok(panel("The trade-off", Axis::new("test MSE", "", Scale::Log2), "test accuracy", series))
}

/// The exact linear front of every setting, once for settings of the same latent size; empty if the results have none.
fn linear_fronts(curves: &Curves<'_>) -> Result<Vec<Series>> {
    let mut series: Vec<Series> = Vec::new();
    if !curves.has(LinearMetric::Mse) {
        return Ok(series);
    }
    for (member, (label, _)) in curves.members.iter().enumerate() {
        let mut points = Vec::new();
        for lambda in 0..curves.lambdas.len() {
            let at = |measure| curves.exact(measure, member, lambda);
            let (mse, accuracy) = (at(LinearMetric::Mse)?, at(LinearMetric::Accuracy)?);
            if let (Some(mse), Some(accuracy)) = (mse, accuracy)
                && curves.n(member, lambda)? > 0
            {
                points.push(Point::new(mse, accuracy));
            }
        }
        let most = curves.lambdas.len() - 1;
        let reached = curves.at(Metric::TestMse, member, most)?;
        let exact = curves.exact(LinearMetric::Mse, member, most)?;
        // A linear code of this size keeps nearly all of the image and would compress the other lines.
        if !reached.is_empty() && exact.is_some_and(|exact| LARGE * exact < mean(&reached)) {
            continue;
        }
        if series.iter().all(|known| known.points != points) {
            let style = Style::ordered(member, curves.members.len()).without_markers();
            series.push(Series {
                label: format!("exact linear, {label}"),
                points,
                style,
                shape: Shape::Line,
            });
        }
    }
    if let [alone] = series.as_mut_slice() {
        alone.label = "exact linear".into();
    }
    Ok(series)
}

/// The means of two metrics with their 95 % intervals, for a logarithmic x axis.
pub fn crossed(x: &[f64], y: &[f64]) -> Option<Point> {
    let across = positive_spread(0.0, x)?;
    let (low, high) = across.y_spread;
    let up = spread(0.0, y)?;
    Some(Point { x: across.y, x_spread: (low, high), ..up })
}

/// The axis of λ, with evenly spaced values.
pub fn lambda_axis(curves: &Curves<'_>) -> Axis {
    Axis::new("λ, weight of reconstruction (not to scale)", "", Scale::positions(&curves.lambdas))
}

/// The axis of the settings: logarithmic for numbers that at most double, else evenly spaced with labels.
fn member_axis(curves: &Curves<'_>) -> Axis {
    let numbers: Vec<f64> = curves.members.iter().map(|(_, number)| *number).collect();
    let doubling =
        numbers.len() > 3 && numbers.windows(2).all(|pair| pair[0] > 0.0 && pair[1] <= 2.0 * pair[0]);
    let ticks = curves.members.iter().map(|(label, at)| Tick { at: *at, label: label.clone() }).collect();
    let scale = if doubling { Scale::Log2 } else { Scale::Positions(ticks) };
    Axis::new(&curves.member, "", scale)
}

fn line(curves: &Curves<'_>, member: usize, label: &str, points: Vec<Point>) -> Series {
    let style = Style::ordered(member, curves.members.len());
    Series { label: label.into(), points, style, shape: Shape::Line }
}
