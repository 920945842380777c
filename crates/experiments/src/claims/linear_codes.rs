//! E10: how much class information do linear codes hold without training?

use models::fc::Size;
use models::{Activation, Architecture, fc};
use report::{Axis, Figure, Scale, Series, Shape, Style, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{fc_m, seeds};
use crate::grid::{Family, Grid, Member};
use crate::metric::Metric;
use crate::names::{Spelled, names};
use crate::profile::Profile;
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::formula::Formula;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{figure, panel, spread};
use crate::sweep::readers::{Task, online};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, ONLINE, judged};
use runs::learners::frozen_probe::Features;
use runs::learners::{FrozenProbe, RunConfig};
use runs::store::Results;

/// E10 (`book/cre.md`): heads on principal components and on random projections.
pub struct LinearCodes;

names! {
    /// Codes without training, spelled as at the start of the labels of their families.
    Code {
        /// Principal components.
        Pca = "principal components",
        /// A Gaussian matrix.
        Random = "random projections",
    }
}

/// The text between the code and the size of the heads in the label of a family.
const HEADS: &str = ", heads of FC-";

/// The code of a family; `None` for a trained latent.
fn code_of(curves: &Curves<'_>) -> Result<Option<Code>> {
    let Some((code, _)) = curves.family.split_once(HEADS) else { return Ok(None) };
    Code::parse(code)
        .map(Some)
        .ok_or_else(|| curves.unknown_family(Code::ALL.iter().map(|code| code.as_str())))
}

/// The largest code that is judged.
const LARGEST: f64 = 8.0;

/// Heads of one size on codes of one kind.
fn codes(profile: Profile, of: &Features<RunConfig>, size: Size, numbers: &[usize]) -> Family {
    let members = numbers.iter().map(|&n| {
        let model = Architecture::Fc(fc::Config {
            encoder: Size::S,
            latent_activation: Activation::Identity,
            ..fc::Config::of(size, n)
        });
        let member = Member::new(format!("k = {n}"), n as f64, FrozenProbe::new(of.clone(), model));
        member.only_at(&[1.0])
    });
    let code = if *of == Features::Pca { Code::Pca } else { Code::Random };
    let label = format!("{code}{HEADS}{size:?}");
    Family { label, members: members.collect(), ..fc_m(profile, &[]) }
}

static INFO: Info = Info {
    name: "linear-codes",
    title: "Principal components and random projections (E10)",
    claim: "With few dimensions, a trained classifier's latent holds far more class information than principal components, \
            random projections, or an autoencoder's latent of the same size.",
    paper: Paper::Cre,
    recorded: Recorded::NUMBERS,
};

impl Experiment for LinearCodes {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let (numbers, sizes): (&[usize], &[Size]) = match profile {
            Profile::Smoke => (&[4], &[Size::M]),
            Profile::Quick | Profile::Standard | Profile::Paper => (&[2, 4, 8, 16, 32, 64], &[Size::M]),
            Profile::Full => (&[2, 3, 4, 8, 16, 32, 64, 128, 256, 512], &[Size::S, Size::M, Size::L]),
        };
        let mut families = vec![fc_m(profile, numbers)];
        for &size in sizes {
            families.push(codes(profile, &Features::Pca, size, numbers));
            families.push(codes(profile, &Features::Random, size, numbers));
        }
        Grid { families, lambdas: vec![0.0, 1.0], seeds: seeds(profile, 3) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let mut panels = Vec::new();
        for (title, label, measure) in [
            ("Classification", "test accuracy", Metric::TestAccuracy),
            ("Reconstruction", "test MSE", Metric::TestMse),
        ] {
            let mut series = Vec::new();
            for curves in &Curves::all(results)? {
                for (lambda, value) in curves.lambdas.iter().enumerate() {
                    let mut points = Vec::new();
                    for (member, (_, number)) in curves.members.iter().enumerate() {
                        points.extend(spread(*number, &curves.at(measure, member, lambda)?));
                    }
                    let label = match curves.index {
                        0 => format!("trained, λ = {value}"),
                        _ => curves.family.clone(),
                    };
                    let style = Style::category(series.len());
                    series.push(Series { label, points, style, shape: Shape::Line });
                }
                series.retain(|series: &Series| !series.points.is_empty());
            }
            panels.push(panel(title, Axis::new("dimensions of the code", "", Scale::Log2), label, series));
        }
        let title = "Codes with and without training".to_owned();
        let caption =
            "Heads of the same architecture on four codes of the same size: the latents of a trained classifier and \
                       of a trained autoencoder, and two linear codes without labels."
                .to_owned();
        Ok(figure("linear-codes-both".into(), title, caption, panels)
            .map(Figure::Chart)
            .into_iter()
            .collect())
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let all = Curves::all(results)?;
        let (mut codes, mut trained) = (Vec::new(), Vec::new());
        for curves in &all {
            match code_of(curves)? {
                Some(code) => codes.push((code, curves)),
                None => trained.push(curves),
            }
        }
        let mut rows = Vec::new();
        for trained in trained {
            let of = Evidence::of(trained);
            let codes: Vec<(Code, Evidence<'_, '_>)> =
                codes.iter().map(|&(code, curves)| (code, Evidence::of(curves))).collect();
            let finding = against(&of, &codes);
            let claim = "few trained dimensions hold more class information than linear codes";
            let expected = "accuracy(0) 5 points above that of the same heads on every linear code, k <= 8";
            rows.push(judged(About::of(ClaimId::C3T15, claim, trained), expected, finding, &of)?);
        }
        Ok(rows)
    }
}

/// The accuracy of the trained classifier minus that of the same heads on linear codes, at every size that is judged.
fn against(of: &Evidence<'_, '_>, codes: &[(Code, Evidence<'_, '_>)]) -> Result<Finding> {
    let [pure] = of.lambdas([0.0])?;
    for kind in Code::ALL {
        if !codes.iter().any(|(code, _)| code == kind) {
            return Err(Error::NotRun(format!("the grid has no {kind}")));
        }
    }
    let mut contrasts = Vec::new();
    for (member, (label, number)) in of.curves.members.iter().enumerate() {
        if *number > LARGEST {
            continue;
        }
        for (kind, code) in codes {
            let ([last], [same]) = (code.lambdas([1.0])?, code.members([*number])?);
            let heads = [of.curves, code.curves].map(|curves| online(curves, Task::Classification));
            let [own, of_code] = heads;
            let terms = [(own?, [member, pure]), (of_code?, [same, last])];
            let gain = of.estimate(Formula::Sum(&[1.0, -1.0]), &terms)?;
            contrasts.push(Contrast::above(format!("{label} against {kind}"), gain, 0.05, Unit::POINTS));
        }
    }
    if contrasts.is_empty() {
        return Err(Error::NotRun(format!("the grid has no k <= {LARGEST}")));
    }
    Ok(Finding::of(contrasts).read_by(ONLINE))
}
