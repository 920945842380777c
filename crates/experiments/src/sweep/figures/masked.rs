//! The test metrics of models that see images with patches removed.

use report::{Axis, Chart, Scale, Series, Shape, Style, Tick};

use super::{figure, panel, spread};
use crate::error::Result;
use crate::sweep::curves::Curves;
use runs::run::MASKED_TEST;

/// The titles and axis labels of the panels, in the order of [`MASKED_TEST`].
const PANELS: [[&str; 2]; 4] = [
    ["Loss", "masked test L(λ)"],
    ["Removed patches", "masked test MSE"],
    ["Cross-entropy", "masked test cross-entropy"],
    ["Classification", "masked test accuracy"],
];

/// The four test metrics with masked input (section 2.4 of the CRE specification), a point for each member that removes
/// patches and a line for each λ; `name` begins its name.
///
/// # Errors
/// If the results are not those of a grid.
pub fn masked_evaluation(curves: &Curves<'_>, name: &str) -> Result<Option<Chart>> {
    // Results that were stored by earlier versions do not have them.
    if MASKED_TEST.iter().any(|(measure, _)| !curves.has(measure)) {
        return Ok(None);
    }
    let mut masked = Vec::new();
    for (member, (label, _)) in curves.members.iter().enumerate() {
        let mut values = 0;
        for lambda in 0..curves.lambdas.len() {
            values += curves.at(MASKED_TEST[1].0, member, lambda)?.len();
        }
        if values > 0 {
            masked.push((member, label));
        }
    }
    let ticks = |()| -> Vec<Tick> {
        let tick =
            |(at, (_, label)): (usize, &(usize, &String))| Tick { at: at as f64, label: (*label).clone() };
        masked.iter().enumerate().map(tick).collect()
    };
    let mut panels = Vec::new();
    for ((measure, _), [title, label]) in MASKED_TEST.into_iter().zip(PANELS) {
        let mut series = Vec::new();
        for (lambda, value) in curves.lambdas.iter().enumerate() {
            let mut points = Vec::new();
            for (at, (member, _)) in masked.iter().enumerate() {
                points.extend(spread(at as f64, &curves.at(measure, *member, lambda)?));
            }
            let style = Style::ordered(lambda, curves.lambdas.len());
            series.push(Series { label: format!("λ = {value}"), points, style, shape: Shape::Line });
        }
        panels.push(panel(title, Axis::new(&curves.member, "", Scale::Positions(ticks(()))), label, series));
    }
    Ok(figure(
        format!("{name}-{}", curves.index),
        format!("Test metrics with masked input ({})", curves.variant),
        "Test images with patches removed as in training, always the same ones. The MSE is that of the removed patches only, \
         whatever training counts; classes are read from the visible patches. Compare with the unmasked metrics of the \
         other figures, which select epochs and decide the verdicts."
            .into(),
        panels,
    ))
}
