//! Decisions within a claim: the rows about one claim are decided together, so that the error rate is that of the claim.
//!
//! One run of the program judges a claim on several data sets and models. Among many rows one is decided wrongly by chance,
//! so p-values are compared with Holm's levels (Holm, 1979, www.jstor.org/stable/4615733), in two families for each claim:
//!
//! - *Holds*: one hypothesis for each row, that the claim is false there. Its p-value is the largest of its contrasts'.
//! - *Does not hold*: one hypothesis for each contrast of any row, that its effect is beyond the margin.
//!
//! Either family is wrong somewhere with a probability of at most 2.5 %, both together with at most 5 %, whatever the
//! dependence between rows that share runs, seeds or images. Rows that can decide nothing are in no family: those of too few
//! seeds, those of networks that had not converged, and repetitions of a row of another experiment. Implementation
//! guards and claims are separate families.

use report::{Conclusion, Effect, Kind, Test, Verdict};

use super::estimate::relative_width;
use super::rules::{ENOUGH_SEEDS, LEVEL};

/// The one-sided level of a family.
const ALPHA: f64 = (1.0 - LEVEL) / 2.0;

/// The divisor of [`ALPHA`] at which Holm's procedure stops: the number of hypotheses that are not rejected, at least 1. A
/// hypothesis is rejected if its p-value is at most `ALPHA` over this number.
fn divisor(mut p_values: Vec<f64>) -> usize {
    p_values.sort_by(f64::total_cmp);
    let n = p_values.len();
    let n_rejected = p_values.iter().enumerate().take_while(|(j, p)| **p <= ALPHA / (n - j) as f64).count();
    (n - n_rejected).max(1)
}

/// Whether the data of a row allow a decision.
fn decides(row: &Verdict) -> bool {
    let open = matches!(row.conclusion, Conclusion::Holds | Conclusion::DoesNotHold | Conclusion::Undecided);
    open && !row.tests.is_empty() && row.tests.iter().all(|test| test.n >= ENOUGH_SEEDS)
}

/// The largest p-value against a claim that is about all contrasts of a row.
fn p_holds(row: &Verdict) -> f64 {
    row.tests.iter().map(|test| test.p_beyond).fold(0.0, f64::max)
}

/// The p-values and the number of rows of one claim.
#[derive(Default)]
struct PValues {
    holds: Vec<f64>,
    fails: Vec<f64>,
}

/// Decides the rows of each claim together. A row that is decided alone, but not at Holm's level for the rows of its claim,
/// becomes undecided, and each interval gets the level of the decision.
pub fn within_claims(mut rows: Vec<&mut Verdict>) {
    let is_of = |row: &Verdict, (source, kind): &(String, Kind)| row.source == *source && row.kind == *kind;
    let mut claims: Vec<(String, Kind)> = Vec::new();
    for row in rows.iter().filter(|row| decides(row)) {
        if !claims.iter().any(|claim| is_of(row, claim)) {
            claims.push((row.source.clone(), row.kind));
        }
    }
    for claim in &claims {
        let mut p_values = PValues::default();
        for row in rows.iter().filter(|row| is_of(row, claim) && decides(row) && row.same_as.is_none()) {
            p_values.holds.push(p_holds(row));
            p_values.fails.extend(row.tests.iter().map(|test| test.p_short));
        }
        let n_rows = p_values.holds.len();
        let divisors = [divisor(p_values.holds), divisor(p_values.fails)];
        for row in rows.iter_mut().filter(|row| is_of(row, claim) && decides(row)) {
            decide_among(row, n_rows, divisors);
        }
    }
}

/// Decides one row at the levels of its claim's families.
fn decide_among(row: &mut Verdict, n_rows: usize, [of_holds, of_fails]: [usize; 2]) {
    let by = |p: fn(&Test) -> f64| move |a: &&Test, b: &&Test| p(a).total_cmp(&p(b));
    let weakest = row.tests.iter().max_by(by(|test| test.p_beyond));
    let shortest = row.tests.iter().min_by(by(|test| test.p_short));
    let (Some(weakest), Some(shortest)) = (weakest, shortest) else { return };
    let fails = row.conclusion == Conclusion::DoesNotHold;
    let stands = match row.conclusion {
        Conclusion::Holds => weakest.p_beyond <= ALPHA / of_holds as f64,
        Conclusion::DoesNotHold => shortest.p_short <= ALPHA / of_fails as f64,
        _ => true,
    };
    let (shown, divisor) = match fails {
        true => (shortest, of_fails),
        // An effect on the other side that is undecided at this level is shown with the interval of this level.
        false if weakest.p_short <= ALPHA => (weakest, of_fails),
        false => (weakest, of_holds * weakest.among),
    };
    let level = 1.0 - (1.0 - LEVEL) / divisor as f64;
    row.effect = Some(widened(&shown.effect, shown.n, level));
    if !stands {
        let alone = row.conclusion.words();
        row.got = format!(
            "{}; alone: {alone}, but not at Holm's level for the {n_rows} rows of this claim",
            row.got
        );
        row.conclusion = Conclusion::Undecided;
    }
}

/// An effect whose 95 % interval becomes one of another level.
fn widened(effect: &Effect, n: usize, level: f64) -> Effect {
    let half = (effect.high - effect.low) / 2.0 * relative_width(n, level);
    Effect { low: effect.value - half, high: effect.value + half, ..effect.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holms_divisor_is_the_number_of_hypotheses_that_are_not_rejected() {
        // By hand: 0.025/3 = 0.0083, 0.025/2 = 0.0125, 0.025.
        assert_eq!(divisor(vec![0.008, 0.012, 0.03]), 1);
        assert_eq!(divisor(vec![0.03, 0.012, 0.008]), 1);
        assert_eq!(divisor(vec![0.008, 0.013, 0.02]), 2);
        assert_eq!(divisor(vec![0.009, 0.010, 0.011]), 3);
        assert_eq!(divisor(vec![0.001, 0.002]), 1);
        assert_eq!(divisor(vec![]), 1);
    }
}
