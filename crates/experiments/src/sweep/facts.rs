//! Exact facts, which any correct implementation meets, and warnings shown above the figures.

use report::{Conclusion, Kind, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::metric::Metric;
use crate::statistics::rules::{ENOUGH_SEEDS, ENOUGH_STEPS};
use crate::statistics::{interval, mean, median, range};
use crate::sweep::curves::{Curves, attribute};
use crate::sweep::evidence::Evidence;
use crate::sweep::trends::listed;
use runs::store::Results;

/// Facts that any correct implementation meets: about untrained networks (A6), and about heads whose loss does not train the
/// encoder (A5; `book/codes.md`).
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
        let mut of_initial = Vec::new();
        for lambda in 0..curves.lambdas.len() {
            entropies.extend(curves.at(Metric::InitialCrossEntropy, member, lambda)?);
            // Runs of one seed begin with the same weights at every λ.
            if of_initial.is_empty() {
                of_initial = curves.at(Metric::InitialAccuracy, member, lambda)?;
            }
        }
        accuracies.extend(of_initial);
    }
    let ((low, high), accuracy, n) = (range(&entropies), interval(&accuracies), entropies.len());
    let untrained = low >= 2.2 && high <= 2.6 && (0.05..=0.2).contains(&accuracy.mean);
    let (got, conclusion) = match n {
        0 => ("no run finished".into(), Conclusion::NotRun),
        _ => {
            let got = format!("cross-entropy {low:.2} to {high:.2}, mean accuracy {accuracy:.3}");
            (got, exact(untrained))
        }
    };
    let untrained = fact(
        ClaimId::A6,
        "untrained networks classify at chance",
        "cross-entropy within 2.2 to 2.6, mean accuracy within 0.05 to 0.2",
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
        "heads are trained even if their loss does not train the encoder",
        "MSE decreases at λ = 0; cross-entropy below ln 10 at λ = 1",
        got,
        n,
        conclusion,
    );
    Ok(vec![untrained, heads])
}

/// Whether both heads of every setting learned at the λ at which their loss does not train the encoder, with the values. A
/// setting without finished runs is left out if there is another.
fn heads_learn(curves: &Curves<'_>) -> Result<(bool, Vec<String>)> {
    let of = Evidence::of(curves);
    let [first, last] = of.lambdas([0.0, 1.0])?;
    let (mut met, mut learned, mut missing) = (true, Vec::new(), None);
    for (member, (label, _)) in curves.members.iter().enumerate() {
        let one = || -> Result<[Vec<f64>; 3]> {
            let [before, after] =
                [Metric::InitialMse, Metric::TestMse].map(|name| of.at(name, member, first));
            Ok([before?, after?, of.at(Metric::TrainCrossEntropy, member, last)?])
        };
        match one() {
            Err(error @ Error::NotRun(_)) => missing = Some(error),
            other => {
                let [before, after, entropy] = other?;
                met &= mean(&after) < mean(&before) && mean(&entropy) < 10f64.ln();
                let [before, after, entropy] = [before, after, entropy].map(|values| interval(&values));
                learned.push(format!("{label}: MSE {before:.3} -> {after:.3}, cross-entropy {entropy:.2}"));
            }
        }
    }
    match missing {
        Some(missing) if learned.is_empty() => Err(missing),
        _ => Ok((met, learned)),
    }
}

/// The warnings shown above the figures: missing data sets, dead units, diverged runs, and few seeds.
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
        // Without training, another seed would change nothing.
        if seeds < ENOUGH_SEEDS && curves.epochs > 0 {
            few.push(format!("{}: {seeds}", curves.words()));
        }
    }
    if !dead.is_empty() {
        warnings.push(format!(
            "Latent units died during training (medians over seeds): {}. A run with dead units has a smaller latent than its \
             k, which can look like a synergy.",
            dead.join("; ")
        ));
    }
    if !lost.is_empty() {
        warnings
            .push(format!("Runs that diverged or failed, excluded from all values: {}.", lost.join("; ")));
    }
    if !few.is_empty() {
        warnings
            .push(format!("Fewer than the {ENOUGH_SEEDS} seeds that a verdict needs: {}.", few.join("; ")));
    }
    warnings.extend(super::protocol::warnings(results)?);
    Ok(warnings)
}

/// The warning that monotone curves are no evidence.
pub const MONOTONE: &str = "Monotone curves alone are no evidence: for exact minimisers of λ A + (1 - λ) B both losses are \
                            monotone in λ for any problem. The evidence is that no mixture beats either end point on test \
                            data, that the end points are far apart, and how their distance changes with capacity.";
