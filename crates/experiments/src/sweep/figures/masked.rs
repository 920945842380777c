//! The test metrics of models on images with patches removed.

use report::{Axis, Chart, Scale, Series, Shape, Style, Tick};

use super::parts::{Measure, figure, panel, spread};
use crate::error::Result;
use crate::metric::Metric;
use crate::sweep::curves::Curves;

/// The panels.
const PANELS: [Measure; 4] = [
    Measure { name: Metric::MaskedLoss, title: "Loss", label: "masked test L(λ)" },
    Measure { name: Metric::MaskedMse, title: "Removed patches", label: "masked test MSE" },
    Measure { name: Metric::MaskedCrossEntropy, title: "Cross-entropy", label: "masked test cross-entropy" },
    Measure { name: Metric::MaskedAccuracy, title: "Classification", label: "masked test accuracy" },
];

/// The four test metrics with masked input (`book/cre.md`, section 2.4), with a point for each λ at each setting with
/// masks; `file` is the prefix of its name.
///
/// # Errors
/// If the results are not those of a grid.
pub fn masked_evaluation(curves: &Curves<'_>, file: &str) -> Result<Option<Chart>> {
    // Results of older versions lack them.
    if PANELS.iter().any(|measure| !curves.has(measure.name)) {
        return Ok(None);
    }
    let mut masked = Vec::new();
    for (member, (label, _)) in curves.members.iter().enumerate() {
        let mut values = 0;
        for lambda in 0..curves.lambdas.len() {
            values += curves.at(Metric::MaskedMse, member, lambda)?.len();
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
    for Measure { name, title, label } in PANELS {
        let mut series = Vec::new();
        for (lambda, value) in curves.lambdas.iter().enumerate() {
            let mut points = Vec::new();
            for (at, (member, _)) in masked.iter().enumerate() {
                points.extend(spread(at as f64, &curves.at(name, *member, lambda)?));
            }
            let style = Style::ordered(lambda, curves.lambdas.len());
            series.push(Series { label: format!("λ = {value}"), points, style, shape: Shape::Points });
        }
        panels.push(panel(title, Axis::new(&curves.member, "", Scale::Positions(ticks(()))), label, series));
    }
    Ok(figure(
        format!("{file}-{}", curves.index),
        format!("Test metrics with masked input ({})", curves.words()),
        "Test images with patches removed as in training, with fixed masks. The MSE is that of the removed patches, \
         whether training counts these or all; the class is predicted from the visible patches. The unmasked metrics of the \
         other figures select epochs and decide the verdicts."
            .into(),
        panels,
    ))
}
