//! Over λ: the trade-off, its ends, and no synergy (claims C1 to C3 and C8).

use report::Verdict;

use super::{Finding, Tier, Trend, above, all_hold, is_over_k, judged, listed};
use crate::claim_id::ClaimId;
use crate::error::Result;
use crate::metric::{Metric, TradeOff};
use crate::statistics::{Interval, interval, median};
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;

/// The margin below which a gain in reconstruction is no synergy, relative to MSE(1).
const MARGIN_MSE: f64 = 0.03;

/// The curves over λ at k = 16, or of the first member.
pub const T1: Trend = Trend {
    source: ClaimId::C2T1,
    claim: "more weight on reconstruction: lower error, lower accuracy",
    expected: |_, _| {
        "each step over λ from 0 to 1 within 3 % and 1.5 points; most accuracy lost above λ = 0.9".into()
    },
    find: |of, _| {
        let curves = of.curves;
        let [_, at_09, _] = of.lambdas([0.0, 0.9, 1.0])?;
        let member = curves.member(16.0).filter(|_| is_over_k(curves)).unwrap_or(0);
        let along = |measure| -> Result<Vec<f64>> {
            (0..curves.lambdas.len()).map(|lambda| of.median(measure, member, lambda)).collect()
        };
        let (mse, accuracy) = (along(Metric::TestMse)?, along(Metric::TestAccuracy)?);
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
    source: ClaimId::C3T2,
    claim: "a classifier's latent reconstructs worse",
    expected: |_, _| "MSE(0) >= 1.25 MSE(1), every member".into(),
    find: |of, _| {
        let mut ratios = Vec::new();
        for (member, (label, _)) in of.curves.members.iter().enumerate() {
            let [at_0, at_1] = of.ends(Metric::TestMse, member)?;
            ratios.push((label, at_0 / at_1));
        }
        let holds = ratios.iter().all(|(_, ratio)| *ratio >= 1.25);
        let got = listed(ratios.iter().map(|(label, ratio)| format!("{label}: ratio {ratio:.2}")));
        Ok(Some(Finding { holds: Some(holds), got }))
    },
};

/// What a pure autoencoder's latent costs the classifier.
pub const T3: Trend = Trend {
    source: ClaimId::C3T3,
    claim: "an autoencoder's latent classifies worse",
    expected: |curves, tier| {
        let members = if is_over_k(curves) { "k = 4 and 16" } else { "every member" };
        format!("accuracy(0) - accuracy(1) >= {:.0} points, {members}", 100.0 * tier.gap)
    },
    find: |of, tier| {
        let curves = of.curves;
        let members = match is_over_k(curves) {
            true => of.members([4.0, 16.0])?.into(),
            false => (0..curves.members.len()).collect::<Vec<usize>>(),
        };
        let mut gaps = Vec::new();
        for member in members {
            let [at_0, at_1] = of.ends(Metric::TestAccuracy, member)?;
            gaps.push((&curves.members[member].0, at_0 - at_1));
        }
        let holds = gaps.iter().all(|(_, gap)| *gap >= tier.gap);
        let got = listed(gaps.iter().map(|(label, gap)| format!("{label}: {:.1} points", 100.0 * gap)));
        Ok(Some(Finding { holds: Some(holds), got }))
    },
};

/// No synergy by medians.
pub const T4: Trend = Trend {
    source: ClaimId::C1T4,
    claim: "no synergy, by medians",
    expected: |_, tier| format!("S_r <= {MARGIN_MSE}, S_c <= {}, every member", tier.margin_accuracy),
    find: |of, tier| {
        let (mut holds, mut got) = (true, Vec::new());
        of.mixtures()?;
        for (member, (label, _)) in of.curves.members.iter().enumerate() {
            let of_mse = of.of_member(TradeOff::SynergyForReconstruction, member)?;
            let of_accuracy = of.of_member(TradeOff::SynergyForClassification, member)?;
            let (s_r, s_c) = (median(&of_mse), median(&of_accuracy));
            holds &= s_r <= MARGIN_MSE && s_c <= tier.margin_accuracy;
            got.push(format!("{label}: S_r {s_r:.3}, S_c {s_c:.3}"));
        }
        Ok(Some(Finding { holds: Some(holds), got: listed(got) }))
    },
};

/// The same direction in every architecture and data set, by paired seeds.
pub const C8: Trend = Trend {
    source: ClaimId::C8,
    claim: "the two ends differ in the same direction, by paired seeds",
    expected: |_, _| "95 % intervals of MSE(0) - MSE(1) and of accuracy(0) - accuracy(1) above 0".into(),
    find: |of, _| {
        let (mut holds, mut got) = (Vec::new(), Vec::new());
        let [first, last] = of.lambdas([0.0, 1.0])?;
        for (member, (label, _)) in of.curves.members.iter().enumerate() {
            let gap = |measure: Metric| -> Result<Interval> {
                let pairs = of.paired(measure, [[member, first], [member, last]])?;
                Ok(interval(&pairs.iter().map(|[at_0, at_1]| at_0 - at_1).collect::<Vec<f64>>()))
            };
            let (mse, accuracy) = (gap(Metric::TestMse)?, gap(Metric::TestAccuracy)?);
            holds.extend([above(&mse, 0.0), above(&accuracy, 0.0)]);
            let points = accuracy.times(100.0);
            got.push(format!("{label}: MSE {mse:+.3}, accuracy {points:+.1} points"));
        }
        Ok(Some(Finding { holds: all_hold(holds), got: listed(got) }))
    },
};

/// Claim C1 with paired seeds: for each member and each λ between the ends, the gain over the end point that is
/// best at that task, seed by seed, with a 95 % interval; the best of them is shown.
///
/// # Errors
/// If the results are not those of a grid.
pub fn no_synergy(curves: &Curves<'_>) -> Result<Verdict> {
    let (tier, of) = (Tier::of(curves), Evidence::of(curves));
    let (mse, accuracy) = (100.0 * MARGIN_MSE, 100.0 * tier.margin_accuracy);
    let claim = format!("no synergy, by paired seeds ({}, {})", curves.variant, tier.name);
    let expected = format!("every gain's 95 % interval below {mse:.0} % of MSE and {accuracy:.0} points");
    let finding = gains(&of, &tier);
    judged(ClaimId::C1, claim, expected, finding, of.n())
}

/// Whether every mixture's gain is excluded, or some gain is shown.
fn gains(of: &Evidence<'_, '_>, tier: &Tier) -> Result<Finding> {
    let (mut excluded, mut shown, mut got) = (true, false, Vec::new());
    let ([first, last], mixtures) = (of.lambdas([0.0, 1.0])?, of.mixtures()?);
    let tasks = [
        (Metric::TestMse, last, MARGIN_MSE, "MSE"),
        (Metric::TestAccuracy, first, tier.margin_accuracy, "accuracy"),
    ];
    for (measure, end, margin, name) in tasks {
        let mut best: Option<(Interval, &str, f64)> = None;
        for (member, (label, _)) in of.curves.members.iter().enumerate() {
            for &lambda in &mixtures {
                let gain = |[mixed, pure]: [f64; 2]| match measure {
                    Metric::TestMse => (pure - mixed) / pure,
                    _ => mixed - pure,
                };
                let pairs = of.paired(measure, [[member, lambda], [member, end]])?;
                let gain = interval(&pairs.into_iter().map(gain).collect::<Vec<f64>>());
                excluded &= gain.high <= margin;
                shown |= gain.low > margin;
                if best.is_none_or(|(known, ..)| gain.mean > known.mean) {
                    best = Some((gain, label, of.curves.lambdas[lambda]));
                }
            }
        }
        if let Some((gain, label, lambda)) = best {
            got.push(format!(
                "best for {name}: {:+.1} {} ({label}, λ = {lambda})",
                gain.times(100.0),
                if measure == Metric::TestMse { "%" } else { "points" }
            ));
        }
    }
    let holds = match () {
        () if shown => Some(false),
        () if excluded => Some(true),
        () => None,
    };
    Ok(Finding { holds, got: listed(got) })
}
