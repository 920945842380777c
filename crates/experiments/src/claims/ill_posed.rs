//! LBR 3 for linear codes: codes that reconstruct equally well can differ widely in classification.

use report::{Axis, Figure, Point, Reference, Scale, Series, Shape, Style, Tick, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::grid::Grid;
use crate::lbr::{fashion, grid, mnist, questions};
use crate::metric::{ArrayMetric, Metric};
use crate::profile::Profile;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{exact_figure, panel};
use crate::sweep::recorded::{Along, Recorded};
use crate::sweep::trends::{About, Finding, exactly, listed};
use runs::learners::closed_form::Question;
use runs::store::Results;

/// LBR C9 and C10 (`book/lbr.md`).
pub struct IllPosed;

/// The smallest code that is judged: the claim is about 16 and 64 dimensions.
const SMALLEST: f64 = 16.0;

/// Budgets of relative excess reconstruction error, and the fraction of the gap to the floor that each must close (LBR
/// C10).
const BUDGETS: [(f64, f64); 2] = [(0.01, 0.25), (0.05, 0.5)];

static INFO: Info = Info {
    name: "ill-posed",
    title: "Equally good reconstructions, different accuracies (LBR claim 3, exact)",
    claim: "One percent more reconstruction error gives a large part of the class information that a linear code of the \
            same size can hold.",
    paper: Paper::Lbr,
    recorded: Recorded {
        along: Some(Along {
            coordinate: ("weight", "weight of reconstruction in the exact linear trade-off"),
            arrays: &[
                (
                    ArrayMetric::ExcessMse,
                    "reconstruction error relative to that of the principal components, minus 1",
                    "1",
                ),
                (
                    ArrayMetric::LabelError,
                    "squared error to one-hot labels relative to that of the class frequencies",
                    "1",
                ),
                (ArrayMetric::HeldOutLabelError, "the same on test images", "1"),
            ],
        }),
        ..Recorded::scalars(&[
            (Metric::Floor, "label_error of a code of all dimensions"),
            (Metric::HeldOutFloor, "the same on test images"),
        ])
    },
};

impl Experiment for IllPosed {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let sizes: &[usize] = if profile == Profile::Smoke { &[8] } else { &[8, 16, 32, 64] };
        let asked = sizes.iter().map(|&k| (format!("K = {k}"), k as f64, Question::Front { k }));
        let sets = if profile == Profile::Smoke {
            vec![fashion(profile)]
        } else {
            vec![fashion(profile), mnist(profile)]
        };
        grid(vec![questions("exact linear front", "numbers K in the code", asked, sets)], vec![0])
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let mut figures = Vec::new();
        for curves in &Curves::all(results)? {
            let mut series = Vec::new();
            for (member, (label, _)) in curves.members.iter().enumerate() {
                let points = front(curves, member)?.into_iter().filter(|(excess, _)| *excess <= 0.3);
                series.push(Series {
                    label: label.clone(),
                    points: points.map(|(excess, labels)| Point::new(100.0 * excess, labels)).collect(),
                    style: Style::ordered(member, curves.members.len()),
                    shape: Shape::Line,
                });
            }
            let axis = Axis::new("excess reconstruction error", "%", Scale::Linear);
            let mut panel = panel("", axis, "error to labels, relative to class frequencies", series);
            if let Some(&floor) = curves.at(Metric::Floor, 0, 0)?.first() {
                panel.references =
                    vec![Reference::Horizontal(Tick { at: floor, label: "all dimensions".into() })];
            }
            let caption = "The exact trade-off of linear codes of K dimensions, starting at the left with the principal \
                           components: error to the labels over excess reconstruction error. Closed form, training images.";
            let title = format!("Label error for a little reconstruction error ({})", curves.set_words());
            figures.extend(exact_figure(
                format!("front-{}", curves.index),
                title,
                caption.into(),
                vec![panel],
            ));
        }
        Ok(figures.into_iter().map(Figure::Chart).collect())
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            for (budget, fraction) in BUDGETS {
                let finding = closed(curves, budget, fraction);
                let percent = 100.0 * budget;
                let claim = format!("{percent:.0} % more reconstruction error gives much class information");
                let expected = format!(
                    "at least {:.0} % of the gap between PCA and the floor closed on held-out images, for every K >= 16",
                    100.0 * fraction
                );
                let about = About::set(ClaimId::Lbr3, claim, curves).model("exact linear codes");
                rows.push(exactly(about, expected, finding, curves.members.len())?);
            }
        }
        Ok(rows)
    }
}

/// Whether this excess reconstruction error closes at least `fraction` of the gap to the floor, for every code that is judged.
fn closed(curves: &Curves<'_>, budget: f64, fraction: f64) -> Result<Finding> {
    if curves.members.iter().all(|(_, k)| *k < SMALLEST) {
        return Err(Error::NotRun(format!("the grid has no code of K >= {SMALLEST} dimensions")));
    }
    let (mut holds, mut n_judged, mut got) = (true, 0, Vec::new());
    // In-sample, the floor decreases with every pixel, informative or not.
    let held_out = curves.has(ArrayMetric::HeldOutLabelError) && curves.has(Metric::HeldOutFloor);
    let (labels, least) = match held_out {
        true => (ArrayMetric::HeldOutLabelError, Metric::HeldOutFloor),
        false => (ArrayMetric::LabelError, Metric::Floor),
    };
    for (member, (label, k)) in curves.members.iter().enumerate() {
        let front = front_by(curves, member, labels)?;
        let floor = Evidence::of(curves).at(least, member, 0)?[0];
        let pca = front.first().ok_or_else(|| Error::NotRun(format!("no front of {label}")))?.1;
        let reached = within(&front, budget);
        if pca - floor <= ROUNDING {
            // There is no gap.
            continue;
        }
        let closed = (pca - reached) / (pca - floor);
        if *k >= SMALLEST {
            n_judged += 1;
            holds &= closed >= fraction;
        }
        let percent = 100.0 * closed;
        got.push(format!("{label}: {pca:.3} to {reached:.3}, floor {floor:.3}, {percent:.0} %"));
    }
    if n_judged == 0 {
        return Err(Error::NotRun(format!("no gap to the floor is left at K >= {SMALLEST}")));
    }
    let finding = Finding::exact(holds, listed(got));
    Ok(match held_out {
        true => finding,
        false => Finding {
            holds: None,
            got: format!("{}; in-sample, which decides nothing", finding.got),
            ..finding
        },
    })
}

/// The rounding error of a difference of relative errors, each a sum of at most a million terms.
const ROUNDING: f64 = 1e6 * f64::EPSILON;

/// Excess reconstruction error and error to labels, by increasing excess.
fn front(curves: &Curves<'_>, member: usize) -> Result<Vec<(f64, f64)>> {
    front_by(curves, member, ArrayMetric::LabelError)
}

fn front_by(curves: &Curves<'_>, member: usize, labels: ArrayMetric) -> Result<Vec<(f64, f64)>> {
    let excess = curves.along(ArrayMetric::ExcessMse, [member, 0])?;
    let labels = curves.along(labels, [member, 0])?;
    let mut front: Vec<(f64, f64)> = excess
        .into_iter()
        .zip(labels)
        .map(|((_, excess), (_, labels))| (excess[0].max(0.0), labels[0]))
        .collect();
    front.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    Ok(front)
}

/// The error to labels at a budget of excess reconstruction error, interpolated between the points of the front.
fn within(front: &[(f64, f64)], budget: f64) -> f64 {
    let after = front.iter().position(|(excess, _)| *excess > budget).unwrap_or(front.len());
    match (after.checked_sub(1).map(|before| front[before]), front.get(after)) {
        (Some((low, a)), Some(&(high, b))) => a + (b - a) * (budget - low) / (high - low),
        (Some((_, a)), None) => a,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_at_a_budget_is_interpolated_between_points_of_the_front() {
        let front = [(0.0, 0.5), (0.02, 0.3), (0.1, 0.2)];
        assert_eq!([0.0, 0.01, 0.02, 0.5].map(|budget| within(&front, budget)), [0.5, 0.4, 0.3, 0.2]);
    }
}
