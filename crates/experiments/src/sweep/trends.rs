//! What the paper claims of a grid, as contrasts of paired seeds (section 6.3 of the CRE specification).

mod capacity;
mod lambda;
mod latent;

pub(crate) use capacity::both_costs_shrink;
pub use capacity::{T5, T6, T7, T9};
pub use lambda::{C8, T1, T2, T3, T4, no_synergy};
pub(crate) use lambda::{ONLINE, online_accuracy};
pub use latent::{DETAIL, NO_MASK, T8, T10, T11};

use report::{Conclusion, Effect, Kind, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::statistics::decision::{Contrast, ENOUGH_SEEDS, decide};
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::refits::is_refitted;
use runs::store::Results;

/// The thresholds that depend on how much data there is.
#[derive(Debug, Clone, Copy)]
pub struct Tier {
    gap: f64,
    margin_accuracy: f64,
    class_mean: f64,
}

impl Tier {
    fn of(curves: &Curves<'_>) -> Self {
        match curves.n_train {
            0..=10_000 => Self { gap: 0.08, margin_accuracy: 0.02, class_mean: 0.35 },
            _ => Self { gap: 0.03, margin_accuracy: 0.01, class_mean: 0.50 },
        }
    }
}

/// What a row states, and of what.
#[derive(Debug, Clone)]
pub struct About {
    source: ClaimId,
    claim: String,
    data: String,
    model: String,
    kind: Kind,
    n_images: usize,
}

impl About {
    /// A claim about the runs of a family on a data set.
    pub fn of(source: ClaimId, claim: impl Into<String>, curves: &Curves<'_>) -> Self {
        Self { model: curves.family.clone(), ..Self::set(source, claim, curves) }
    }

    /// A claim about a data set.
    pub fn set(source: ClaimId, claim: impl Into<String>, curves: &Curves<'_>) -> Self {
        let data = curves.set_words();
        let (model, kind) = (String::new(), source.kind(&curves.data));
        Self { source, claim: claim.into(), data, model, kind, n_images: curves.n_test }
    }

    /// A claim about several data sets.
    pub fn sets(source: ClaimId, claim: impl Into<String>) -> Self {
        let (data, model, kind) = (String::new(), String::new(), Kind::Claim);
        Self { source, claim: claim.into(), data, model, kind, n_images: 0 }
    }

    /// A claim about samples that no test image belongs to, of a family.
    pub fn samples(source: ClaimId, claim: impl Into<String>, data: String, curves: &Curves<'_>) -> Self {
        Self { data, ..Self::sets(source, claim) }.model(curves.family.clone())
    }

    /// The same of a model with this name.
    #[must_use]
    pub fn model(self, model: impl Into<String>) -> Self {
        Self { model: model.into(), ..self }
    }
}

/// What was found of a claim.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Whether it is true; `None` where the intervals leave it open.
    pub holds: Option<bool>,
    /// The numbers.
    pub got: String,
    /// The contrast that decides, where intervals do.
    pub effect: Option<Effect>,
    /// Who read the latent; empty where nobody did.
    pub reader: String,
    /// Whether what the claim is about passes its control; where it does not, why.
    pub control: Option<String>,
}

impl Finding {
    /// A statement about numbers that no seed and no sample changes.
    pub fn exact(holds: bool, got: String) -> Self {
        Self { holds: Some(holds), got, effect: None, reader: String::new(), control: None }
    }

    /// What is decided by the intervals of contrasts; without any, nothing is.
    pub fn decided(contrasts: Vec<Contrast>, got: String) -> Self {
        let Some(decision) = decide(&contrasts) else {
            return Self { holds: None, ..Self::exact(false, got) };
        };
        let of = &contrasts[decision.deciding];
        let (interval, factor) = (of.interval(decision.level), of.unit.factor);
        let effect = Effect {
            quantity: of.label.clone(),
            value: interval.mean,
            low: interval.low,
            high: interval.high,
            margin: of.margin * factor,
            unit: of.unit.name.to_owned(),
            resampled: of.estimate.resampled(),
        };
        Self { holds: decision.holds, effect: Some(effect), ..Self::exact(false, got) }
    }

    /// The same, with all contrasts as what was found.
    pub fn of(contrasts: Vec<Contrast>) -> Self {
        let got = listed(contrasts.iter().map(Contrast::words));
        Self::decided(contrasts, got)
    }

    /// The same, read by this reader.
    #[must_use]
    pub fn read_by(self, reader: &str) -> Self {
        Self { reader: reader.to_owned(), ..self }
    }
}

/// A claim with what decides it.
pub struct Trend {
    /// The claim of the paper and the trend of section 6.3.
    pub source: ClaimId,
    /// The claim.
    pub claim: &'static str,
    /// What is expected.
    pub expected: fn(&Curves<'_>, &Tier) -> String,
    /// What the runs say; `None` for a family that the claim is not about.
    pub find: fn(&Evidence<'_, '_>, &Tier) -> Result<Option<Finding>>,
}

/// The verdicts of these trends on every variant.
///
/// # Errors
/// If the results are not those of a grid.
pub fn rows(results: &Results, trends: &[&Trend]) -> Result<Vec<Verdict>> {
    let mut rows: Vec<(ClaimId, bool, Verdict)> = Vec::new();
    let all = Curves::all(results)?;
    // New heads are readers of the encoders of another family, and no family of their own.
    for curves in all.iter().filter(|curves| !is_refitted(curves)) {
        let tier = Tier::of(curves);
        for trend in trends {
            let of = Evidence::among(curves, &all)?;
            let finding = (trend.find)(&of, &tier).transpose();
            let speaks = finding.is_some();
            let finding = finding.unwrap_or_else(|| Err(Error::NotRun("the grid has no such family".into())));
            let about = About::of(trend.source, trend.claim, curves);
            let expected = (trend.expected)(curves, &tier);
            rows.push((trend.source, speaks, judged(about, expected, finding, &of)?));
        }
    }
    // A trend that is not about some families is not missing from them.
    let spoken = |source: ClaimId| rows.iter().any(|(of, speaks, _)| *of == source && *speaks);
    let kept: Vec<bool> = rows.iter().map(|(of, speaks, _)| *speaks || !spoken(*of)).collect();
    Ok(rows.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|((.., row), _)| row).collect())
}

/// The verdict on a finding: undecided below [`ENOUGH_SEEDS`] seeds, not trained where an end that was read is not, and not
/// run where something is missing, which is then named.
///
/// # Errors
/// If the finding failed for any reason but [`Error::NotRun`].
pub fn judged(
    about: About,
    expected: impl Into<String>,
    finding: Result<Finding>,
    of: &Evidence<'_, '_>,
) -> Result<Verdict> {
    let mut untrained = of.not_trained();
    if let Ok(Finding { control: Some(why), .. }) = &finding {
        untrained.insert(0, why.clone());
    }
    let row = stated(about, expected.into(), finding, of.n())?;
    if untrained.is_empty() || row.conclusion == Conclusion::NotRun {
        return Ok(row);
    }
    let more = untrained.len().saturating_sub(SHOWN);
    untrained.truncate(SHOWN);
    untrained.extend((more > 0).then(|| format!("and {more} more")));
    let alone = row.conclusion.words();
    let got = format!("{}; by its values alone: {alone}; {}", listed(untrained), row.got);
    Ok(Verdict { got, conclusion: Conclusion::NotTrained, ..row })
}

/// How many ends that were not trained to the end a row names.
const SHOWN: usize = 2;

/// The verdict on a finding of closed forms, which no seed changes: `n` is the number of statements behind it.
///
/// # Errors
/// As [`judged`].
pub fn exactly(
    about: About,
    expected: impl Into<String>,
    finding: Result<Finding>,
    n: usize,
) -> Result<Verdict> {
    let row = stated(about, expected.into(), finding, ENOUGH_SEEDS)?;
    Ok(if row.conclusion == Conclusion::NotRun { row } else { Verdict { n, ..row } })
}

fn stated(about: About, expected: String, finding: Result<Finding>, n: usize) -> Result<Verdict> {
    let About { source, claim, data, model, kind, n_images } = about;
    let row =
        Verdict { source: source.to_string(), claim, data, model, kind, expected, ..Verdict::default() };
    let Finding { holds, got, effect, reader, .. } = match finding {
        Err(Error::NotRun(missing)) => return Ok(Verdict { got: missing, ..row }),
        finding => finding?,
    };
    let conclusion = match holds.filter(|_| n >= ENOUGH_SEEDS) {
        Some(true) => Conclusion::Holds,
        Some(false) => Conclusion::DoesNotHold,
        None => Conclusion::Undecided,
    };
    Ok(Verdict { got, effect, reader, n, n_images, conclusion, ..row })
}

/// Marks the rows of these claims as those of another experiment: the same runs and the same statement.
pub fn repeating(rows: Vec<Verdict>, sources: &[ClaimId], experiment: &str) -> Vec<Verdict> {
    let repeats = |row: &Verdict| sources.iter().any(|source| source.as_str() == row.source);
    let marked = |row: Verdict| match repeats(&row) {
        true => Verdict { same_as: Some(experiment.to_owned()), ..row },
        false => row,
    };
    rows.into_iter().map(marked).collect()
}

/// The finding, or what is missing for it.
///
/// # Errors
/// [`Error::NotRun`] if it is missing.
pub fn found(finding: Option<Finding>, missing: impl Into<String>) -> Result<Finding> {
    finding.ok_or_else(|| Error::NotRun(missing.into()))
}

/// Whether the numbers of a family's members are sizes k of a latent: other families have other numbers.
fn is_over_k(curves: &Curves<'_>) -> bool {
    curves.member == crate::families::OVER_K
}

/// Texts one after another.
pub fn listed(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join("; ")
}
