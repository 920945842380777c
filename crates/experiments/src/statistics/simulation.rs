//! The error rates of verdicts, measured on simulated data with known truth.

use report::{Conclusion, Verdict};
use tensor::random::Stream;

use super::decision::{Contrast, Unit, decide, tests_of};
use super::estimate::Estimate;
use super::holm::within_claims;
use super::rules::LEVEL;

const SIMULATIONS: u64 = 4_000;

/// The largest fraction of errors that is compatible with a rate of 2.5 %: four binomial standard deviations above it.
fn bound() -> f64 {
    let rate: f64 = 0.025;
    rate + 4.0 * (rate * (1.0 - rate) / SIMULATIONS as f64).sqrt()
}

/// Standard normal values of a stream (Box and Muller, 1958).
fn normal(stream: &Stream, sequence: u64, at: u64) -> f64 {
    let [a, b, ..] = stream.block(sequence, at);
    let uniform = |word: u32| (f64::from(word) + 0.5) / (f64::from(u32::MAX) + 1.0);
    (-2.0 * uniform(a).ln()).sqrt() * (std::f64::consts::TAU * uniform(b)).cos()
}

/// Contrasts of paired seeds, each with this true effect in standard deviations of a seed.
fn contrasts(stream: &Stream, simulation: u64, effects: &[f64], n_seeds: u64) -> Vec<Contrast> {
    let of = |(which, effect): (usize, &f64)| {
        let values: Vec<f64> = (0..n_seeds)
            .map(|seed| effect + normal(stream, simulation, which as u64 * n_seeds + seed))
            .collect();
        Contrast::above(which.to_string(), Estimate::of_seeds(&values), 0.0, Unit::PURE)
    };
    effects.iter().enumerate().map(of).collect()
}

/// The fraction of claims about such contrasts with this decision.
fn rate(effects: &[f64], n_seeds: u64, conclusion: Option<bool>) -> f64 {
    let stream = Stream::new(n_seeds, "simulated seeds");
    let hits = (0..SIMULATIONS).filter(|&simulation| {
        decide(&contrasts(&stream, simulation, effects, n_seeds)).is_some_and(|of| of.holds == conclusion)
    });
    hits.count() as f64 / SIMULATIONS as f64
}

#[test]
fn effects_at_their_margin_are_rarely_decided_either_way() {
    for n_seeds in [3, 5] {
        for n_contrasts in [1, 6] {
            // All effects at the margin: the claim is false, and so is its opposite.
            let effects = vec![0.0; n_contrasts];
            let (holds, fails) = (rate(&effects, n_seeds, Some(true)), rate(&effects, n_seeds, Some(false)));
            assert!(holds <= bound() && fails <= bound(), "{n_seeds}, {n_contrasts}: {holds} {fails}");
        }
    }
}

#[test]
fn one_contrast_at_its_margin_among_large_ones_keeps_a_claim_from_holding() {
    let holds = rate(&[9.0, 9.0, 0.0], 5, Some(true));
    assert!(holds <= bound(), "{holds}");
}

#[test]
fn a_planted_effect_is_found() {
    // Five seeds and an effect of three standard deviations: the noncentrality is 3 sqrt(5) = 6.7, the quantile 2.78, and
    // the variance of five seeds is below (6.7 / 2.78)^2 = 5.8 times the true one with a probability of 0.9999.
    let (found, refuted) = (rate(&[3.0], 5, Some(true)), rate(&[-3.0], 5, Some(false)));
    assert!(found > 0.95 && refuted > 0.95, "{found} {refuted}");
    // Among six contrasts the quantile is 4.38 (level 1 - 0.05 / 6), and an effect of 3.5 is as far from it.
    let among = rate(&[0.0, 0.0, -3.5, 0.0, 0.0, 0.0], 5, Some(false));
    assert!(among > 0.9, "{among}");
}

/// Rows about one claim, each with its own contrasts, decided alone and then together.
fn claim(stream: &Stream, simulation: u64, rows: &[&[f64]], n_seeds: u64) -> [Vec<Verdict>; 2] {
    let row = |(at, effects): (usize, &&[f64])| {
        let contrasts = contrasts(&stream.child(&at.to_string()), simulation, effects, n_seeds);
        let conclusion = match decide(&contrasts).and_then(|of| of.holds) {
            Some(true) => Conclusion::Holds,
            Some(false) => Conclusion::DoesNotHold,
            None => Conclusion::Undecided,
        };
        Verdict { source: "C8".into(), conclusion, tests: tests_of(&contrasts), ..Verdict::default() }
    };
    let alone: Vec<Verdict> = rows.iter().enumerate().map(row).collect();
    let mut together = alone.clone();
    within_claims(together.iter_mut().collect());
    [alone, together]
}

/// The fractions of claims of which some row in `which` has this conclusion, with rows decided alone and together.
fn rates_of_any(rows: &[&[f64]], which: std::ops::Range<usize>, conclusion: Conclusion) -> [f64; 2] {
    let (stream, n) = (Stream::new(7, "simulated claims"), SIMULATIONS / 2);
    let mut hits = [0u64; 2];
    for simulation in 0..n {
        for (hits, decided) in hits.iter_mut().zip(claim(&stream, simulation, rows, 5)) {
            *hits += u64::from(decided[which.clone()].iter().any(|row| row.conclusion == conclusion));
        }
    }
    hits.map(|hits| hits as f64 / n as f64)
}

#[test]
fn among_many_rows_of_a_claim_few_claims_have_any_wrong_row() {
    // Four binomial standard deviations above 2.5 %, of half as many simulations.
    let bound = 0.025 + 4.0 * (0.025 * 0.975 / (SIMULATIONS / 2) as f64).sqrt();
    // Eight rows of one contrast at its margin: alone, one of them is decided wrongly in up to 1 - 0.975^8 = 18 %.
    let at_margin: [&[f64]; 8] = [&[0.0]; 8];
    for conclusion in [Conclusion::Holds, Conclusion::DoesNotHold] {
        let [alone, together] = rates_of_any(&at_margin, 0..8, conclusion);
        assert!(alone > bound && together <= bound, "{conclusion:?}: {alone} {together}");
    }
    // Other rows that hold raise the level of the remaining rows, but not by too much.
    let mixed: [&[f64]; 8] = [&[9.0], &[9.0, 9.0], &[9.0], &[9.0], &[0.0, 9.0], &[0.0], &[0.0], &[0.0]];
    let [_, together] = rates_of_any(&mixed, 4..8, Conclusion::Holds);
    assert!(together <= bound, "{together}");
    // With an effect of 9 standard deviations, 20 times the standard error, all four are found at level 1 - 0.05 / 8.
    let [_, found] = rates_of_any(&mixed, 0..1, Conclusion::Holds);
    assert!(found > 0.95, "{found}");
}

#[test]
fn a_planted_failure_is_found_among_many_rows() {
    // -4 standard deviations are 9 standard errors; the quantile at level 1 - 0.05 / 6 is 4.4, and the variance of five seeds
    // is below (9 / 4.4)^2 = 4.2 times the true one with a probability of 0.998.
    let rows: [&[f64]; 4] = [&[0.0], &[0.0, 0.0], &[0.0, -4.0], &[0.0]];
    let [_, found] = rates_of_any(&rows, 2..3, Conclusion::DoesNotHold);
    assert!(found > 0.9, "{found}");
}

/// Values with an effect of seeds, one of images that all seeds share, and one of both together.
fn crossed(stream: &Stream, simulation: u64, effect: f64, [n_seeds, n_images]: [u64; 2]) -> Vec<Vec<f64>> {
    let draw = |at: u64| normal(stream, simulation, at);
    let value = |seed: u64, image: u64| {
        effect + 0.02 * draw(seed) + 0.3 * draw(n_seeds + image) + 0.3 * draw((seed + 1) * 10_000 + image)
    };
    (0..n_seeds).map(|seed| (0..n_images).map(|image| value(seed, image)).collect()).collect()
}

#[test]
fn few_images_that_all_seeds_share_are_part_of_the_interval() {
    let stream = Stream::new(0, "simulated seeds and images");
    // The largest fraction that is compatible with a rate of 5 % for both sides, as in `bound`.
    let n = SIMULATIONS / 4;
    let bound = 0.05 + 4.0 * (0.05 * 0.95 / n as f64).sqrt();
    let wrong = |both: bool| {
        let outside = (0..n).filter(|&simulation| {
            let values = crossed(&stream, simulation, 0.0, [5, 100]);
            let by_seed: Vec<f64> = values.iter().map(|of_seed| super::mean(of_seed)).collect();
            let estimate =
                if both { Estimate::of_seeds_and_images(&values) } else { Estimate::of_seeds(&by_seed) };
            let interval = estimate.interval(LEVEL);
            interval.low > 0.0 || interval.high < 0.0
        });
        outside.count() as f64 / n as f64
    };
    let (seeds_alone, both) = (wrong(false), wrong(true));
    assert!(both <= bound && seeds_alone > bound, "{seeds_alone} {both}");
}
