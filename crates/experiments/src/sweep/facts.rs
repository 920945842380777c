//! What holds in any right implementation, and what a reader must know before trusting the curves.

use report::{Conclusion, Kind, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::metric::Metric;
use crate::statistics::decision::ENOUGH_SEEDS;
use crate::statistics::{median, range};
use crate::sweep::curves::{Curves, attribute};
use crate::sweep::evidence::Evidence;
use crate::sweep::trends::listed;
use runs::store::Results;

/// After fewer steps a head need not have learned anything yet.
pub(super) const ENOUGH_STEPS: usize = 200;

/// Facts that hold in any right implementation: before training (A6), and for heads whose loss λ hides from
/// the encoder (A5).
///
/// # Errors
/// If the results are not those of a grid.
pub fn exact_facts(curves: &Curves<'_>) -> Result<Vec<Verdict>> {
    let fact =
        |source: ClaimId, claim: &str, expected: &str, got: String, n: usize, conclusion: Conclusion| {
            let data = curves.set_words();
            Verdict {
                source: source.to_string(),
                claim: claim.into(),
                data,
                model: curves.family.clone(),
                kind: Kind::Exact,
                expected: expected.into(),
                got,
                n,
                conclusion,
                ..Verdict::default()
            }
        };
    let exact = |met| if met { Conclusion::ExactMet } else { Conclusion::ExactMissed };
    let (mut entropies, mut accuracies) = (Vec::new(), Vec::new());
    for member in 0..curves.members.len() {
        for lambda in 0..curves.lambdas.len() {
            entropies.extend(curves.at(Metric::InitialCrossEntropy, member, lambda)?);
            accuracies.extend(curves.at(Metric::InitialAccuracy, member, lambda)?);
        }
    }
    let ((low, high), accuracy, n) = (range(&entropies), median(&accuracies), entropies.len());
    let untrained = low >= 2.2 && high <= 2.6 && (0.05..=0.2).contains(&accuracy);
    let (got, conclusion) = match n {
        0 => ("no run finished".into(), Conclusion::NotRun),
        _ => {
            let got = format!("cross-entropy {low:.2} to {high:.2}, median accuracy {accuracy:.3}");
            (got, exact(untrained))
        }
    };
    let untrained = fact(
        ClaimId::A6,
        "before training nothing is known",
        "cross-entropy within 2.2 to 2.6, accuracy within 0.05 to 0.2",
        got,
        n,
        conclusion,
    );
    let (got, n, conclusion) = match heads_learn(curves) {
        Err(Error::NotRun(missing)) => (missing, 0, Conclusion::NotRun),
        Err(error) => return Err(error),
        Ok((_, learned)) if curves.steps < ENOUGH_STEPS => {
            let n = learned.len();
            (format!("{}; {} steps are too few", listed(learned), curves.steps), n, Conclusion::Undecided)
        }
        Ok((met, learned)) => {
            let n = learned.len();
            (listed(learned), n, exact(met))
        }
    };
    let heads = fact(
        ClaimId::A5,
        "heads learn also when λ hides their loss from the encoder",
        "MSE falls at λ = 0; cross-entropy below ln 10 at λ = 1",
        got,
        n,
        conclusion,
    );
    Ok(vec![untrained, heads])
}

/// Whether both heads of every member learned at the λ that hides their loss from the encoder, with the numbers; a
/// member without a finished run is left out while there is another.
fn heads_learn(curves: &Curves<'_>) -> Result<(bool, Vec<String>)> {
    let of = Evidence::of(curves);
    let [first, last] = of.lambdas([0.0, 1.0])?;
    let (mut met, mut learned, mut missing) = (true, Vec::new(), None);
    for (member, (label, _)) in curves.members.iter().enumerate() {
        let one = || -> Result<[f64; 3]> {
            let [before, after] =
                [Metric::InitialMse, Metric::TestMse].map(|name| of.median(name, member, first));
            Ok([before?, after?, of.median(Metric::TrainCrossEntropy, member, last)?])
        };
        match one() {
            Err(error @ Error::NotRun(_)) => missing = Some(error),
            other => {
                let [before, after, entropy] = other?;
                met &= after < before && entropy < 10f64.ln();
                learned.push(format!("{label}: MSE {before:.3} -> {after:.3}, CE {entropy:.2}"));
            }
        }
    }
    match missing {
        Some(missing) if learned.is_empty() => Err(missing),
        _ => Ok((met, learned)),
    }
}

/// What a reader must know before trusting the curves.
///
/// # Errors
/// If the results are not those of a grid.
pub fn warnings(results: &Results) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for absent in attribute(results, "absent")?.as_array().into_iter().flatten() {
        let text = |place: usize| absent[place].as_str().unwrap_or_default();
        warnings.push(format!("{} was not run: {}.", text(0), text(1)));
    }
    let (mut dead, mut lost, mut few) = (Vec::new(), Vec::new(), Vec::new());
    for curves in &Curves::all(results)? {
        let (mut worst, mut diverged) = (0.0f64, 0.0);
        let (mut of, mut seeds) = (String::new(), usize::MAX);
        for (member, (label, _)) in curves.members.iter().enumerate() {
            for lambda in 0..curves.lambdas.len() {
                diverged += curves.at(Metric::Diverged, member, lambda)?.iter().sum::<f64>();
                match curves.n(member, lambda)? {
                    0 => continue,
                    n => seeds = seeds.min(n),
                }
                let here = median(&curves.at(Metric::DeadUnits, member, lambda)?);
                if here > worst {
                    (worst, of) = (here, format!("{label}, λ = {}", curves.lambdas[lambda]));
                }
            }
        }
        if worst > 0.0 {
            dead.push(format!("{}: up to {worst:.0} ({of})", curves.words()));
        }
        if diverged > 0.0 {
            lost.push(format!("{}: {diverged:.0}", curves.words()));
        }
        // Without training there is nothing that another seed would change.
        if seeds < ENOUGH_SEEDS && curves.epochs > 0 {
            few.push(format!("{}: {seeds}", curves.words()));
        }
    }
    if !dead.is_empty() {
        warnings.push(format!(
            "Latent units died in training, medians over seeds: {}. A run that lost units has a smaller latent than \
             it seems, and can fake a synergy.",
            dead.join("; ")
        ));
    }
    if !lost.is_empty() {
        warnings.push(format!("Runs that diverged or failed and are in no number: {}.", lost.join("; ")));
    }
    if !few.is_empty() {
        warnings
            .push(format!("Fewer seeds than the {ENOUGH_SEEDS} that a verdict needs: {}.", few.join("; ")));
    }
    warnings.extend(super::protocol::warnings(results)?);
    Ok(warnings)
}

/// What monotone curves are worth.
pub const MONOTONE: &str = "Monotone curves alone prove nothing: for exact minimisers of λ A + (1 - λ) B the two \
                            losses are monotone in λ whatever the problem. The evidence is that no mixture beats \
                            either end point on test data (S_r, S_c), that the end points are far apart (T), and how \
                            T changes with capacity.";
