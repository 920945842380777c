//! What holds in any right implementation, and what a reader must know before trusting the curves.

use report::{Row, Verdict};

use super::Curves;
use super::trends::{ENOUGH_SEEDS, listed};
use crate::Result;
use crate::statistics::{median, range};
use crate::store::Results;

/// After fewer steps a head need not have learned anything yet.
const ENOUGH_STEPS: usize = 200;

/// Facts that hold in any right implementation: before training (A6), and for heads whose loss λ hides from
/// the encoder (A5).
pub(super) fn exact_facts(curves: &Curves<'_>, steps: usize) -> Result<Vec<Row>> {
    let fact = |source: &str, claim: &str, expected: &str, got: String, verdict: Verdict| Row {
        source: source.into(),
        claim: format!("{claim} ({})", curves.variant),
        expected: expected.into(),
        got,
        n: curves.n_seeds,
        verdict,
    };
    let exact = |met| if met { Verdict::ExactMet } else { Verdict::ExactMissed };
    let (mut entropies, mut accuracies) = (Vec::new(), Vec::new());
    let (mut heads_learn, mut learned) = (true, Vec::new());
    for (latent, &k) in curves.latents.iter().enumerate() {
        entropies.extend(curves.at("initial_cross_entropy", latent, 0)?);
        accuracies.extend(curves.at("initial_accuracy", latent, 0)?);
        let [before, after] = ["initial_mse", "test_mse"].map(|name| curves.median(name, latent, 0));
        let entropy = curves.median("last_train_cross_entropy", latent, curves.last())?;
        let (before, after) = (before?, after?);
        heads_learn &= after < before && entropy < 10f64.ln();
        learned.push(format!("k = {k}: MSE {before:.3} -> {after:.3}, CE {entropy:.2}"));
    }
    let ((low, high), accuracy) = (range(&entropies), median(&accuracies));
    let got = format!("cross-entropy {low:.2} to {high:.2}, median accuracy {accuracy:.3}");
    let untrained = low >= 2.2 && high <= 2.6 && (0.05..=0.2).contains(&accuracy);
    Ok(vec![
        fact(
            "A6",
            "before training nothing is known",
            "cross-entropy within 2.2 to 2.6, accuracy within 0.05 to 0.2",
            got,
            exact(untrained),
        ),
        fact(
            "A5",
            "heads learn also when λ hides their loss from the encoder",
            "MSE falls at λ = 0; cross-entropy below ln 10 at λ = 1",
            listed(learned),
            if steps < ENOUGH_STEPS { Verdict::NotRun } else { exact(heads_learn) },
        ),
    ])
}

/// What a reader must know before trusting the curves.
///
/// # Errors
/// If the results are not those of a sweep.
pub fn warnings(results: &Results) -> Result<Vec<String>> {
    let mut warnings = vec![
        "Monotone curves alone prove nothing: for exact minimisers of λ A + (1 - λ) B the two losses are \
         monotone in λ whatever the problem. The evidence is that no mixture beats either end point on test \
         data (S_r, S_c), that the end points are far apart (T), and how T changes with capacity."
            .to_owned(),
    ];
    for curves in &Curves::all(results)? {
        let (mut dead, mut diverged) = (Vec::new(), 0.0);
        for (latent, &k) in curves.latents.iter().enumerate() {
            let mut of_latent = Vec::new();
            for lambda in 0..curves.lambdas.len() {
                of_latent.extend(curves.at("dead_units", latent, lambda)?);
                diverged += curves.at("diverged", latent, lambda)?.iter().sum::<f64>();
            }
            let (low, high) = range(&of_latent);
            if high > 0.0 {
                dead.push(format!("{low:.0} to {high:.0} of {k} (median {:.0})", median(&of_latent)));
            }
        }
        if !dead.is_empty() {
            warnings.push(format!(
                "{}: latent units died in training, {}. A run that lost units has a smaller latent than its k \
                 says, and can fake a synergy.",
                curves.variant,
                dead.join(", ")
            ));
        }
        if diverged > 0.0 {
            warnings.push(format!("{}: {diverged:.0} runs diverged and are in no number.", curves.variant));
        }
        if curves.n_seeds < ENOUGH_SEEDS {
            warnings.push(format!(
                "{}: {} seed(s) decide nothing; the verdicts need {ENOUGH_SEEDS} or more.",
                curves.variant, curves.n_seeds
            ));
        }
    }
    Ok(warnings)
}
