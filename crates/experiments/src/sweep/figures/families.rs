//! Charts that compare the families on one data set.

use report::{Axis, Figure, Scale, Series, Shape, Style};

use super::parts::{Measure, figure, panel, spread};
use crate::error::Result;
use crate::sweep::curves::Curves;
use runs::store::Results;

/// Metrics by setting at the first λ, with a line for each family: one figure for each data set.
///
/// # Errors
/// If the results are not those of a grid.
pub fn families_over_members(
    results: &Results,
    name: &str,
    title: &str,
    caption: &str,
    measures: &[Measure],
) -> Result<Vec<Figure>> {
    let all = Curves::all(results)?;
    let mut sets: Vec<&str> = Vec::new();
    for curves in &all {
        if !sets.contains(&curves.data.as_str()) {
            sets.push(&curves.data);
        }
    }
    let mut figures = Vec::new();
    for (set, data) in sets.into_iter().enumerate() {
        let families: Vec<&Curves<'_>> = all.iter().filter(|curves| curves.data == data).collect();
        let mut panels = Vec::new();
        for measure in measures {
            let mut series = Vec::new();
            for (index, curves) in families.iter().enumerate() {
                let mut points = Vec::new();
                for (member, (_, number)) in curves.members.iter().enumerate() {
                    points.extend(spread(*number, &curves.at(measure.name, member, 0)?));
                }
                let label = curves.family.clone();
                series.push(Series { label, points, style: Style::category(index), shape: Shape::Line });
            }
            let numbers: Vec<f64> = families[0].members.iter().map(|(_, number)| *number).collect();
            let axis = Axis::new(&families[0].member, "", Scale::positions(&numbers));
            let mut panel = panel(measure.title, axis, measure.label, series);
            if measure.label.contains("accuracy") {
                // The axis covers the whole range, so that small differences look small.
                let ends = panel.series.iter().flat_map(|of| &of.points).map(|point| point.y_spread);
                let (low, high) =
                    ends.fold((0.0f64, 1.0f64), |(low, high), of| (low.min(of.0), high.max(of.1)));
                panel.y.range = Some((low, high));
            }
            panels.push(panel);
        }
        let title = format!("{title} ({})", families[0].set_words());
        figures.extend(figure(format!("{name}-{set}"), title, caption.into(), panels));
    }
    Ok(figures.into_iter().map(Figure::Chart).collect())
}
