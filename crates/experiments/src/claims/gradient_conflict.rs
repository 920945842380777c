//! E13: do the two losses pull the encoder in opposite directions?

use models::vit;
use report::{Axis, Chart, Figure, Scale, Series, Shape, Style, Verdict};

use crate::claim_id::ClaimId;
use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{cnn_s, coarse, fc_m, seeds, vit};
use crate::grid::Grid;
use crate::metric::{EpochMetric, Metric, MetricGroup};
use crate::profile::Profile;
use crate::statistics::interval;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{figure, lambda_axis, of_each, over_epochs, panel, spread};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{Finding, above, all_hold, judged, listed};
use runs::store::Results;

/// Section 4.2, E13: the cosine and the ratio of norms of the two gradients, at z in every step and per layer now and
/// then, and what the encoder listens to.
pub struct GradientConflict;

/// A cosine within this of zero is no opposition and no agreement.
const NEAR_ZERO: f64 = 0.2;

static INFO: Info = Info {
    name: "gradient-conflict",
    title: "The conflict of the two gradients (E13)",
    claim: "Open in the paper: the two gradients at z are nearly orthogonal, so the tasks compete \
            for capacity rather than push against each other.",
    paper: Paper::Cre,
    recorded: Recorded::EPOCHS,
};

impl Experiment for GradientConflict {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let families = match profile {
            Profile::Smoke => vec![fc_m(profile, &[4])],
            _ => vec![
                fc_m(profile, &[4, 16, 64]),
                cnn_s(profile, &[16]),
                vit(profile, &[("ViT-S", vit::Config::S)]),
            ],
        };
        Grid { families, lambdas: coarse(profile), seeds: seeds(profile, 5) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let mut figures = of_each(results, |curves| {
            let caption = "The cosine of the two losses' gradients at z, mean over the steps of an epoch: 1 is \
                           agreement, 0 indifference, -1 opposition.";
            let title = "Agreement of the two gradients at z";
            over_epochs(curves, "conflict-cosine", title, caption, (EpochMetric::GradientCosine, "cosine"))
        })?;
        figures.extend(of_each(results, |curves| {
            let caption = "The norm of the reconstruction's gradient at z over that of the classification's, both \
                           unweighted, mean over the steps of an epoch.";
            let title = "Strength of the two gradients at z";
            let measure = (EpochMetric::GradientNormRatio, "ratio of norms");
            over_epochs(curves, "conflict-norms", title, caption, measure)
        })?);
        figures.extend(of_each(results, by_layer)?);
        figures.extend(of_each(results, heard)?);
        Ok(figures)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            let of = Evidence::of(curves);
            let finding = orthogonal(&of);
            let claim = format!("the gradients at z are nearly orthogonal ({})", curves.variant);
            let expected = format!("95 % interval of the last epoch's cosine at λ = 0.9 within ±{NEAR_ZERO}");
            rows.push(judged(ClaimId::E13, claim, expected, finding, of.n())?);
        }
        Ok(rows)
    }
}

/// Whether the cosine at λ = 0.9 is near zero for every member.
fn orthogonal(of: &Evidence<'_, '_>) -> Result<Finding> {
    let (mut holds, mut got) = (Vec::new(), Vec::new());
    let [lambda] = of.lambdas([0.9])?;
    for (member, (label, _)) in of.curves.members.iter().enumerate() {
        let cosine = interval(&of.at(Metric::GradientCosine, member, lambda)?);
        holds.extend([above(&cosine, -NEAR_ZERO), above(&cosine.times(-1.0), -NEAR_ZERO)]);
        got.push(format!("{label}: {cosine:+.3}"));
    }
    Ok(Finding { holds: all_hold(holds), got: listed(got) })
}

/// The cosine in each layer of the encoder after the last epoch, over λ; one panel for each member.
fn by_layer(curves: &Curves<'_>) -> Result<Option<Chart>> {
    let layers = curves.indexed(MetricGroup::LayerCosine);
    let mut panels = Vec::new();
    for (member, (label, _)) in curves.members.iter().enumerate() {
        let mut series = Vec::new();
        for (index, layer) in layers.iter().enumerate() {
            let mut points = Vec::new();
            for (lambda, &value) in curves.lambdas.iter().enumerate() {
                points.extend(spread(value, &curves.after(layer, [member, lambda], curves.epochs)?));
            }
            let name = layer.index.trim_end_matches(".weight");
            let style = Style::ordered(index, layers.len());
            series.push(Series { label: name.into(), points, style, shape: Shape::Line });
        }
        panels.push(panel(label, lambda_axis(curves), "cosine", series));
    }
    Ok(figure(
        format!("conflict-layers-{}", curves.index),
        format!("Agreement of the two gradients, layer by layer ({})", curves.variant),
        "The cosine of the two losses' gradients by each weight of the encoder, on one batch after the last epoch."
            .into(),
        panels,
    ))
}

/// How much the encoder listens to each principal component after the last epoch; one panel for each member.
fn heard(curves: &Curves<'_>) -> Result<Option<Chart>> {
    let components = curves.indexed(MetricGroup::InputSensitivity);
    let mut panels = Vec::new();
    for (member, (label, _)) in curves.members.iter().enumerate() {
        let mut series = Vec::new();
        for (lambda, value) in curves.lambdas.iter().enumerate() {
            let mut points = Vec::new();
            for (index, component) in components.iter().enumerate() {
                let values = curves.after(component, [member, lambda], curves.epochs)?;
                points.extend(spread((index + 1) as f64, &values).filter(|point| point.y_spread.0 > 0.0));
            }
            let style = Style::ordered(lambda, curves.lambdas.len());
            series.push(Series { label: format!("λ = {value}"), points, style, shape: Shape::Line });
        }
        let axis = Axis::new("principal component of the images", "", Scale::Linear);
        let mut panel = panel(label, axis, "mean of ‖J v‖²", series);
        panel.y.scale = Scale::Log10;
        panels.push(panel);
    }
    Ok(figure(
        format!("listening-{}", curves.index),
        format!("What the encoder listens to ({})", curves.variant),
        "How strongly the latent follows a small change of the image along each of its first principal components: the \
         mean over test images of ‖J v‖², with J the derivative of z by the image and v the component, after the last \
         epoch. Reconstruction weighs components by their variance, classification by what they say of the class."
            .into(),
        panels,
    ))
}
