//! What the paper claims of a grid, as statements about medians over seeds (section 6.3 of the CRE specification).

mod capacity;
mod lambda;
mod latent;

pub use capacity::{T5, T6, T7, T9};
pub use lambda::{C8, T1, T2, T3, T4, no_synergy};
pub use latent::{DETAIL, T8, T10, T11};

use report::{Row, Verdict};

use super::Curves;
use crate::Result;
use crate::statistics::Interval;
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
    pub source: &'static str,
    /// The claim.
    pub claim: &'static str,
    /// What is expected.
    pub expected: fn(&Tier) -> String,
    /// What the medians say; `None` if the grid lacks the points.
    pub find: fn(&Curves<'_>, &Tier) -> Result<Option<Finding>>,
}

/// The verdicts of these trends on every variant.
///
/// # Errors
/// If the results are not those of a grid.
pub fn rows(results: &Results, trends: &[&Trend]) -> Result<Vec<Row>> {
    let mut rows: Vec<(&str, Row)> = Vec::new();
    for curves in &Curves::all(results)? {
        let tier = Tier::of(curves);
        for trend in trends {
            let claim = format!("{} ({}, {})", trend.claim, curves.variant, tier.name);
            let finding = (trend.find)(curves, &tier)?;
            let expected = (trend.expected)(&tier);
            rows.push((trend.source, judged(trend.source, claim, expected, finding, curves.most_seeds()?)));
        }
    }
    // A trend that speaks of some families is not missing from the others.
    let ran = |source: &str| rows.iter().any(|(of, row)| *of == source && row.verdict != Verdict::NotRun);
    let kept: Vec<bool> = rows.iter().map(|(of, row)| row.verdict != Verdict::NotRun || !ran(of)).collect();
    Ok(rows.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|((_, row), _)| row).collect())
}

/// The verdict on a finding: undecided below [`ENOUGH_SEEDS`], not run where there is none.
pub fn judged(source: &str, claim: String, expected: String, finding: Option<Finding>, n: usize) -> Row {
    let (got, verdict) = match finding {
        None => ("the grid lacks the points".into(), Verdict::NotRun),
        Some(Finding { got, .. }) if n < ENOUGH_SEEDS => (got, Verdict::Undecided),
        Some(Finding { holds: Some(true), got }) => (got, Verdict::Holds),
        Some(Finding { holds: Some(false), got }) => (got, Verdict::DoesNotHold),
        Some(Finding { holds: None, got }) => (got, Verdict::Undecided),
    };
    Row { source: source.into(), claim, expected, got, n, verdict }
}

/// The verdict on a finding of closed forms, which no seed changes: `n` is the number of statements behind it.
pub fn exactly(source: &str, claim: String, expected: String, finding: Option<Finding>, n: usize) -> Row {
    Row { n, ..judged(source, claim, expected, finding, ENOUGH_SEEDS) }
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

/// The members that a trend speaks of: those with these numbers, or all of a family that has none of them.
pub fn members_among(curves: &Curves<'_>, numbers: &[f64]) -> Vec<usize> {
    let some: Vec<usize> = numbers.iter().filter_map(|&number| curves.member(number)).collect();
    if some.is_empty() { (0..curves.members.len()).collect() } else { some }
}

/// The medians of one measure at λ = 0 and λ = 1.
///
/// # Errors
/// If there is no such measure.
pub fn ends(curves: &Curves<'_>, measure: &str, member: usize) -> Result<[f64; 2]> {
    Ok([curves.median(measure, member, 0)?, curves.median(measure, member, curves.last())?])
}

/// Texts one after another.
pub fn listed(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join("; ")
}
