//! E11: does masking patches make the latent of an autoencoder more useful for classification, or does mixing do better?

use models::{Architecture, MaskedLoss, Masking, vit};
use report::{Figure, Verdict};

use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{coarse, fashion, mnist, refitted, seeds, vit as vit_family};
use crate::grid::{Family, Grid, Member};
use crate::metric::Metric;
use crate::profile::Profile;
use crate::sweep::curves::Curves;
use crate::sweep::figures::{crossed, figure, masked_evaluation, of_each, panel};
use crate::sweep::recorded::Recorded;
use crate::sweep::refits::is_refitted;
use crate::sweep::trends;
use report::{Axis, Chart, Scale, Series, Shape, Style};
use runs::learners::cre;
use runs::store::Results;

/// E11 (`book/cre.md`): masks at λ = 1 against mixing without masks.
pub struct MaskingOrMixing;

/// The model without a mask at every λ, then with masks at λ = 1.
fn masks(profile: Profile, label: &str, config: vit::Config, ratios: &[f64]) -> Family {
    let family = vit_family(profile, &[(label, config)]);
    let mut members = vec![Member::new(trends::NO_MASK, 0.0, cre(Architecture::Vit(config), None))];
    for (loss, name) in [(MaskedLoss::Removed, "removed"), (MaskedLoss::Whole, "whole")] {
        for &ratio in ratios {
            let model = Architecture::Vit(vit::Config { masking: Masking { ratio, loss }, ..config });
            let number = members.len() as f64;
            members
                .push(Member::new(format!("r = {ratio}, {name}"), number, cre(model, None)).only_at(&[1.0]));
        }
    }
    Family { members, member: "share of hidden patches".into(), ..family }
}

/// New heads on these encoders; those without a mask only at λ = 0.9 and 1, where they are compared.
fn with_new_heads(profile: Profile, family: &Family) -> Family {
    let mut family = refitted(profile, family);
    family.members.iter_mut().for_each(|member| {
        member.lambdas.get_or_insert_with(|| vec![0.9, 1.0]);
    });
    family
}

static INFO: Info = Info {
    name: "masking-or-mixing",
    title: "Masking against mixing (E11)",
    claim: "Masking patches makes an autoencoder's latent a little more useful for classification; mixing in some \
            classification does far better.",
    paper: Paper::Cre,
    recorded: Recorded::MASKED,
};

impl Experiment for MaskingOrMixing {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let families: Vec<Family> = match profile {
            Profile::Smoke => vec![masks(profile, "ViT-S", vit::Config::S, &[0.5])],
            Profile::Quick | Profile::Standard | Profile::Paper => {
                vec![masks(profile, "ViT-S", vit::Config::S, &[0.25, 0.5, 0.75])]
            }
            Profile::Full => {
                let both = vec![fashion(profile), mnist(profile)];
                let ratios = [0.25, 0.5, 0.75];
                vec![
                    masks(profile, "ViT-S", vit::Config::S, &ratios).on(both.clone()),
                    masks(profile, "ViT-M", vit::Config::M, &ratios).on(both),
                ]
            }
        };
        let with_heads = |family: Family| match profile {
            Profile::Quick => vec![family],
            _ => vec![family.clone(), with_new_heads(profile, &family)],
        };
        let families = families.into_iter().flat_map(with_heads).collect();
        let mut lambdas = coarse(profile);
        if profile == Profile::Full {
            lambdas = vec![0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0];
        }
        Grid { families, lambdas, seeds: seeds(profile, 3) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let mut figures = of_each(results, paths)?;
        figures.extend(of_each(results, |curves| masked_evaluation(curves, "masked-evaluation"))?);
        Ok(figures)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        trends::rows(results, &[&trends::T11])
    }
}

/// One path over λ, and one over the fraction of masked patches for each loss.
fn paths(curves: &Curves<'_>) -> Result<Option<Chart>> {
    // Without these settings there are no paths to compare.
    let (Some(plain), Some(last)) = (curves.labelled(trends::NO_MASK), curves.lambda(1.0)) else {
        return Ok(None);
    };
    // New heads belong to the figure of their encoders.
    if is_refitted(curves) {
        return Ok(None);
    }
    let at = |member: usize, lambda: usize, label: String| -> Result<Option<report::Point>> {
        let of = |measure| curves.at(measure, member, lambda);
        Ok(crossed(&of(Metric::TestMse)?, &of(Metric::TestAccuracy)?).map(|point| point.labelled(label)))
    };
    let mut mixing = Vec::new();
    for (lambda, value) in curves.lambdas.iter().enumerate() {
        mixing.extend(at(plain, lambda, format!("λ = {value}"))?);
    }
    let mut series = vec![("mixing, no mask", mixing)];
    for (name, words) in
        [("removed", "masking, loss on masked patches"), ("whole", "masking, loss on the whole image")]
    {
        let mut points: Vec<report::Point> = at(plain, last, String::new())?.into_iter().collect();
        for (member, (label, _)) in curves.members.iter().enumerate() {
            if let Some((ratio, loss)) = label.split_once(", ")
                && loss == name
            {
                points.extend(at(member, last, ratio.to_owned())?);
            }
        }
        series.push((words, points));
    }
    let series = series.into_iter().enumerate().map(|(index, (label, points))| Series {
        label: label.into(),
        points,
        style: Style::category(index),
        shape: Shape::Line,
    });
    let panel =
        panel("", Axis::new("test MSE without masks", "", Scale::Linear), "test accuracy", series.collect());
    Ok(figure(
        format!("masking-{}", curves.index),
        format!("Masking against mixing ({})", curves.words()),
        "Test accuracy over test MSE, evaluated without masks. One path mixes in classification (λ); the others stay at λ = 1 \
         and mask a fraction r of the patches in training. With the loss on masked patches only, visible patches are not \
         trained, so the MSE is large by construction; the accuracies are comparable."
            .into(),
        vec![panel],
    ))
}
