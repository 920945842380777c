//! What the paper claims of a grid, as statements about medians over seeds (section 6.3 of the CRE specification).

mod capacity;
mod lambda;
mod latent;

pub use capacity::{T5, T6, T7, T9};
pub use lambda::{C8, T1, T2, T3, T4, no_synergy};
pub use latent::{DETAIL, NO_MASK, T8, T10, T11};

use report::{Conclusion, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::statistics::Interval;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use runs::store::Results;

/// Fewer seeds decide nothing (section 6.3).
pub const ENOUGH_SEEDS: usize = 3;

/// The thresholds that depend on how much data there is.
#[derive(Debug, Clone, Copy)]
pub struct Tier {
    name: &'static str,
    gap: f64,
    margin_accuracy: f64,
    class_mean: f64,
}

impl Tier {
    fn of(curves: &Curves<'_>) -> Self {
        match curves.n_train {
            0..=10_000 => Self { name: "small", gap: 0.08, margin_accuracy: 0.02, class_mean: 0.35 },
            _ => Self { name: "full", gap: 0.03, margin_accuracy: 0.01, class_mean: 0.50 },
        }
    }
}

/// One statement about the numbers, with those behind it.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Whether it is true; `None` where the intervals leave it open.
    pub holds: Option<bool>,
    /// The numbers.
    pub got: String,
}

/// A claim with what decides it.
pub struct Trend {
    /// The claim of the paper and the trend of section 6.3.
    pub source: ClaimId,
    /// The claim.
    pub claim: &'static str,
    /// What is expected.
    pub expected: fn(&Curves<'_>, &Tier) -> String,
    /// What the medians say; `None` for a family that the claim is not about.
    pub find: fn(&Evidence<'_, '_>, &Tier) -> Result<Option<Finding>>,
}

/// The verdicts of these trends on every variant.
///
/// # Errors
/// If the results are not those of a grid.
pub fn rows(results: &Results, trends: &[&Trend]) -> Result<Vec<Verdict>> {
    let mut rows: Vec<(ClaimId, bool, Verdict)> = Vec::new();
    for curves in &Curves::all(results)? {
        let tier = Tier::of(curves);
        for trend in trends {
            let claim = format!("{} ({}, {})", trend.claim, curves.variant, tier.name);
            let expected = (trend.expected)(curves, &tier);
            let of = Evidence::of(curves);
            let finding = (trend.find)(&of, &tier).transpose();
            let speaks = finding.is_some();
            let finding = finding.unwrap_or_else(|| Err(Error::NotRun("the grid has no such family".into())));
            rows.push((trend.source, speaks, judged(trend.source, claim, expected, finding, of.n())?));
        }
    }
    // A trend that is not about some families is not missing from them.
    let spoken = |source: ClaimId| rows.iter().any(|(of, speaks, _)| *of == source && *speaks);
    let kept: Vec<bool> = rows.iter().map(|(of, speaks, _)| *speaks || !spoken(*of)).collect();
    Ok(rows.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|((.., row), _)| row).collect())
}

/// The verdict on a finding over `n` seeds: undecided below [`ENOUGH_SEEDS`], not run where something is missing, which
/// is then named.
///
/// # Errors
/// If the finding failed for any reason but [`Error::NotRun`].
pub fn judged(
    source: ClaimId,
    claim: String,
    expected: String,
    finding: Result<Finding>,
    n: usize,
) -> Result<Verdict> {
    let (got, n, conclusion) = match finding {
        Err(Error::NotRun(missing)) => (missing, 0, Conclusion::NotRun),
        Err(error) => return Err(error),
        Ok(Finding { got, .. }) if n < ENOUGH_SEEDS => (got, n, Conclusion::Undecided),
        Ok(Finding { holds: Some(true), got }) => (got, n, Conclusion::Holds),
        Ok(Finding { holds: Some(false), got }) => (got, n, Conclusion::DoesNotHold),
        Ok(Finding { holds: None, got }) => (got, n, Conclusion::Undecided),
    };
    Ok(Verdict { source: source.to_string(), claim, expected, got, n, conclusion })
}

/// The verdict on a finding of closed forms, which no seed changes: `n` is the number of statements behind it.
///
/// # Errors
/// As [`judged`].
pub fn exactly(
    source: ClaimId,
    claim: String,
    expected: String,
    finding: Result<Finding>,
    n: usize,
) -> Result<Verdict> {
    let row = judged(source, claim, expected, finding, ENOUGH_SEEDS)?;
    Ok(if row.conclusion == Conclusion::NotRun { row } else { Verdict { n, ..row } })
}

/// The finding, or what is missing for it.
///
/// # Errors
/// [`Error::NotRun`] if it is missing.
pub fn found(finding: Option<Finding>, missing: impl Into<String>) -> Result<Finding> {
    finding.ok_or_else(|| Error::NotRun(missing.into()))
}

/// Whether all of some statements are true: false as soon as one is, open while one is open.
pub fn all_hold(statements: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(true);
    for one in statements {
        all = match one {
            Some(true) => all,
            Some(false) => return Some(false),
            None => None,
        };
    }
    all
}

/// Whether a number is above a bound, by its interval: open where the bound lies within.
pub fn above(of: &Interval, bound: f64) -> Option<bool> {
    match () {
        () if of.low > bound => Some(true),
        () if of.high <= bound => Some(false),
        () => None,
    }
}

/// Whether the numbers of a family's members are sizes k of a latent: other families have other numbers.
fn is_over_k(curves: &Curves<'_>) -> bool {
    curves.member == crate::families::OVER_K
}

/// Texts one after another.
pub fn listed(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join("; ")
}
