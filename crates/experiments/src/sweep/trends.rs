//! The trends of the CRE paper (T1 to T11 in `book/codes.md`) as contrasts of paired seeds, and rows of verdicts.

mod capacity;
mod lambda;
mod latent;

pub(crate) use capacity::both_costs_shrink;
pub use capacity::{T5, T6, T7, T9};
pub use lambda::{C8, T1, T2, T3, T4, no_synergy};
pub(crate) use lambda::{ONLINE, online_accuracy, online_ratio};
pub use latent::{DETAIL, NO_MASK, T8, T10, T11};

use report::{Conclusion, Effect, Kind, Test, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::statistics::decision::{Contrast, decide, tests_of};
use crate::statistics::rules::{ENOUGH_SEEDS, Tier};
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::refits::is_refitted;
use runs::store::Results;

/// The subject of a row: the claim, with its data set and model.
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

    /// A claim about a family that is trained on samples without test images.
    pub fn samples(source: ClaimId, claim: impl Into<String>, data: String, curves: &Curves<'_>) -> Self {
        Self { data, ..Self::sets(source, claim) }.model(curves.family.clone())
    }

    /// The claim about a model of this name.
    #[must_use]
    pub fn model(self, model: impl Into<String>) -> Self {
        Self { model: model.into(), ..self }
    }
}

/// The result for a claim.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Whether the claim holds; `None` if undecided.
    pub holds: Option<bool>,
    /// The measured values as text.
    pub got: String,
    /// The contrast that decides, if intervals decide.
    pub effect: Option<Effect>,
    /// The tests of all contrasts.
    pub tests: Vec<Test>,
    /// The reader of the latent; empty if none was used.
    pub reader: String,
    /// The reason why a control fails; `None` if it passes or there is none.
    pub control: Option<String>,
}

impl Finding {
    /// The result of a comparison without sampling error.
    pub fn exact(holds: bool, got: String) -> Self {
        let (effect, tests) = (None, vec![]);
        Self { holds: Some(holds), got, effect, tests, reader: String::new(), control: None }
    }

    /// The decision by the intervals of contrasts; undecided if there are none.
    pub fn decided(contrasts: Vec<Contrast>, got: String) -> Self {
        let Some(decision) = decide(&contrasts) else {
            return Self { holds: None, ..Self::exact(false, got) };
        };
        let effect = Some(contrasts[decision.deciding].effect(decision.level));
        Self { holds: decision.holds, effect, tests: tests_of(&contrasts), ..Self::exact(false, got) }
    }

    /// The finding decided by these contrasts, all of which are listed as measured values.
    pub fn of(contrasts: Vec<Contrast>) -> Self {
        let got = listed(contrasts.iter().map(Contrast::words));
        Self::decided(contrasts, got)
    }

    /// The finding with the name of its reader.
    #[must_use]
    pub fn read_by(self, reader: &str) -> Self {
        Self { reader: reader.to_owned(), ..self }
    }
}

/// A claim with its decision rule.
pub struct Trend {
    /// The claim of the paper and the code of its trend (`book/codes.md`).
    pub source: ClaimId,
    /// The claim in words.
    pub claim: &'static str,
    /// The expected result with its margins.
    pub expected: fn(&Curves<'_>, &Tier) -> String,
    /// The finding of a family; `None` for a family that the claim is not about.
    pub find: fn(&Evidence<'_, '_>, &Tier) -> Result<Option<Finding>>,
}

/// The verdicts on these trends for every family and data set.
///
/// # Errors
/// If the results are not those of a grid.
pub fn rows(results: &Results, trends: &[&Trend]) -> Result<Vec<Verdict>> {
    let mut rows: Vec<(ClaimId, bool, Verdict)> = Vec::new();
    let all = Curves::all(results)?;
    // New heads are readers of the encoders of another family, so they have no rows of their own.
    for curves in all.iter().filter(|curves| !is_refitted(curves)) {
        let tier = Tier::of(curves.n_train);
        for trend in trends {
            let of = Evidence::among(curves, &all)?;
            let finding = (trend.find)(&of, &tier).transpose();
            let applies = finding.is_some();
            let finding =
                finding.unwrap_or_else(|| Err(Error::NotRun("the grid has no family of this kind".into())));
            let about = About::of(trend.source, trend.claim, curves);
            let expected = (trend.expected)(curves, &tier);
            rows.push((trend.source, applies, judged(about, expected, finding, &of)?));
        }
    }
    // A trend has no rows for families that it is not about, unless it is about none of the families.
    let is_about_some = |source: ClaimId| rows.iter().any(|(of, applies, _)| *of == source && *applies);
    let kept: Vec<bool> = rows.iter().map(|(of, applies, _)| *applies || !is_about_some(*of)).collect();
    Ok(rows.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|((.., row), _)| row).collect())
}

/// The verdict on a finding: undecided below [`ENOUGH_SEEDS`] seeds, not converged if networks that were read are not
/// trained to convergence, and not run if results are missing, which the reason names.
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
    Ok(Verdict { got, conclusion: Conclusion::NotConverged, ..row })
}

/// The largest number of points without convergence that a row names.
const SHOWN: usize = 2;

/// The verdict on a finding of closed forms, which have no seeds: `n` is the number of cases behind it.
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
    let Finding { holds, got, effect, tests, reader, .. } = match finding {
        Err(Error::NotRun(missing)) => return Ok(Verdict { got: missing, ..row }),
        finding => finding?,
    };
    let conclusion = match holds.filter(|_| n >= ENOUGH_SEEDS) {
        Some(true) => Conclusion::Holds,
        Some(false) => Conclusion::DoesNotHold,
        None => Conclusion::Undecided,
    };
    Ok(Verdict { got, effect, tests, reader, n, n_images, conclusion, ..row })
}

/// Marks the rows of these claims as repetitions of those of another experiment: the same statement about the same runs.
pub fn repeating(rows: Vec<Verdict>, sources: &[ClaimId], experiment: &str) -> Vec<Verdict> {
    let repeats = |row: &Verdict| sources.iter().any(|source| source.as_str() == row.source);
    let marked = |row: Verdict| match repeats(&row) {
        true => Verdict { same_as: Some(experiment.to_owned()), ..row },
        false => row,
    };
    rows.into_iter().map(marked).collect()
}

/// The finding, or an error that names what is missing.
///
/// # Errors
/// [`Error::NotRun`] if there is no finding.
pub fn found(finding: Option<Finding>, missing: impl Into<String>) -> Result<Finding> {
    finding.ok_or_else(|| Error::NotRun(missing.into()))
}

/// Whether the settings of a family are latent sizes k.
fn is_over_k(curves: &Curves<'_>) -> bool {
    curves.member == crate::families::OVER_K
}

/// Texts joined by semicolons.
pub fn listed(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join("; ")
}
