//! Over λ: the trade-off, its ends, and no synergy (claims C1 to C3 and C8).

use report::{Row, Verdict};

use super::{ENOUGH_SEEDS, Finding, Tier, Trend, above, all_hold, ends, listed, members_among};
use crate::Result;
use crate::statistics::{Interval, interval, median};
use crate::sweep::Curves;

/// The margin below which a gain in reconstruction is no synergy, relative to MSE(1).
const MARGIN_MSE: f64 = 0.03;

/// The curves over λ at k = 16, or of the first member.
pub const T1: Trend = Trend {
    source: "C2/T1",
    claim: "more weight on reconstruction: lower error, lower accuracy",
    expected: |_| "each step over λ within 3 % and 1.5 points; most accuracy lost above λ = 0.9".into(),
    find: |curves, _| {
        let (Some(&member), Some(at_09)) = (members_among(curves, &[16.0]).first(), curves.lambda(0.9))
        else {
            return Ok(None);
        };
        let along = |measure| -> Result<Vec<f64>> {
            (0..curves.lambdas.len()).map(|lambda| curves.median(measure, member, lambda)).collect()
        };
        let (mse, accuracy) = (along("test_mse")?, along("test_accuracy")?);
        let falling = |values: &[f64], may_rise: fn(f64) -> f64| {
            values.windows(2).all(|pair| pair[1] <= pair[0] + may_rise(pair[0]))
        };
        let (first, last) = (accuracy[0], accuracy[accuracy.len() - 1]);
        let above_09 = (accuracy[at_09] - last) / (first - last);
        let holds = falling(&mse, |mse| 0.03 * mse) && falling(&accuracy, |_| 0.015) && above_09 > 0.5;
        let text = |values: &[f64]| values.iter().map(|x| format!("{x:.3}")).collect::<Vec<_>>().join(" ");
        let (share, label) = (100.0 * above_09, &curves.members[member].0);
        let (mse, accuracy) = (text(&mse), text(&accuracy));
        let got = format!("{label}: MSE {mse}; accuracy {accuracy}; {share:.0} % lost above 0.9");
        Ok(Some(Finding { holds: Some(holds), got }))
    },
};

/// What a pure classifier's latent costs the decoder.
pub const T2: Trend = Trend {
    source: "C3/T2",
    claim: "a classifier's latent reconstructs worse",
    expected: |_| "MSE(0) >= 1.25 MSE(1), every member".into(),
    find: |curves, _| {
        let mut ratios = Vec::new();
        for (member, (label, _)) in curves.members.iter().enumerate() {
            let [at_0, at_1] = ends(curves, "test_mse", member)?;
            ratios.push((label, at_0 / at_1));
        }
        let holds = ratios.iter().all(|(_, ratio)| *ratio >= 1.25);
        let got = listed(ratios.iter().map(|(label, ratio)| format!("{label}: ratio {ratio:.2}")));
        Ok(Some(Finding { holds: Some(holds), got }))
    },
};

/// What a pure autoencoder's latent costs the classifier.
pub const T3: Trend = Trend {
    source: "C3/T3",
    claim: "an autoencoder's latent classifies worse",
    expected: |tier| format!("accuracy(0) - accuracy(1) >= {:.0} points, k = 4 and 16", 100.0 * tier.gap),
    find: |curves, tier| {
        let mut gaps = Vec::new();
        for member in members_among(curves, &[4.0, 16.0]) {
            let [at_0, at_1] = ends(curves, "test_accuracy", member)?;
            gaps.push((&curves.members[member].0, at_0 - at_1));
        }
        let holds = gaps.iter().all(|(_, gap)| *gap >= tier.gap);
        let got = listed(gaps.iter().map(|(label, gap)| format!("{label}: {:.1} points", 100.0 * gap)));
        Ok(Some(Finding { holds: Some(holds), got }))
    },
};

/// No synergy by medians.
pub const T4: Trend = Trend {
    source: "C1/T4",
    claim: "no synergy, by medians",
    expected: |tier| format!("S_r <= {MARGIN_MSE}, S_c <= {}, every member", tier.margin_accuracy),
    find: |curves, tier| {
        let (mut holds, mut got) = (true, Vec::new());
        for (member, (label, _)) in curves.members.iter().enumerate() {
            let of_mse = curves.of_member("synergy_for_reconstruction", member)?;
            let of_accuracy = curves.of_member("synergy_for_classification", member)?;
            let (s_r, s_c) = (median(&of_mse), median(&of_accuracy));
            holds &= s_r <= MARGIN_MSE && s_c <= tier.margin_accuracy;
            got.push(format!("{label}: S_r {s_r:.3}, S_c {s_c:.3}"));
        }
        Ok(Some(Finding { holds: Some(holds), got: listed(got) }))
    },
};

/// The same direction in every architecture and data set, by paired seeds.
pub const C8: Trend = Trend {
    source: "C8",
    claim: "the two ends differ in the same direction, by paired seeds",
    expected: |_| "95 % intervals of MSE(0) - MSE(1) and of accuracy(0) - accuracy(1) above 0".into(),
    find: |curves, _| {
        let (mut holds, mut got) = (Vec::new(), Vec::new());
        for (member, (label, _)) in curves.members.iter().enumerate() {
            let of = |measure: &str| -> Result<Option<Interval>> {
                let pairs = curves.paired(measure, [[member, 0], [member, curves.last()]])?;
                let gaps: Vec<f64> = pairs.iter().map(|[at_0, at_1]| at_0 - at_1).collect();
                Ok((!gaps.is_empty()).then(|| interval(&gaps)))
            };
            let (Some(mse), Some(accuracy)) = (of("test_mse")?, of("test_accuracy")?) else { continue };
            holds.extend([above(&mse, 0.0), above(&accuracy, 0.0)]);
            let points = accuracy.times(100.0);
            got.push(format!("{label}: MSE {mse:+.3}, accuracy {points:+.1} points"));
        }
        Ok((!got.is_empty()).then(|| Finding { holds: all_hold(holds), got: listed(got) }))
    },
};

/// Claim C1 with paired seeds: for each member and each λ between the ends, the gain over the end point that is
/// best at that task, seed by seed, with a 95 % interval; the best of them is shown.
///
/// # Errors
/// If the results are not those of a grid.
pub fn no_synergy(curves: &Curves<'_>) -> Result<Row> {
    let tier = Tier::of(curves);
    let (mut excluded, mut shown, mut n) = (true, false, 0);
    let mut got = Vec::new();
    let tasks = [
        ("test_mse", curves.last(), MARGIN_MSE, "MSE"),
        ("test_accuracy", 0, tier.margin_accuracy, "accuracy"),
    ];
    for (measure, end, margin, name) in tasks {
        let mut best: Option<(Interval, &str, f64)> = None;
        for (member, (label, _)) in curves.members.iter().enumerate() {
            for lambda in 1..curves.last() {
                let gain = |[mixed, pure]: [f64; 2]| match measure {
                    "test_mse" => (pure - mixed) / pure,
                    _ => mixed - pure,
                };
                let pairs = curves.paired(measure, [[member, lambda], [member, end]])?;
                let gains: Vec<f64> = pairs.into_iter().map(gain).collect();
                if gains.is_empty() {
                    continue;
                }
                let gain = interval(&gains);
                n = n.max(gains.len());
                excluded &= gain.high <= margin;
                shown |= gain.low > margin;
                if best.is_none_or(|(known, ..)| gain.mean > known.mean) {
                    best = Some((gain, label, curves.lambdas[lambda]));
                }
            }
        }
        if let Some((gain, label, lambda)) = best {
            got.push(format!(
                "best for {name}: {:+.1} {} ({label}, λ = {lambda})",
                gain.times(100.0),
                if measure == "test_mse" { "%" } else { "points" }
            ));
        }
    }
    let verdict = match () {
        () if got.is_empty() => Verdict::NotRun,
        () if n < ENOUGH_SEEDS => Verdict::Undecided,
        () if shown => Verdict::DoesNotHold,
        () if excluded => Verdict::Holds,
        () => Verdict::Undecided,
    };
    let (mse, accuracy) = (100.0 * MARGIN_MSE, 100.0 * tier.margin_accuracy);
    Ok(Row {
        source: "C1".into(),
        claim: format!("no synergy, by paired seeds ({}, {})", curves.variant, tier.name),
        expected: format!("every gain's 95 % interval below {mse:.0} % of MSE and {accuracy:.0} points"),
        got: listed(got),
        n,
        verdict,
    })
}
