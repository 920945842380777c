//! Both papers in one figure: the exact linear optimum and the trained CRE over the same λ.

use report::{Axis, Figure, Point, Scale, Series, Shape, Style, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{coarse, fc_m, seeds};
use crate::grid::Grid;
use crate::metric::{LinearMetric, Metric};
use crate::profile::Profile;
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::mean;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{figure, lambda_axis, panel};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, ONLINE, judged, listed, online_accuracy};
use runs::store::Results;

/// The exact linear trade-off (`book/lbr.md`) beside the sweep E1 of the CRE paper (`book/cre.md`).
pub struct Bridge;

static INFO: Info = Info {
    name: "bridge",
    title: "The same λ in both papers",
    claim: "Over λ, the exact linear optimum trades classification for reconstruction in the same direction as the \
            trained network, and more so with a small code.",
    paper: Paper::Lbr,
    recorded: Recorded::LINEAR_FRONT,
};

impl Experiment for Bridge {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let latents: &[usize] = if profile == Profile::Smoke { &[4] } else { &[4, 16, 64] };
        Grid { families: vec![fc_m(profile, latents)], lambdas: coarse(profile), seeds: seeds(profile, 3) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let mut figures = Vec::new();
        for curves in &Curves::all(results)? {
            let mut panels = Vec::new();
            // Without both end points there is no reference for relative values.
            let ends = curves.lambda(0.0).zip(curves.lambda(1.0));
            let relative = [
                ("Reconstruction", "test MSE relative to λ = 1", Metric::TestMse, LinearMetric::Mse),
                (
                    "Classification",
                    "test accuracy minus that at λ = 0",
                    Metric::TestAccuracy,
                    LinearMetric::Accuracy,
                ),
            ];
            for ((title, label, trained, exact), (at_0, at_1)) in
                relative.into_iter().filter_map(|panel| Some((panel, ends?)))
            {
                let mut series = Vec::new();
                for (member, (of, _)) in curves.members.iter().enumerate() {
                    for (kind, values) in [
                        ("trained", along(curves, trained, member)?),
                        ("exact linear", exactly(curves, exact, member)?),
                    ] {
                        let relative = |value: f64| match trained {
                            Metric::TestMse => values[at_1].map(|last| value / last),
                            _ => values[at_0].map(|first| value - first),
                        };
                        let points = curves.lambdas.iter().zip(&values);
                        let points = points.filter_map(|(&lambda, value)| {
                            Some(Point::new(lambda, relative((*value)?).filter(|x| x.is_finite())?))
                        });
                        let style = Style::ordered(member, curves.members.len());
                        let style = if kind == "trained" { style.solid() } else { style.without_markers() };
                        series.push(Series {
                            label: format!("{kind}, {of}"),
                            points: points.collect(),
                            style,
                            shape: Shape::Line,
                        });
                    }
                }
                panels.push(panel(title, lambda_axis(curves), label, series));
            }
            let frontier = both_fronts(curves)?;
            panels.push(panel(
                "The trade-off",
                Axis::new("test MSE", "", Scale::Log2),
                "test accuracy",
                frontier,
            ));
            let caption = "Solid with markers: the trained CRE (FC-M). Fine dots: the exact optimum of linear codes of the same \
                           size for the same λ. Left and middle: relative to the end points, so that shapes can be \
                           compared. Right: absolute values.";
            let title = format!("The closed form and the trained network over λ ({})", curves.words());
            figures.extend(figure(format!("bridge-{}", curves.index), title, caption.into(), panels));
        }
        Ok(figures.into_iter().map(Figure::Chart).collect())
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            let of = Evidence::of(curves);
            let finding = gaps(&of);
            rows.push(judged(
                About::of(
                    ClaimId::C4Lbr1,
                    "the linear optimum trades off classification as the trained network does",
                    curves,
                ),
                "accuracy lost from λ = 0 to 1 positive, and growing by at most 2 points from one k to the next, in both",
                finding,
                &of,
            )?);
        }
        Ok(rows)
    }
}

/// The accuracy lost from λ = 0 to 1, which must be positive and decrease with k, trained and exact.
fn gaps(of: &Evidence<'_, '_>) -> Result<Finding> {
    let (mut exact_holds, mut contrasts, mut got) = (true, Vec::new(), Vec::new());
    let [first, last] = of.lambdas([0.0, 1.0])?;
    if of.curves.members.len() < 2 {
        return Err(Error::NotRun(format!("the grid has no second {}", of.curves.member)));
    }
    let mut before: Option<(usize, f64)> = None;
    for (member, (label, _)) in of.curves.members.iter().enumerate() {
        let exact = |lambda| of.exact(LinearMetric::Accuracy, member, lambda);
        let own = [(1.0, [member, first]), (-1.0, [member, last])];
        let gap = online_accuracy(of, &own)?;
        contrasts.push(Contrast::above(
            format!("{label}: accuracy(0) - accuracy(1)"),
            gap,
            0.0,
            Unit::POINTS,
        ));
        let of_exact = exact(first)? - exact(last)?;
        exact_holds &= of_exact > 0.0;
        if let Some((smaller, gap_before)) = before {
            let rise = [&own[..], &[(-1.0, [smaller, first]), (1.0, [smaller, last])]].concat();
            let rise = online_accuracy(of, &rise)?;
            contrasts.push(Contrast::below(format!("{label}: growth of the loss"), rise, RISE, Unit::POINTS));
            exact_holds &= of_exact <= gap_before + RISE;
        }
        before = Some((member, of_exact));
        got.push(format!("{label}: exact {:.1} points", 100.0 * of_exact));
    }
    got.extend(contrasts.iter().map(Contrast::words));
    let finding = Finding::decided(contrasts, listed(got)).read_by(ONLINE);
    // The closed form has no spread: if it misses, the claim does not hold.
    Ok(match exact_holds {
        true => finding,
        false => Finding { holds: Some(false), effect: None, tests: vec![], ..finding },
    })
}

/// The tolerance by which a larger code may lose more accuracy than a smaller one.
const RISE: f64 = 0.02;

/// The mean over seeds for each λ; `None` where there is no value.
fn along(curves: &Curves<'_>, metric: Metric, member: usize) -> Result<Vec<Option<f64>>> {
    let at = |lambda| curves.at(metric, member, lambda);
    (0..curves.lambdas.len())
        .map(|lambda| Ok(Some(at(lambda)?).filter(|v| !v.is_empty()).map(|v| mean(&v))))
        .collect()
}

fn exactly(curves: &Curves<'_>, metric: LinearMetric, member: usize) -> Result<Vec<Option<f64>>> {
    (0..curves.lambdas.len()).map(|lambda| curves.exact(metric, member, lambda)).collect()
}

fn both_fronts(curves: &Curves<'_>) -> Result<Vec<Series>> {
    let mut series = Vec::new();
    for (member, (of, _)) in curves.members.iter().enumerate() {
        let trained = (along(curves, Metric::TestMse, member)?, along(curves, Metric::TestAccuracy, member)?);
        let exact =
            (exactly(curves, LinearMetric::Mse, member)?, exactly(curves, LinearMetric::Accuracy, member)?);
        for (kind, (mse, accuracy)) in [("trained", trained), ("exact linear", exact)] {
            let points = mse.iter().zip(&accuracy);
            let points =
                points.filter_map(|(mse, accuracy)| Some(Point::new((*mse)?, (*accuracy)?))).collect();
            let style = Style::ordered(member, curves.members.len());
            let style = if kind == "trained" { style.solid() } else { style.without_markers() };
            series.push(Series { label: format!("{kind}, {of}"), points, style, shape: Shape::Line });
        }
    }
    Ok(series)
}
