//! E9: is information missing from a frozen latent, or is the head that reads it not trained to convergence?

use models::vit;
use report::{Chart, Figure, Reference, Series, Shape, Style, Tick, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{THREE, cnn_s, fc_m, refitted, seeds, vit};
use crate::grid::Grid;
use crate::metric::{Baseline, Metric};
use crate::profile::Profile;
use crate::statistics::mean;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{cost_by_reader, figure, lambda_axis, panel, spread};
use crate::sweep::readers::{Question, Reader, Task, read, source, sources};
use crate::sweep::recorded::Recorded;
use crate::sweep::refits::{controlled, is_refitted, refitted_of};
use crate::sweep::trends::{About, Finding, judged, listed};
use runs::store::Results;

/// E9 (`book/cre.md`): new heads trained on the frozen encoders of the sweeps.
pub struct FrozenEncoders;

static INFO: Info = Info {
    name: "frozen-encoders",
    title: "New heads on frozen encoders (E9)",
    claim: "An encoder trained for one task fails at the other because the information is missing from its latent: new \
            heads trained on the frozen latent do not close the gap.",
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
        let families =
            trained.into_iter().flat_map(|family| [family.clone(), refitted(profile, &family)]).collect();
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
        for (name, task) in
            [("readers-accuracy", Task::Classification), ("readers-error", Task::Reconstruction)]
        {
            let families = pairs(&curves).map(|(online, refitted)| {
                let new = [Reader::NewHead, Reader::Converged].into_iter();
                let new = new.filter_map(|reader| source(reader, refitted, task));
                let own = sources(online, task).into_iter().filter(|of| of.reader != Reader::Converged);
                (online, own.chain(new).collect())
            });
            let families: Vec<_> = families.collect();
            figures.extend(cost_by_reader(&families, name, task)?.map(Figure::Chart));
        }
        Ok(figures)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let curves = Curves::all(results)?;
        let mut rows = Vec::new();
        for online in curves.iter().filter(|curves| !is_refitted(curves)) {
            let of = Evidence::among(online, &curves)?;
            let finding = gaps(&of, refitted_of(&curves, online));
            let claim = "no reader of a frozen latent closes the gap";
            let expected = "MSE(0) - MSE(1) and accuracy(0) - accuracy(1) above 0 by every reader; control: error of new \
                            decoders at λ = 1 within 5 % of the encoder's own";
            rows.push(judged(About::of(ClaimId::C3, claim, online), expected, finding, &of)?);
        }
        Ok(rows)
    }
}

/// Whether every reader is worse at the end point of the other task. New heads count only if they match the encoder's own
/// decoder at λ = 1, where both learned the same task.
fn gaps(of: &Evidence<'_, '_>, refitted: Option<&Curves<'_>>) -> Result<Finding> {
    let refitted =
        refitted.ok_or_else(|| Error::NotRun("the grid has no new heads on these encoders".into()))?;
    let online = of.curves;
    let ([first, last], mut questions) = (of.lambdas([0.0, 1.0])?, Vec::new());
    for (member, (label, _)) in online.members.iter().enumerate() {
        let new = Evidence::of(refitted);
        if new.labelled(label)? != member {
            return Err(Error::NotRun(format!("the grid has new heads on other encoders than {label}")));
        }
        for (metric, end) in [(Metric::TestMse, first), (Metric::TestAccuracy, last)] {
            of.at_most(new.at(metric, member, end)?.len());
        }
        let points = [[member, first], [member, last]];
        for (name, task) in [("MSE", Task::Reconstruction), ("accuracy", Task::Classification)] {
            questions.push(Question::gap(format!("{label}: {name}(0) - {name}(1)"), task, points, 0.0));
        }
    }
    let (passing, failures) = controlled(online, refitted)?;
    let finding = read(of, &questions)?;
    Ok(Finding { control: passing.is_empty().then(|| listed(failures)), ..finding })
}

/// Each family, paired with the family of new heads on its encoders.
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
        let best = mean(&online.at(Metric::TestAccuracy, member, first)?);
        if best.is_finite() {
            panels[1].references = vec![at(best, "supervised")];
        }
    }
    let label = &online.members[member].0;
    Ok(figure(
        format!("frozen-{}-{member}", online.index),
        format!("Heads trained with the encoder and on the frozen encoder, {label} ({})", online.words()),
        "Each encoder was trained with the λ on the axis and frozen; then a new decoder and a new classifier were trained for \
         as many epochs. The online heads were trained with the encoder. Ridge regression is a closed-form linear probe."
            .into(),
        panels,
    ))
}
