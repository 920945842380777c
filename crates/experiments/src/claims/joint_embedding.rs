//! Joint embedding beside reconstruction: which linear code ignores an irrelevant background?

use report::{Axis, Chart, Figure, HeatMap, HeatPanel, Point, Scale, Series, Shape, Style, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::seeds;
use crate::grid::Grid;
use crate::lbr::{alignments_of, fashion, grid, mnist};
use crate::metric::ArrayMetric;
use crate::names::names;
use crate::profile::Profile;
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::estimate::Estimate;
use crate::sweep::along::ALIGNMENT;
use crate::sweep::curves::Curves;
use crate::sweep::figures::{exact_figure, panel};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, exactly};
use crate::sweep::words;
use runs::images::{Change, DataConfig};
use runs::learners::closed_form::{Code, Noise};
use runs::store::Results;

/// The two closed forms of Van Assel et al. (2025, arXiv 2505.12477) on images with a background; in neither paper.
pub struct JointEmbedding;

names! {
    /// The families of codes, by the criterion for which they are optimal.
    Objective {
        /// Reconstruction of the clean image.
        Reconstruction = "reconstruction",
        /// Agreement of two views.
        JointEmbedding = "joint embedding",
    }
}

/// The code size at which codes are compared.
const K: f64 = 16.0;

/// The percentage of the variance in the background of the claims.
const PERCENT: u32 = 90;

/// The standard deviations of the background that is added to each view, relative to that of all pixels.
const DEVIATIONS: [f64; 7] = [0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

/// A weak added background, declared in advance: it should suffice for joint embedding to ignore the background.
const WEAK: f64 = 0.3;

/// A strong added background, declared in advance: with it reconstruction should ignore the background, too.
const STRONG: f64 = 30.0;

/// The independent noise of each view. Without it, the views would agree equally in all directions outside of the
/// background.
const PIXEL_DEVIATION: f64 = 0.1;

/// The margins of a difference of R², for claims that one code is better, and that the two are alike.
const BETTER: f64 = 0.01;
const ALIKE: f64 = 0.05;

static INFO: Info = Info {
    name: "joint-embedding",
    title: "Joint embedding beside reconstruction, in closed form",
    claim: "If each view of an image gets a weak random background, the code of joint embedding ignores a background of \
            large variance and that of reconstruction does not; on clean images the same noise harms joint embedding.",
    paper: Paper::Lbr,
    recorded: Recorded::along(ALIGNMENT),
};

impl Experiment for JointEmbedding {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let is_smoke = profile == Profile::Smoke;
        let sets = if is_smoke { vec![fashion(profile)] } else { vec![fashion(profile), mnist(profile)] };
        let percents: &[u32] = if is_smoke { &[0, PERCENT] } else { &[0, 50, PERCENT, 99] };
        let deviations: &[f64] = if is_smoke { &[WEAK, STRONG] } else { &DEVIATIONS };
        let data: Vec<DataConfig> =
            sets.iter().flat_map(|set| percents.iter().map(|&percent| with(set.clone(), percent))).collect();
        let noise =
            |&deviation: &f64| (deviation, Noise::Background { deviation, pixel_deviation: PIXEL_DEVIATION });
        let family = |objective: Objective, code| {
            alignments_of(
                code,
                objective.as_str(),
                "σ of the noise",
                deviations.iter().map(noise),
                data.clone(),
            )
        };
        let families = vec![
            family(Objective::Reconstruction, Code::Reconstruction),
            family(Objective::JointEmbedding, Code::JointEmbedding),
        ];
        grid(families, seeds(profile, 1))
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let all = Curves::all(results)?;
        let pairs = pairs(&all)?;
        let mut sets: Vec<&str> = pairs.iter().map(|(set, ..)| set.as_str()).collect();
        sets.dedup();
        let (mut differences, mut at_percent) = (Vec::new(), Vec::new());
        for set in sets {
            let (mut rows, mut columns) = (Vec::new(), Vec::new());
            for (_, percent, [reconstruction, embedding]) in pairs.iter().filter(|(of, ..)| of == set) {
                let (old, new) = (accuracies(reconstruction)?, accuracies(embedding)?);
                // Older results lack what is measured on test images.
                if old.is_empty() {
                    continue;
                }
                columns = old.iter().map(|(deviation, _)| deviation.to_string()).collect();
                let difference = old.iter().zip(&new).map(|((_, old), (_, new))| Some(new - old));
                rows.push((format!("{percent} %"), difference.collect()));
                if *percent == PERCENT {
                    let series = [(Objective::Reconstruction, &old), (Objective::JointEmbedding, &new)];
                    let series = series.into_iter().enumerate().map(|(index, (objective, values))| Series {
                        label: objective.to_string(),
                        points: values.iter().map(|&(x, y)| Point::new(x, y)).collect(),
                        style: Style::category(index),
                        shape: Shape::Line,
                    });
                    let axis = Axis::new("σ of the background added to each view", "", Scale::Log10);
                    let title = words::data_set(set);
                    at_percent.push(panel(&title, axis, "test accuracy of a probe (%)", series.collect()));
                }
            }
            let (x, y) = ("σ of the background added to each view".into(), "background of the images".into());
            if rows.is_empty() {
                continue;
            }
            differences.push(HeatPanel { title: words::data_set(set), x, y, columns, rows });
        }
        let heat = (!differences.is_empty()).then(|| {
            Figure::Heat(HeatMap {
                name: "joint-embedding-difference".into(),
                title: "Joint embedding minus reconstruction, points of accuracy".into(),
                caption: "Test accuracy of a least-squares probe on the optimal linear code of 16 dimensions: joint embedding \
                          minus reconstruction, by the variance of an irrelevant background and by the strength of the random \
                          background that is added to each view. Closed forms; probes see clean images."
                    .into(),
                centre: 0.0,
                panels: differences,
            })
        });
        let caption = "Test accuracy of a least-squares probe on codes of 16 dimensions, for images of whose variance an \
                       irrelevant background holds 90 %.";
        let title = "Which code ignores the background".to_owned();
        let chart: Option<Chart> =
            exact_figure("joint-embedding-accuracy".into(), title, caption.into(), at_percent);
        Ok(heat.into_iter().chain(chart.map(Figure::Chart)).collect())
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let all = Curves::all(results)?;
        let pairs = pairs(&all)?;
        let mut rows = Vec::new();
        for (set, _, [clean, _]) in pairs.iter().filter(|(_, percent, _)| *percent == 0) {
            let at = |percent: u32| {
                let pair = pairs.iter().find(|(of, at, _)| of == set && *at == percent);
                let missing = || Error::NotRun(format!("the grid has no background of {percent} %"));
                pair.map(|(.., pair)| *pair).ok_or_else(missing)
            };
            let gap = |percent: u32, deviation: f64| difference(at(percent)?, deviation);
            let label = |percent: u32, deviation: f64| {
                format!(
                    "background of {percent} %, σ = {deviation}: R² of joint embedding minus reconstruction"
                )
            };
            let weak =
                gap(PERCENT, WEAK).map(|gap| Contrast::above(label(PERCENT, WEAK), gap, BETTER, Unit::PURE));
            let strong = gap(PERCENT, STRONG)
                .map(|gap| Contrast::below(label(PERCENT, STRONG), gap, ALIKE, Unit::PURE));
            let without = gap(0, WEAK).map(|gap| Contrast::below(label(0, WEAK), gap, -BETTER, Unit::PURE));
            for (claim, expected, contrast) in [
                (
                    "weak noise along a background lets joint embedding, and not reconstruction, ignore it",
                    format!("held-out R² of 16 dimensions larger by more than {BETTER}"),
                    weak,
                ),
                (
                    "strong noise along the background lets reconstruction ignore it, too",
                    format!("held-out R² of joint embedding larger by less than {ALIKE}"),
                    strong,
                ),
                (
                    "noise along smooth modes harms joint embedding where no background has them",
                    format!("held-out R² of 16 dimensions smaller by more than {BETTER}"),
                    without,
                ),
            ] {
                let finding = contrast.map(|contrast| Finding::of(vec![contrast]));
                let about = About::set(ClaimId::JointEmbedding, claim, clean).model("linear codes, K = 16");
                rows.push(exactly(about, expected, finding, clean.n_test)?);
            }
        }
        Ok(rows)
    }
}

fn with(set: DataConfig, percent: u32) -> DataConfig {
    if percent == 0 { set } else { set.changed(Change::Background { percent }) }
}

/// The set without its background, the percentage of the background, and both families.
type Pair<'c, 'r> = (String, u32, [&'c Curves<'r>; 2]);

/// The results of both families on the same images, by set and background.
fn pairs<'c, 'r>(all: &'c [Curves<'r>]) -> Result<Vec<Pair<'c, 'r>>> {
    let mut pairs = Vec::new();
    for reconstruction in all {
        if reconstruction.family_id::<Objective>()? != Objective::Reconstruction {
            continue;
        }
        for embedding in all.iter().filter(|other| other.data == reconstruction.data) {
            if embedding.family_id::<Objective>()? == Objective::JointEmbedding {
                let (set, background) =
                    reconstruction.data.split_once(", ").unwrap_or((&reconstruction.data, ""));
                let percent = background.split(' ').next().and_then(|percent| percent.parse().ok());
                pairs.push((set.to_owned(), percent.unwrap_or(0), [reconstruction, embedding]));
            }
        }
    }
    Ok(pairs)
}

/// A value of each setting at [`K`], with the σ of the noise.
fn at_k(curves: &Curves<'_>, array: ArrayMetric) -> Result<Vec<(f64, f64)>> {
    let mut values = Vec::new();
    if !curves.has(array) {
        return Ok(values);
    }
    for (member, (_, deviation)) in curves.members.iter().enumerate() {
        let along = curves.along(array, [member, 0])?;
        let at = along.iter().find(|(k, _)| *k == K).and_then(|(_, values)| values.first());
        values.extend(at.map(|&value| (*deviation, value)));
    }
    Ok(values)
}

/// The test accuracies of the probe in percent.
fn accuracies(curves: &Curves<'_>) -> Result<Vec<(f64, f64)>> {
    let accuracies = at_k(curves, ArrayMetric::HeldOutAccuracy)?;
    Ok(accuracies.into_iter().map(|(deviation, accuracy)| (deviation, 100.0 * accuracy)).collect())
}

/// The R² of test images of joint embedding minus that of reconstruction. Both are stored as differences to the same code
/// without noise; the sum of their standard errors bounds that of their difference.
fn difference([reconstruction, embedding]: [&Curves<'_>; 2], deviation: f64) -> Result<Estimate> {
    let at = |curves: &Curves<'_>, array: ArrayMetric| -> Result<f64> {
        let missing =
            || Error::NotRun(format!("the grid has no code of {K} dimensions with σ = {deviation}"));
        let values = at_k(curves, array)?;
        values.iter().find(|(at, _)| *at == deviation).map(|(_, value)| *value).ok_or_else(missing)
    };
    let of = |array| Ok::<_, Error>([at(reconstruction, array)?, at(embedding, array)?]);
    let ([old, new], errors) = (of(ArrayMetric::HeldOutGain)?, of(ArrayMetric::HeldOutGainError)?);
    Ok(Estimate::of_images(new - old, errors.iter().sum(), reconstruction.n_test))
}
