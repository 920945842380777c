//! LBR E8: how does the class information in the latent depend on the depths of encoder and decoder?

use report::{Figure, HeatMap, HeatPanel, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::seeds;
use crate::grid::{Family, Grid};
use crate::lbr::{autoencoders, fashion, grid};
use crate::metric::Metric;
use crate::profile::Profile;
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::formula::Formula;
use crate::statistics::mean;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::{Evidence, Term};
use crate::sweep::readers::{Reader, Task, source};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, judged};
use runs::images::DataConfig;
use runs::learners::autoencoding::{Network, Objective};
use runs::store::Results;

/// LBR E8 (`book/lbr.md`).
pub struct DepthGrid;

static INFO: Info = Info {
    name: "depth-grid",
    title: "Depths of encoder and decoder (LBR E8)",
    claim: "The class information in an autoencoder's latent depends on the depths of its parts, not only on the quality \
            of its reconstructions.",
    paper: Paper::Lbr,
    recorded: Recorded::NUMBERS,
};

impl Experiment for DepthGrid {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let (depths, latent, training): (Vec<usize>, usize, _) = match profile {
            Profile::Smoke => (vec![2, 3], 8, [50, 1]),
            Profile::Quick | Profile::Standard | Profile::Paper => (vec![2, 3, 6], 32, [100, 10]),
            Profile::Full => ((2..=12).collect(), 128, [256, 60]),
        };
        let data = match profile {
            Profile::Full => {
                let whole = |name: &str, train, test| DataConfig::new(name, train, 0, test);
                vec![
                    whole("arabic-characters", 13_440, 3_360),
                    whole("arabic-digits", 60_000, 10_000),
                    whole("svhn", 73_257, 26_032),
                    fashion(profile),
                ]
            }
            _ => vec![fashion(profile)],
        };
        let families = depths.iter().map(|&decoder_depth| -> Family {
            let networks = depths.iter().map(|&encoder_depth| {
                let network = Network::Mlpae { latent, encoder_depth, decoder_depth, sigmoid: false };
                (format!("depth {encoder_depth}"), encoder_depth as f64, network, Objective::Reconstruction)
            });
            let label = format!("decoder of depth {decoder_depth}");
            autoencoders(&label, "depth of the encoder", networks, data.clone(), training)
        });
        grid(families.collect(), seeds(profile, 3))
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let all = Curves::all(results)?;
        let (mut figures, mut known) = (Vec::new(), Vec::new());
        for curves in &all {
            if known.contains(&&curves.data) {
                continue;
            }
            known.push(&curves.data);
            let of: Vec<&Curves<'_>> = all.iter().filter(|other| other.data == curves.data).collect();
            for (name, title, metric) in [
                ("accuracy", "Accuracy of a ridge probe of the latent in %", Metric::RidgeAccuracy),
                ("error", "Test MSE of the reconstruction", Metric::TestMse),
            ] {
                figures.extend(by_depth(&of, (name, title), metric)?.map(Figure::Heat));
            }
        }
        Ok(figures)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let all = Curves::all(results)?;
        let mut sets: Vec<&str> = all.iter().map(|curves| curves.data.as_str()).collect();
        sets.dedup();
        sets.into_iter().map(|data| row(&all, data)).collect()
    }
}

/// Means over seeds by the depths of decoder and encoder, coloured by their distance from the overall mean.
fn by_depth(of: &[&Curves<'_>], (name, title): (&str, &str), metric: Metric) -> Result<Option<HeatMap>> {
    let mut rows = Vec::new();
    let factor = if metric == Metric::RidgeAccuracy { 100.0 } else { 1.0 };
    for curves in of {
        let mut row = Vec::new();
        for member in 0..curves.members.len() {
            let values = curves.at(metric, member, 0)?;
            row.push((!values.is_empty()).then(|| factor * mean(&values)));
        }
        rows.push((curves.family.clone(), row));
    }
    let values: Vec<f64> = rows.iter().flat_map(|(_, row)| row.iter().flatten().copied()).collect();
    let Some(first) = of.first().filter(|_| !values.is_empty()) else { return Ok(None) };
    let panel = HeatPanel {
        title: "Means over seeds".into(),
        x: "encoder".into(),
        y: "decoder".into(),
        columns: first.members.iter().map(|(label, _)| label.clone()).collect(),
        rows,
    };
    Ok(Some(HeatMap {
        name: format!("depths-{name}-{}", first.index),
        title: format!("{title}, by depth ({})", first.set_words()),
        caption: "Fully connected autoencoders without a final sigmoid, trained on the reconstruction error alone; depth 2 \
                  is one linear layer. Colours show the distance from the overall mean."
            .into(),
        centre: mean(&values),
        panels: vec![panel],
    }))
}

/// The autoencoder of a pair of depths, with its means over seeds.
struct Pair<'c, 'r> {
    of: Evidence<'c, 'r>,
    member: usize,
    accuracy: f64,
    mse: f64,
    name: String,
}

impl<'c, 'r> Pair<'c, 'r> {
    fn ridge(&self) -> Result<Term<'c, 'r>> {
        let missing = || Error::Missing(Metric::RidgeAccuracy.to_string());
        let ridge = source(Reader::Ridge, self.of.curves, Task::Classification).ok_or_else(missing)?;
        Ok((ridge, [self.member, 0]))
    }
}

/// The verdict on whether the autoencoder that reconstructs best has the most accurate latent, on one data set.
fn row(all: &[Curves<'_>], data: &str) -> Result<Verdict> {
    let of = all.iter().find(|curves| curves.data == data);
    let of = Evidence::of(of.ok_or_else(|| Error::Missing(format!("data set {data}")))?);
    let finding = best(all, data, &of);
    let expected =
        "accuracy of a ridge probe higher for another pair of depths, at Holm's level for all pairs";
    let claim = "the best reconstruction does not have the most accurate latent";
    let about = About::set(ClaimId::LbrE8, claim, of.curves).model("MLPAE");
    judged(about, expected, finding, &of)
}

/// The accuracy of the most accurate pair of depths minus that of the pair that reconstructs best.
fn best(all: &[Curves<'_>], data: &str, row: &Evidence<'_, '_>) -> Result<Finding> {
    let mut pairs = Vec::new();
    for curves in all.iter().filter(|curves| curves.data == data) {
        let decoder = &curves.family;
        for (member, (encoder, _)) in curves.members.iter().enumerate() {
            let of = Evidence::of(curves);
            let [accuracy, mse] = [Metric::RidgeAccuracy, Metric::TestMse].map(|name| of.at(name, member, 0));
            let (accuracy, mse) = (mean(&accuracy?), mean(&mse?));
            pairs.push(Pair { of, member, accuracy, mse, name: format!("encoder of {encoder}, {decoder}") });
        }
    }
    let nothing = || Error::NotRun("the grid has no two pairs of depths".into());
    let closest = pairs.iter().min_by(|a, b| a.mse.total_cmp(&b.mse)).ok_or_else(nothing)?;
    let accurate = pairs.iter().max_by(|a, b| a.accuracy.total_cmp(&b.accuracy)).ok_or_else(nothing)?;
    if pairs.len() < 2 {
        return Err(nothing());
    }
    for pair in &pairs {
        row.at_most(pair.of.n());
    }
    let words =
        |pair: &Pair<'_, '_>| format!("{:.1} % ({}, MSE {:.3})", 100.0 * pair.accuracy, pair.name, pair.mse);
    let found = format!("most accurate {}; best reconstruction {}", words(accurate), words(closest));
    if closest.name == accurate.name {
        return Ok(Finding::exact(false, found).read_by("ridge regression"));
    }
    let gain = row.estimate(Formula::Sum(&[1.0, -1.0]), &[accurate.ridge()?, closest.ridge()?])?;
    // The most accurate of all pairs is chosen after seeing the data.
    let label = "the most accurate minus the best reconstruction";
    let gain = Contrast::above(label, gain, 0.0, Unit::POINTS).chosen_from(pairs.len() - 1);
    let found = format!("{found}; {}", gain.words());
    Ok(Finding::decided(vec![gain], found).read_by("ridge regression"))
}
