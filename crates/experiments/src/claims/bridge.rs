//! Both papers in one figure: λ of the exact linear optimum beside λ of the trained CRE.

use report::{Axis, Figure, Point, Scale, Series, Shape, Style, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{coarse, fc_m, seeds};
use crate::grid::Grid;
use crate::metric::{LinearMetric, Metric};
use crate::profile::Profile;
use crate::statistics::mean;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{figure, lambda_axis, panel};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{Finding, judged, listed};
use runs::store::Results;

/// The closed form of section 2.1 and the sweep E1 of the CRE paper.
pub struct Bridge;

static INFO: Info = Info {
    name: "bridge",
    title: "The same λ in both papers",
    claim: "The exact linear optimum gives up classification for reconstruction over λ in the same \
            direction as the trained network, and more of it where the code is small.",
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
            // Without the pure ends there is nothing that the shapes could be relative to.
            let ends = curves.lambda(0.0).zip(curves.lambda(1.0));
            let relative = [
                ("Reconstruction", "test MSE over that at λ = 1", Metric::TestMse, LinearMetric::Mse),
                (
                    "Classification",
                    "test accuracy less that at λ = 0",
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
                        let style = if kind == "trained" { style } else { style.without_markers() };
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
            let caption = "With markers: the trained CRE (FC-M), means over seeds. Without: the exact optimum of linear \
                           codes of the same size for the same λ. Left and middle relative to the pure ends, so that \
                           the shapes compare; right as they are.";
            let title = format!("λ in the closed form and in training ({})", curves.variant);
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
                ClaimId::C4Lbr1,
                format!(
                    "the linear optimum gives up classification as the trained network does ({})",
                    curves.variant
                ),
                "accuracy lost from λ = 0 to 1 positive, and falling with k, in both".into(),
                finding,
                of.n(),
            )?);
        }
        Ok(rows)
    }
}

/// Whether the accuracy that is lost from λ = 0 to 1 is positive and falls with k, trained and exact.
fn gaps(of: &Evidence<'_, '_>) -> Result<Finding> {
    let (mut holds, mut got) = (true, Vec::new());
    let mut before = [f64::INFINITY; 2];
    let [first, last] = of.lambdas([0.0, 1.0])?;
    if of.curves.members.len() < 2 {
        return Err(Error::NotRun(format!("the grid has no second {}", of.curves.member)));
    }
    for (member, (label, _)) in of.curves.members.iter().enumerate() {
        let trained = |lambda| Ok::<f64, Error>(mean(&of.at(Metric::TestAccuracy, member, lambda)?));
        let exact = |lambda| of.exact(LinearMetric::Accuracy, member, lambda);
        let gaps = [trained(first)? - trained(last)?, exact(first)? - exact(last)?];
        holds &= gaps.iter().zip(before).all(|(gap, before)| *gap > 0.0 && *gap <= before + 0.02);
        before = gaps;
        let [trained, exact] = gaps.map(|gap| 100.0 * gap);
        got.push(format!("{label}: trained {trained:.1}, exact {exact:.1} points"));
    }
    Ok(Finding { holds: Some(holds), got: listed(got) })
}

/// Means over seeds, λ by λ, where there are any.
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
            let style = if kind == "trained" { style } else { style.without_markers() };
            series.push(Series { label: format!("{kind}, {of}"), points, style, shape: Shape::Line });
        }
    }
    Ok(series)
}
