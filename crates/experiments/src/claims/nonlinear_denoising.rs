//! Beyond the LBR paper: does the closed form of linear denoising predict the effect of masks on a trained network?

use report::{Axis, Figure, Reference, Scale, Series, Shape, Style, Tick, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::seeds;
use crate::grid::{Grid, Member};
use crate::lbr::{alignments, autoencoders, fashion, grid, mlpae, mnist};
use crate::metric::{ArrayMetric, Metric};
use crate::names::names;
use crate::profile::Profile;
use crate::statistics::formula::Formula;
use crate::statistics::rules::LEVEL;
use crate::sweep::along::ALIGNMENT;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::facts;
use crate::sweep::figures::{figure, panel, spread};
use crate::sweep::readers::{Reader, Task, source};
use crate::sweep::recorded::{Along, Recorded};
use crate::sweep::trends::{About, Finding, judged, listed};
use runs::learners::LearnerConfig;
use runs::learners::autoencoding::{Masked, Objective};
use runs::learners::closed_form::Noise;
use runs::store::Results;

/// Trained masked autoencoders and the exact impact of the same masks.
pub struct NonlinearDenoising;

/// The warning that masked autoencoders have no metrics with masks.
const UNMASKED: &str = "All metrics are those of whole test images. Metrics of masked test images (`test_masked_*`) are \
                        recorded for CREs trained with masks, but not for autoencoders.";

/// The size of the latent.
const LATENT: usize = 32;

names! {
    /// The families.
    Code {
        /// The exact linear code.
        Exact = "exact linear",
        /// The latent of a trained autoencoder.
        Trained = "MLPAE",
    }
}

static INFO: Info = Info {
    name: "nonlinear-denoising",
    title: "Masked autoencoders, trained and linear (beyond LBR)",
    claim: "Whether a mask helps or harms a linear code predicts whether it helps or harms a trained autoencoder of the same \
            size.",
    paper: Paper::Lbr,
    recorded: Recorded { along: Some(Along { ..ALIGNMENT }), ..Recorded::NUMBERS },
};

impl Experiment for NonlinearDenoising {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let masks: &[(usize, f64)] = match profile {
            Profile::Smoke => &[(2, 0.5)],
            Profile::Quick | Profile::Standard | Profile::Paper => {
                &[(1, 0.66), (2, 0.66), (4, 0.33), (4, 0.66)]
            }
            Profile::Full => &[(1, 0.33), (1, 0.66), (2, 0.33), (2, 0.66), (4, 0.33), (4, 0.66)],
        };
        let sets = match profile {
            Profile::Smoke | Profile::Paper => vec![fashion(profile)],
            _ => vec![fashion(profile), mnist(profile)],
        };
        let noises = std::iter::once(Noise::None)
            .chain(masks.iter().map(|&(patch, drop)| Noise::Mask { patch, drop }));
        let numbered = noises.enumerate().map(|(place, noise)| (place as f64, noise));
        let exact = alignments(Code::Exact.as_str(), "mask", numbered, sets.clone());
        let networks =
            std::iter::once((Noise::None.label(), 0.0, mlpae(LATENT, 3), Objective::Reconstruction));
        let training = match profile {
            Profile::Smoke => [50, 1],
            Profile::Paper => [256, 12],
            _ => [100, 12],
        };
        let mut trained = autoencoders(Code::Trained.as_str(), "mask", networks, sets, training);
        let plain = trained.members[0].learner.clone();
        for (place, &(patch, drop)) in masks.iter().enumerate() {
            let mut learner = plain.clone();
            if let LearnerConfig::Autoencoding(learner) = &mut learner {
                learner.task.masked = Some(Masked { patch, drop });
            }
            let label = Noise::Mask { patch, drop }.label();
            trained.members.push(Member::new(label, place as f64 + 1.0, learner));
        }
        grid(vec![exact, trained], seeds(profile, 3))
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let all = Curves::all(results)?;
        let mut figures = Vec::new();
        for (exact, trained) in pairs(&all)? {
            let mut points = Vec::new();
            for (member, (label, _)) in trained.members.iter().enumerate().skip(1) {
                let predicted =
                    exact.labelled(label).map(|member| impact(exact, member)).transpose()?.flatten();
                let of_mask = label.trim_start_matches("masks of ").to_owned();
                let point = predicted
                    .map(|x| Ok::<_, Error>(spread(x, &gains(trained, member)?)))
                    .transpose()?
                    .flatten();
                points.extend(point.map(|point| point.labelled(of_mask)));
            }
            let (label, style) = ("masks: patch size, fraction p dropped".to_owned(), Style::category(0));
            let series = Series { label, points, style, shape: Shape::Points };
            let axis =
                Axis::new("predicted: change of the alignment of the exact linear code", "%", Scale::Linear);
            let mut panel =
                panel("", axis, "trained: change of the accuracy of a ridge probe (%)", vec![series]);
            panel.references = vec![
                Reference::Horizontal(Tick { at: 0.0, label: "no mask".into() }),
                Reference::Vertical(Tick { at: 0.0, label: "no mask".into() }),
            ];
            let panels = vec![panel];
            let caption = "Relative changes by masking, predicted by the exact linear code of 32 dimensions and measured in the \
                           latent of a trained autoencoder of 32 dimensions. If the closed form predicts the sign, a mask \
                           lies in the lower left or upper right quadrant.";
            let title = format!("Effect of masks, predicted and trained ({})", exact.set_words());
            figures.extend(figure(format!("denoising-{}", exact.index), title, caption.into(), panels));
        }
        Ok(figures.into_iter().map(Figure::Chart).collect())
    }

    fn warnings(&self, results: &Results) -> Result<Vec<String>> {
        let mut warnings = vec![UNMASKED.to_owned()];
        warnings.extend(facts::warnings(results)?);
        Ok(warnings)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let all = Curves::all(results)?;
        let mut rows = Vec::new();
        for (exact, trained) in pairs(&all)? {
            let of = Evidence::of(trained);
            let finding = signs(&of, exact);
            rows.push(judged(
                About::set(ClaimId::Beyond, "the closed form predicts the sign of the trained result", exact)
                    .model(trained.family.clone()),
                "the same sign for every mask with a trained change other than 0, at Bonferroni's level for all masks",
                finding,
                &of,
            )?);
        }
        Ok(rows)
    }
}

/// Whether the exact change has the sign of every trained change whose interval excludes 0.
fn signs(of: &Evidence<'_, '_>, exact: &Curves<'_>) -> Result<Finding> {
    let (mut right, mut decided, mut got) = (0, 0, Vec::new());
    let plain = of.labelled(&Noise::None.label())?;
    for (member, (label, _)) in of.curves.members.iter().enumerate().filter(|(member, _)| *member != plain) {
        let missing = || Error::NotRun(format!("no exact alignment of {LATENT} dimensions with {label}"));
        let predicted = impact(exact, Evidence::of(exact).labelled(label)?)?.ok_or_else(missing)?;
        let missing = || Error::Missing(Metric::RidgeAccuracy.to_string());
        let ridge = source(Reader::Ridge, of.curves, Task::Classification).ok_or_else(missing)?;
        let ratio = of.estimate(Formula::Ratio, &[(ridge, [member, 0]), (ridge, [plain, 0])])?;
        let change =
            ratio.affine(100.0, -100.0).interval(1.0 - (1.0 - LEVEL) / (of.curves.members.len() - 1) as f64);
        got.push(format!("{label}: predicted {predicted:+.2} %, trained {change:+.2} %"));
        if change.low > 0.0 || change.high < 0.0 {
            decided += 1;
            right += usize::from((change.mean > 0.0) == (predicted > 0.0));
        }
    }
    if got.is_empty() {
        return Err(Error::NotRun("the grid has no run with a mask".into()));
    }
    let holds = (decided > 0).then_some(right == decided);
    let got =
        format!("the sign agrees for {right} of {decided} masks with a change other than 0; {}", listed(got));
    Ok(Finding { holds, ..Finding::exact(false, got).read_by("ridge regression") })
}

/// The relative change in percent.
fn relative([without, with]: [f64; 2]) -> f64 {
    100.0 * (with - without) / without
}

/// The exact and the trained results of each data set that has both.
fn pairs<'c, 'r>(all: &'c [Curves<'r>]) -> Result<Vec<(&'c Curves<'r>, &'c Curves<'r>)>> {
    let (mut exact, mut trained) = (Vec::new(), Vec::new());
    for curves in all {
        match curves.family_id()? {
            Code::Exact => exact.push(curves),
            Code::Trained => trained.push(curves),
        }
    }
    let other = |exact: &Curves<'_>| trained.iter().find(|trained| trained.data == exact.data).copied();
    Ok(exact.into_iter().filter_map(|exact| Some((exact, other(exact)?))).collect())
}

/// The relative change of the exact alignment at the size of the latent in percent; `None` if it is zero without masks.
fn impact(exact: &Curves<'_>, member: usize) -> Result<Option<f64>> {
    let at = |member| -> Result<Option<f64>> {
        let along = exact.along(ArrayMetric::Alignment, [member, 0])?;
        Ok(along.iter().find(|(k, _)| *k == LATENT as f64).map(|(_, values)| values[0]))
    };
    let plain =
        exact.labelled(&Noise::None.label()).map(at).transpose()?.flatten().filter(|&plain| plain > 0.0);
    Ok(plain.zip(at(member)?).map(|(without, with)| relative([without, with])))
}

/// The relative change of the accuracy of a ridge probe of the latent in percent, one for each seed.
fn gains(trained: &Curves<'_>, member: usize) -> Result<Vec<f64>> {
    let Some(plain) = trained.labelled(&Noise::None.label()) else { return Ok(vec![]) };
    let pairs = trained.paired(Metric::RidgeAccuracy, [plain, 0], trained, [member, 0])?;
    Ok(pairs.into_iter().filter(|[without, _]| *without > 0.0).map(relative).collect())
}
