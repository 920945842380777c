//! E13: do the gradients of the two losses conflict in the encoder?

use models::vit;
use report::{Axis, Chart, Figure, Point, Reference, Scale, Series, Shape, Style, Tick, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{cnn_s, coarse, fc_m, seeds, vit};
use crate::grid::{Grid, Member};
use crate::metric::{EpochMetric, Metric, MetricGroup};
use crate::profile::Profile;
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::estimate::Estimate;
use crate::sweep::curves::{Curves, attribute};
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{figure, lambda_axis, of_each, over_epochs, panel, positive_spread, spread};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, judged};
use runs::store::Results;

/// E13 (`book/cre.md`): cosine and norm ratio of the two gradients, at z in every step and by layer after some epochs, and the
/// input sensitivity of the encoder.
pub struct GradientConflict;

static INFO: Info = Info {
    name: "gradient-conflict",
    title: "The conflict of the two gradients (E13)",
    claim: "An open question of the paper: do the two gradients at z oppose each other more than with permuted labels? At a \
            minimiser of the weighted sum the gradients of the weights are opposite for any two tasks, so opposition \
            alone is no sign of a conflict.",
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
                // The number of seeds of this network's sweep.
                cnn_s(profile, &[16]).with_seeds(if profile == Profile::Paper { 3 } else { 5 }),
                vit(profile, &[("ViT-S", vit::Config::S)]),
            ],
        };
        Grid { families, lambdas: coarse(profile), seeds: seeds(profile, 5) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let mut figures = of_each(results, |curves| {
            let caption = "The cosine of the two losses' gradients at z, mean over the steps of an epoch: 1 for \
                           equal directions, -1 for opposite ones. Grey: 95 % of the cosines of independent random vectors \
                           with as many elements, batch size times k, in one step.";
            let (title, measure) =
                ("Cosine of the two gradients at z", (EpochMetric::GradientCosine, "cosine"));
            let chart = over_epochs(curves, "conflict-cosine", title, caption, measure)?;
            Ok(chart.map(|chart| with_null(chart, curves, elements(results, curves).as_deref())))
        })?;
        figures.extend(of_each(results, |curves| {
            let caption = "The norm of the gradient of the reconstruction loss at z over that of the classification loss, both \
                           unweighted, mean over the steps of an epoch.";
            let title = "Norm ratio of the two gradients at z";
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
            for (claim, metrics) in [
                (
                    "the gradients at z oppose each other more than with permuted labels",
                    [Metric::FullCosine, Metric::FullCosineNull],
                ),
                (
                    "the gradients at the encoder's weights oppose each other more than with permuted labels",
                    [Metric::FullEncoderCosine, Metric::FullEncoderCosineNull],
                ),
            ] {
                let expected =
                    "full-batch cosine at λ = 0.9 below that with permuted labels, for every setting";
                let finding = opposed(&of, metrics);
                rows.push(judged(About::of(ClaimId::E13, claim, curves), expected, finding, &of)?);
            }
        }
        Ok(rows)
    }
}

/// The full-batch cosine at λ = 0.9 minus that with permuted labels, for every setting. The mean over batches is no substitute:
/// independent vectors of batch size times k elements have cosines near zero.
fn opposed(of: &Evidence<'_, '_>, metrics: [Metric; 2]) -> Result<Finding> {
    let (curves, mut contrasts) = (of.curves, Vec::new());
    let [lambda] = of.lambdas([0.9])?;
    if !metrics.iter().all(|metric| curves.has(metric)) {
        return Err(Error::NotRun("the results have no full-batch cosines at λ = 0.9".into()));
    }
    for (member, (label, _)) in curves.members.iter().enumerate() {
        let pairs = of.by_seed(metrics.map(|metric| (curves, metric, [member, lambda])))?;
        let below =
            Estimate::of_seeds(&pairs.iter().map(|[cosine, null]| cosine - null).collect::<Vec<f64>>());
        let label = format!("{label}: cosine minus that with permuted labels");
        contrasts.push(Contrast::below(label, below, 0.0, Unit::PURE));
    }
    Ok(Finding::of(contrasts))
}

/// The number of elements of the gradient at z of a batch, for each setting; `None` for results without a readable
/// config.
fn elements(results: &Results, curves: &Curves<'_>) -> Option<Vec<usize>> {
    let grid: Grid = serde_json::from_value(attribute(results, "config").ok()?).ok()?;
    let variant = grid.variants().find(|variant| variant.label() == curves.variant)?;
    let of_member =
        |member: &Member| Some(variant.family.batch * member.learner.as_cre()?.model.latent_len());
    variant.family.members.iter().map(of_member).collect()
}

/// The chart of cosines over epochs, a panel for each setting, with a line at zero and the band of the cosines of
/// independent vectors.
fn with_null(mut chart: Chart, curves: &Curves<'_>, elements: Option<&[usize]>) -> Chart {
    for panel in &mut chart.panels {
        panel.references = vec![Reference::Horizontal(Tick { at: 0.0, label: "orthogonal".into() })];
        let member = curves.labelled(&panel.title);
        let Some(n) = member.and_then(|member| elements?.get(member).copied()).filter(|&n| n > 0) else {
            continue;
        };
        // The cosine of independent vectors of n elements has a standard deviation of 1 / sqrt(n).
        let half = 1.96 / (n as f64).sqrt();
        let point = |epoch: usize| Point::new(epoch as f64, 0.0).y_between(-half, half);
        let style = Style::category(NULL).without_markers();
        let (label, points) =
            ("independent vectors (95 %)".to_owned(), vec![point(1), point(curves.epochs.max(2))]);
        panel.series.insert(0, Series { label, points, style, shape: Shape::Line });
    }
    chart
}

/// The colour of null bands: black.
const NULL: usize = 6;

/// The full-batch cosines over λ and those with permuted labels, with a panel for each setting; none if they were not measured.
fn full_batch(curves: &Curves<'_>) -> Result<Option<Chart>> {
    let measured = [
        (Metric::FullCosine, "at z"),
        (Metric::FullCosineNull, "at z, labels permuted"),
        (Metric::FullEncoderCosine, "weights of the encoder"),
        (Metric::FullEncoderCosineNull, "weights of the encoder, labels permuted"),
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
         labels, which is the cosine of two unrelated tasks."
            .into(),
        panels,
    ))
}

/// The cosine in each layer of the encoder after the last epoch over λ, with a panel for each setting.
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
        format!("Cosine of the two gradients by layer ({})", curves.words()),
        "The cosine of the two losses' gradients with respect to each weight of the encoder, on one batch after the last epoch."
            .into(),
        panels,
    ))
}

/// The sensitivity of the latent to each principal component after the last epoch, with a panel for each setting.
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
        format!("Input sensitivity of the encoder ({})", curves.words()),
        "The sensitivity of the latent to a small change of the image along each of its first principal components: the \
         mean over test images of ‖J v‖², where J is the Jacobian of z with respect to the image and v the component, after \
         the last epoch. Reconstruction weights components by their variance, classification by their class information."
            .into(),
        panels,
    ))
}
