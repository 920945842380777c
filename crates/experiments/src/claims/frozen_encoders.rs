//! E9: is the information not there, or had the head not caught up?

use models::vit;
use report::{Chart, Figure, Reference, Series, Shape, Style, Tick, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{THREE, cnn_s, fc_m, seeds, vit};
use crate::grid::{Family, Grid, Member};
use crate::metric::{Baseline, Metric};
use crate::profile::Profile;
use crate::statistics::{Interval, interval, median};
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{figure, lambda_axis, panel, spread};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{Finding, above, all_hold, judged, listed};
use runs::learners::frozen_probe::Features;
use runs::learners::{Cre, FrozenProbe, RunConfig};
use runs::store::Results;
use runs::training::Hardware;

/// Section 4.2, E9: encoders of the sweeps, frozen, with heads learned anew.
pub struct FrozenEncoders;

/// What the families with new heads are called besides.
const REFITTED: &str = ", new heads";

/// The same encoders, frozen, under heads that are learned anew for as long.
fn refitted(family: &Family) -> Family {
    let members = family.members.iter().map(|member| {
        let Some(Cre { model, .. }) = member.learner.as_cre() else {
            unreachable!("the families train CREs")
        };
        let run = RunConfig {
            data: family.data[0].clone(),
            rotation: family.rotation,
            learner: member.learner.clone(),
            optimiser: family.optimiser,
            batch: family.batch,
            epochs: family.epochs,
            hardware: Hardware::default(),
        };
        let learner = FrozenProbe { of: Features::Trained { run: Box::new(run) }, model: *model };
        Member::new(member.label.clone(), member.number, learner)
    });
    let (label, members) = (format!("{}{REFITTED}", family.label), members.collect());
    Family { label, members, ..family.clone() }
}

static INFO: Info = Info {
    name: "frozen-encoders",
    title: "New heads on frozen encoders (E9)",
    claim: "An encoder of one task fails at the other because the information is not there: heads \
            that are learned anew on the frozen latent do not close the gap.",
    paper: Paper::Cre,
    recorded: Recorded::NUMBERS,
};

impl Experiment for FrozenEncoders {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let trained = match profile {
            Profile::Smoke => vec![fc_m(profile, &[4])],
            _ => vec![
                fc_m(profile, &[4, 16]),
                cnn_s(profile, &[16]),
                vit(profile, &[("ViT-S", vit::Config::S)]),
            ],
        };
        let families = trained.into_iter().flat_map(|family| [family.clone(), refitted(&family)]).collect();
        Grid { families, lambdas: THREE.to_vec(), seeds: seeds(profile, 3) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let curves = Curves::all(results)?;
        let mut figures = Vec::new();
        for (online, refitted) in pairs(&curves) {
            for member in 0..online.members.len() {
                figures.extend(compared(online, refitted, member)?.map(Figure::Chart));
            }
        }
        Ok(figures)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let curves = Curves::all(results)?;
        let mut rows = Vec::new();
        for online in curves.iter().filter(|curves| !curves.family.ends_with(REFITTED)) {
            let of = Evidence::of(online);
            let finding = gaps(&of, refitted_of(&curves, online));
            let claim = format!("new heads on a frozen encoder do not close the gap ({})", online.variant);
            let expected =
                "new decoder at λ = 0 worse than λ = 1's own, new classifier at λ = 1 worse than λ = 0's \
                            own, by 95 % intervals"
                    .to_owned();
            rows.push(judged(ClaimId::C3, claim, expected, finding, of.n())?);
        }
        Ok(rows)
    }
}

/// Whether the new heads are worse than the heads that learned beside the encoder of the other end, by paired seeds.
fn gaps(of: &Evidence<'_, '_>, refitted: Option<&Curves<'_>>) -> Result<Finding> {
    let refitted =
        refitted.ok_or_else(|| Error::NotRun("the grid has no new heads on these encoders".into()))?;
    let [first, last] = of.lambdas([0.0, 1.0])?;
    let (mut holds, mut got) = (Vec::new(), Vec::new());
    for (member, (label, _)) in of.curves.members.iter().enumerate() {
        let new = Evidence::of(refitted).labelled(label)?;
        let gap = |measure: Metric, at: usize, best: usize| -> Result<Interval> {
            let pairs = of.paired_with(measure, [member, best], refitted, [new, at])?;
            Ok(interval(&pairs.iter().map(|[own, new]| new - own).collect::<Vec<f64>>()))
        };
        let (mse, accuracy) = (gap(Metric::TestMse, first, last)?, gap(Metric::TestAccuracy, last, first)?);
        holds.extend([above(&mse, 0.0), above(&accuracy.times(-1.0), 0.0)]);
        let points = accuracy.times(100.0);
        got.push(format!("{label}: MSE {mse:+.3}, accuracy {points:+.1} points"));
    }
    Ok(Finding { holds: all_hold(holds), got: listed(got) })
}

/// The family of new heads on the encoders of a family.
fn refitted_of<'c, 'r>(all: &'c [Curves<'r>], online: &Curves<'_>) -> Option<&'c Curves<'r>> {
    let is_refitted = |other: &&Curves<'_>| other.family.strip_suffix(REFITTED) == Some(&online.family);
    all.iter().find(|other| other.data == online.data && is_refitted(other))
}

/// Each family with its refitted one.
fn pairs<'c, 'r>(curves: &'c [Curves<'r>]) -> impl Iterator<Item = (&'c Curves<'r>, &'c Curves<'r>)> {
    curves.iter().filter_map(|online| Some((online, refitted_of(curves, online)?)))
}

fn compared(online: &Curves<'_>, refitted: &Curves<'_>, member: usize) -> Result<Option<Chart>> {
    let mut panels = Vec::new();
    for (title, label, measure, probe) in [
        ("Reconstruction", "test MSE", Metric::TestMse, Metric::RidgeMse),
        ("Classification", "test accuracy", Metric::TestAccuracy, Metric::RidgeAccuracy),
    ] {
        let mut series = Vec::new();
        let sources = [
            ("online head", online, measure),
            ("new head on the frozen encoder", refitted, measure),
            ("ridge regression", online, probe),
        ];
        for (index, (label, curves, measure)) in sources.into_iter().enumerate() {
            let mut points = Vec::new();
            for (lambda, &value) in curves.lambdas.iter().enumerate() {
                points.extend(spread(value, &curves.at(measure, member, lambda)?));
            }
            series.push(Series {
                label: label.into(),
                points,
                style: Style::category(index),
                shape: Shape::Line,
            });
        }
        panels.push(panel(title, lambda_axis(online), label, series));
    }
    let at = |at, label: &str| Reference::Horizontal(Tick { at, label: label.into() });
    panels[0].references = vec![
        at(online.of_variant(Baseline::ClassMeanMse)?, "class-mean image"),
        at(online.of_variant(Baseline::MeanImageMse)?, "mean image"),
    ];
    if let Some(first) = online.lambda(0.0) {
        let best = median(&online.at(Metric::TestAccuracy, member, first)?);
        if best.is_finite() {
            panels[1].references = vec![at(best, "supervised")];
        }
    }
    let label = &online.members[member].0;
    Ok(figure(
        format!("frozen-{}-{member}", online.index),
        format!("Heads that learn beside the encoder, and after it, {label} ({})", online.variant),
        "Each encoder was trained with the λ on the axis, then frozen, and decoder and classifier were learned anew for \
         as many epochs. Where the new head is no better than the online one, the information was not in the latent. \
         Ridge regression is a linear reader by closed form."
            .into(),
        panels,
    ))
}
