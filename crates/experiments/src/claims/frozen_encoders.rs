//! E9: is the information not there, or had the head not caught up?

use models::vit;
use report::{Figure, Plate, Reference, Row, Series, Shape, Style, Tick};

use crate::experiment::Experiment;
use crate::families::{THREE, cnn_s, fc_m, seeds, vit};
use crate::grid::{Family, Grid, Member};
use crate::statistics::{interval, median};
use crate::sweep::Curves;
use crate::sweep::figures::{figure, lambda_axis, panel, spread};
use crate::sweep::trends::{Finding, above, all_hold, judged, listed};
use crate::{Profile, Result};
use runs::run::{Features, Hardware, Learner, RunConfig};
use runs::store::Results;

/// Section 4.2, E9: encoders of the sweeps, frozen, with heads learned anew.
pub struct FrozenEncoders;

/// What the families with new heads are called besides.
const REFITTED: &str = ", new heads";

/// The same encoders, frozen, under heads that are learned anew for as long.
fn refitted(family: &Family) -> Family {
    let members = family.members.iter().map(|member| {
        let Learner::Cre { model, .. } = &member.learner else { unreachable!("the families train CREs") };
        let run = RunConfig {
            data: family.data[0].clone(),
            rotation: family.rotation,
            learner: member.learner.clone(),
            optimiser: family.optimiser,
            batch: family.batch,
            epochs: family.epochs,
            hardware: Hardware::default(),
        };
        let learner = Learner::Readout { of: Features::Trained { run: Box::new(run) }, model: *model };
        Member::new(member.label.clone(), member.number, learner)
    });
    let (label, members) = (format!("{}{REFITTED}", family.label), members.collect());
    Family { label, members, ..family.clone() }
}

impl Experiment for FrozenEncoders {
    const NAME: &'static str = "frozen-encoders";
    const TITLE: &'static str = "New heads on frozen encoders (E9)";
    const SHOWS: &'static str = "An encoder of one task fails at the other because the information is not there: heads \
                                 that are learned anew on the frozen latent do not close the gap.";

    fn grid(profile: Profile) -> Grid {
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

    fn plates(results: &Results) -> Result<Vec<Plate>> {
        let curves = Curves::all(results)?;
        let mut plates = Vec::new();
        for (online, refitted) in pairs(&curves) {
            for member in 0..online.members.len() {
                plates.extend(compared(online, refitted, member)?.map(Plate::Figure));
            }
        }
        Ok(plates)
    }

    fn rows(results: &Results) -> Result<Vec<Row>> {
        let curves = Curves::all(results)?;
        let mut rows = Vec::new();
        for (online, refitted) in pairs(&curves) {
            let (mut holds, mut got, mut n) = (Vec::new(), Vec::new(), 0);
            for (member, (label, _)) in online.members.iter().enumerate() {
                let last = online.last();
                let gap = |measure: &str, at: usize, best: usize| -> Result<Vec<f64>> {
                    let new = refitted.at(measure, member, at)?;
                    Ok(new.into_iter().zip(online.at(measure, member, best)?).map(|(a, b)| a - b).collect())
                };
                let (mse, accuracy) = (gap("test_mse", 0, last)?, gap("test_accuracy", last, 0)?);
                if mse.is_empty() || accuracy.is_empty() {
                    continue;
                }
                n = mse.len();
                let (mse, accuracy) = (interval(&mse), interval(&accuracy));
                holds.extend([above(&mse, 0.0), above(&accuracy.times(-1.0), 0.0)]);
                let points = accuracy.times(100.0);
                got.push(format!("{label}: MSE {mse:+.3}, accuracy {points:+.1} points"));
            }
            let finding = (!got.is_empty()).then(|| Finding { holds: all_hold(holds), got: listed(got) });
            let claim = format!("new heads on a frozen encoder do not close the gap ({})", online.variant);
            let expected =
                "new decoder at λ = 0 worse than λ = 1's own, new classifier at λ = 1 worse than λ = 0's \
                            own, by 95 % intervals"
                    .to_owned();
            rows.push(judged("C3", claim, expected, finding, n));
        }
        Ok(rows)
    }
}

/// Each family with its refitted one.
fn pairs<'c, 'r>(curves: &'c [Curves<'r>]) -> impl Iterator<Item = (&'c Curves<'r>, &'c Curves<'r>)> {
    curves.iter().filter_map(|online| {
        let name = format!("{}{REFITTED}", online.variant);
        Some((online, curves.iter().find(|other| other.variant == name)?))
    })
}

fn compared(online: &Curves<'_>, refitted: &Curves<'_>, member: usize) -> Result<Option<Figure>> {
    let mut panels = Vec::new();
    for (title, label, measure, probe) in [
        ("Reconstruction", "test MSE", "test_mse", "ridge_mse"),
        ("Classification", "test accuracy", "test_accuracy", "ridge_accuracy"),
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
        at(online.of_variant("class_mean_mse")?, "class-mean image"),
        at(online.of_variant("mean_image_mse")?, "mean image"),
    ];
    let best = median(&online.at("test_accuracy", member, 0)?);
    if best.is_finite() {
        panels[1].references = vec![at(best, "supervised")];
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
