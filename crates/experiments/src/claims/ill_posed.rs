//! Claim 3 of the LBR paper for linear models: codes that reconstruct as well can classify very differently.

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

/// Facts C9 and C10 of section 6.
pub struct IllPosed;

/// Smaller codes are shown and not judged: the fact is stated of 16 and 64 numbers.
const SMALLEST: f64 = 16.0;

/// Excesses of reconstruction error, and what share of the gap to the floor they must close (C10).
const BUDGETS: [(f64, f64); 2] = [(0.01, 0.25), (0.05, 0.5)];

static INFO: Info = Info {
    name: "ill-posed",
    title: "Equally good reconstructions, different recognition (LBR claim 3, exact)",
    claim: "Giving up one percent of reconstruction buys a large part of what a linear code of the \
            same size could know of the class.",
    paper: Paper::Lbr,
    recorded: Recorded {
        along: Some(Along {
            coordinate: ("weight", "weight of reconstruction in the exact linear trade-off"),
            arrays: &[
                (
                    ArrayMetric::ExcessMse,
                    "reconstruction error over that of the principal components, less 1",
                    "1",
                ),
                (
                    ArrayMetric::LabelError,
                    "squared error to one-hot labels, over that of the class frequencies",
                    "1",
                ),
                (ArrayMetric::HeldOutLabelError, "the same on test images", "1"),
            ],
        }),
        ..Recorded::scalars(&[
            (Metric::Floor, "the least of that error for codes of any size"),
            (Metric::HeldOutFloor, "that code's error on test images"),
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
            let axis = Axis::new("reconstruction error above the least", "%", Scale::Linear);
            let mut panel = panel("", axis, "error to labels, share of the most", series);
            if let Some(&floor) = curves.at(Metric::Floor, 0, 0)?.first() {
                panel.references =
                    vec![Reference::Horizontal(Tick { at: floor, label: "all dimensions".into() })];
            }
            let caption = "The exact front of linear codes of K numbers, from principal components at the left: what \
                           more reconstruction error buys in classification. Closed form, training images.";
            let title = format!("What a little reconstruction error buys ({})", curves.set_words());
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
            for (budget, wanted) in BUDGETS {
                let finding = closed(curves, budget, wanted);
                let percent = 100.0 * budget;
                let claim = format!("{percent:.0} % more reconstruction error buys much recognition");
                let expected = format!(
                    "at least {:.0} % of the gap between PCA and the floor on other images, every K >= 16",
                    100.0 * wanted
                );
                let about = About::set(ClaimId::Lbr3, claim, curves).model("exact linear codes");
                rows.push(exactly(about, expected, finding, curves.members.len())?);
            }
        }
        Ok(rows)
    }
}

/// Whether this excess of reconstruction error closes the wanted share of the gap to the floor, for every code that is
/// judged.
fn closed(curves: &Curves<'_>, budget: f64, wanted: f64) -> Result<Finding> {
    if curves.members.iter().all(|(_, k)| *k < SMALLEST) {
        return Err(Error::NotRun(format!("the grid has no K >= {SMALLEST}")));
    }
    let (mut holds, mut n_judged, mut got) = (true, 0, Vec::new());
    // In the sample the floor falls with every pixel, whatever it says of the class.
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
            // Nothing is left to close.
            continue;
        }
        let closed = (pca - reached) / (pca - floor);
        if *k >= SMALLEST {
            n_judged += 1;
            holds &= closed >= wanted;
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
            got: format!("{}; on the images that it was fitted to, which decides nothing", finding.got),
            ..finding
        },
    })
}

/// Differences of shares of the label energy, each a sum of no more than a million terms, that rounding can make of zero.
const ROUNDING: f64 = 1e6 * f64::EPSILON;

/// Excess of reconstruction and error to labels, by rising excess.
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

/// The error to labels that a budget of reconstruction error buys, between the points of the front.
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
    fn a_budget_is_read_between_the_points_of_the_front() {
        let front = [(0.0, 0.5), (0.02, 0.3), (0.1, 0.2)];
        assert_eq!([0.0, 0.01, 0.02, 0.5].map(|budget| within(&front, budget)), [0.5, 0.4, 0.3, 0.2]);
    }
}
