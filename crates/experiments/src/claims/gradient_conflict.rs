//! E13: do the two losses pull the encoder in opposite directions?

use models::vit;
use report::{Axis, Chart, Figure, Reference, Scale, Series, Shape, Style, Tick, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{cnn_s, coarse, fc_m, seeds, vit};
use crate::grid::Grid;
use crate::metric::{EpochMetric, Metric, MetricGroup};
use crate::profile::Profile;
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::estimate::Estimate;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{figure, lambda_axis, of_each, over_epochs, panel, positive_spread, spread};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, judged};
use runs::store::Results;

/// Section 4.2, E13: the cosine and the ratio of norms of the two gradients, at z in every step and per layer now and
/// then, and what the encoder listens to.
pub struct GradientConflict;

static INFO: Info = Info {
    name: "gradient-conflict",
    title: "The conflict of the two gradients (E13)",
    claim: "Open in the paper: do the two gradients at z oppose each other more than they would if labels had \
            nothing to do with the images? At a minimiser of the weighted sum the gradients by the weights are \
            opposite whatever the tasks, so opposition alone is no sign of a conflict.",
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
                // As many seeds as the sweep of this network has.
                cnn_s(profile, &[16]).with_seeds(if profile == Profile::Paper { 3 } else { 5 }),
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
        figures.extend(of_each(results, full_batch)?);
        figures.extend(of_each(results, by_layer)?);
        figures.extend(of_each(results, input_sensitivity)?);
        Ok(figures)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            let of = Evidence::of(curves);
            let finding = opposed(&of);
            let claim = "the gradients at z oppose each other more than with permuted labels";
            let expected = "full-batch cosine at λ = 0.9 below that with permuted labels, every member";
            rows.push(judged(About::of(ClaimId::E13, claim, curves), expected, finding, &of)?);
        }
        Ok(rows)
    }
}

/// Whether the full-batch cosine at λ = 0.9 is below that of permuted labels for every member. The mean over batches is no
/// substitute: independent vectors of batch times k elements have cosines near zero.
fn opposed(of: &Evidence<'_, '_>) -> Result<Finding> {
    let (curves, mut contrasts) = (of.curves, Vec::new());
    let [lambda] = of.lambdas([0.9])?;
    let metrics = [Metric::FullCosine, Metric::FullCosineNull];
    if !metrics.iter().all(|metric| curves.has(metric)) {
        return Err(Error::NotRun("the results hold no full-batch cosines at λ = 0.9".into()));
    }
    for (member, (label, _)) in curves.members.iter().enumerate() {
        let pairs = of.by_seed(metrics.map(|metric| (curves, metric, [member, lambda])))?;
        let below =
            Estimate::of_seeds(&pairs.iter().map(|[cosine, null]| cosine - null).collect::<Vec<f64>>());
        let label = format!("{label}: cosine less that of permuted labels");
        contrasts.push(Contrast::below(label, below, 0.0, Unit::PURE));
    }
    Ok(Finding::of(contrasts))
}

/// The full-batch cosines over λ beside those of permuted labels; one panel for each member, none where they were not measured.
fn full_batch(curves: &Curves<'_>) -> Result<Option<Chart>> {
    let measured = [
        (Metric::FullCosine, "at z"),
        (Metric::FullCosineNull, "at z, labels permuted"),
        (Metric::FullEncoderCosine, "by the encoder's weights"),
        (Metric::FullEncoderCosineNull, "by the encoder's weights, labels permuted"),
    ];
    let mut panels = Vec::new();
    for (member, (label, _)) in curves.members.iter().enumerate() {
        let mut series = Vec::new();
        for (index, (metric, words)) in
            measured.into_iter().enumerate().filter(|(_, (metric, _))| curves.has(metric))
        {
            let mut points = Vec::new();
            for (lambda, &value) in curves.lambdas.iter().enumerate() {
                points.extend(spread(value, &curves.at(metric, member, lambda)?));
            }
            let style = Style::category(index);
            series.push(Series { label: words.into(), points, style, shape: Shape::Points });
        }
        let mut panel = panel(label, lambda_axis(curves), "cosine over all training images", series);
        panel.references = vec![Reference::Horizontal(Tick { at: 0.0, label: "orthogonal".into() })];
        panels.push(panel);
    }
    Ok(figure(
        format!("conflict-full-{}", curves.index),
        format!("Full-batch cosines of the two gradients ({})", curves.words()),
        "The cosine of the two losses' gradients over all training images after the last epoch, and the same with permuted \
         labels: what two tasks come to that have nothing in common."
            .into(),
        panels,
    ))
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
            series.push(Series { label: name.into(), points, style, shape: Shape::Points });
        }
        let mut panel = panel(label, lambda_axis(curves), "cosine", series);
        panel.references = vec![Reference::Horizontal(Tick { at: 0.0, label: "orthogonal".into() })];
        panels.push(panel);
    }
    Ok(figure(
        format!("conflict-layers-{}", curves.index),
        format!("Agreement of the two gradients, layer by layer ({})", curves.words()),
        "The cosine of the two losses' gradients by each weight of the encoder, on one batch after the last epoch."
            .into(),
        panels,
    ))
}

/// How much the encoder listens to each principal component after the last epoch; one panel for each member.
fn input_sensitivity(curves: &Curves<'_>) -> Result<Option<Chart>> {
    let components = curves.indexed(MetricGroup::InputSensitivity);
    let mut panels = Vec::new();
    for (member, (label, _)) in curves.members.iter().enumerate() {
        let mut series = Vec::new();
        for (lambda, value) in curves.lambdas.iter().enumerate() {
            let mut points = Vec::new();
            for (index, component) in components.iter().enumerate() {
                let values = curves.after(component, [member, lambda], curves.epochs)?;
                points.extend(
                    positive_spread((index + 1) as f64, &values).filter(|point| point.y_spread.0 > 0.0),
                );
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
        format!("What the encoder listens to ({})", curves.words()),
        "How strongly the latent follows a small change of the image along each of its first principal components: the \
         mean over test images of ‖J v‖², with J the derivative of z by the image and v the component, after the last \
         epoch. Reconstruction weighs components by their variance, classification by what they say of the class."
            .into(),
        panels,
    ))
}
