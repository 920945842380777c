//! Over λ: the trade-off, its ends, and no synergy (claims C1 to C3 and C8).

use report::Verdict;

use super::{About, Finding, Tier, Trend, is_over_k, judged, listed};
use crate::claim_id::ClaimId;
use crate::error::Result;
use crate::metric::{Metric, TradeOff};
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::estimate::{Estimate, LEVEL};
use crate::sweep::curves::Curves;
use crate::sweep::evidence::{Evidence, Term};
use crate::sweep::readers::{Formula, Question, Reader, Task, read, source};

/// The margin below which a gain in reconstruction is no synergy, relative to MSE(1).
const MARGIN_MSE: f64 = 0.03;

/// What a row says of heads that learned beside the encoder.
pub(crate) const ONLINE: &str = "online head";

/// The weighted sum of the online head's accuracies at some points.
pub(crate) fn online_accuracy(of: &Evidence<'_, '_>, terms: &[(f64, [usize; 2])]) -> Result<Estimate> {
    let missing = || crate::error::Error::Missing(Metric::TestAccuracy.to_string());
    let source = source(Reader::Online, of.curves, Task::Classification).ok_or_else(missing)?;
    of.sum(&terms.iter().map(|&(weight, point)| Term { weight, source, point }).collect::<Vec<_>>())
}

/// The curves over λ at k = 16, or of the first member.
pub const T1: Trend = Trend {
    source: ClaimId::C2T1,
    claim: "more weight on reconstruction: lower error, lower accuracy",
    expected: |_, _| {
        "each step over λ from 0 to 1 within 3 % and 1.5 points; most accuracy lost above λ = 0.9".into()
    },
    find: |of, _| {
        let curves = of.curves;
        let [first, at_09, last] = of.lambdas([0.0, 0.9, 1.0])?;
        let member = curves.member(16.0).filter(|_| is_over_k(curves)).unwrap_or(0);
        let label = &curves.members[member].0;
        let mut contrasts = Vec::new();
        for next in 1..curves.lambdas.len() {
            let (here, there) = ([member, next - 1], [member, next]);
            let from_to = format!("from λ = {} to {}", curves.lambdas[next - 1], curves.lambdas[next]);
            let mse = of.by_seed([(curves, Metric::TestMse, there), (curves, Metric::TestMse, here)])?;
            let rise = Estimate::of_seeds(
                &mse.iter().map(|[after, before]| after / before - 1.0).collect::<Vec<_>>(),
            );
            contrasts.push(Contrast::below(format!("MSE {from_to}"), rise, 0.03, Unit::PERCENT));
            let gain = online_accuracy(of, &[(1.0, there), (-1.0, here)])?;
            contrasts.push(Contrast::below(format!("accuracy {from_to}"), gain, 0.015, Unit::POINTS));
        }
        let late =
            online_accuracy(of, &[(1.0, [member, at_09]), (-0.5, [member, first]), (-0.5, [member, last])])?;
        contrasts.push(Contrast::above("loss above λ = 0.9 less half of all", late, 0.0, Unit::POINTS));
        let words = listed(contrasts.iter().map(Contrast::words));
        Ok(Some(Finding::decided(contrasts, format!("{label}: {words}")).read_by(ONLINE)))
    },
};

/// What a pure classifier's latent costs the decoder.
pub const T2: Trend = Trend {
    source: ClaimId::C3T2,
    claim: "a classifier's latent reconstructs worse",
    expected: |_, _| "MSE(0) >= 1.25 MSE(1) by every reader, every member".into(),
    find: |of, _| {
        let [first, last] = of.lambdas([0.0, 1.0])?;
        let ratio = |(member, (label, _)): (usize, &(String, f64))| Question {
            formula: Formula::Ratio,
            ..Question::gap(
                format!("{label}: MSE(0) over MSE(1)"),
                Task::Reconstruction,
                [[member, first], [member, last]],
                1.25,
            )
        };
        let questions: Vec<Question> = of.curves.members.iter().enumerate().map(ratio).collect();
        read(of, &questions).map(Some)
    },
};

/// What a pure autoencoder's latent costs the classifier.
pub const T3: Trend = Trend {
    source: ClaimId::C3T3,
    claim: "an autoencoder's latent classifies worse",
    expected: |curves, tier| {
        let members = if is_over_k(curves) { "k = 4 and 16" } else { "every member" };
        format!("accuracy(0) - accuracy(1) >= {:.0} points by every reader, {members}", 100.0 * tier.gap)
    },
    find: |of, tier| {
        let curves = of.curves;
        let members = match is_over_k(curves) {
            true => of.members([4.0, 16.0])?.into(),
            false => (0..curves.members.len()).collect::<Vec<usize>>(),
        };
        let [first, last] = of.lambdas([0.0, 1.0])?;
        let gap = |member: usize| {
            let label = format!("{}: accuracy(0) - accuracy(1)", curves.members[member].0);
            Question::gap(label, Task::Classification, [[member, first], [member, last]], tier.gap)
        };
        let questions: Vec<Question> = members.into_iter().map(gap).collect();
        read(of, &questions).map(Some)
    },
};

/// No synergy by the best λ of each seed.
pub const T4: Trend = Trend {
    source: ClaimId::C1T4,
    claim: "no synergy, by the best λ of each seed",
    expected: |_, tier| {
        format!(
            "S_r <= {MARGIN_MSE}, S_c <= {}, every member; maxima over λ lie too high, so this row cannot refute",
            tier.margin_accuracy
        )
    },
    find: |of, tier| {
        let mut contrasts = Vec::new();
        of.mixtures()?;
        for (member, (label, _)) in of.curves.members.iter().enumerate() {
            for (synergy, name, margin, unit) in [
                (TradeOff::SynergyForReconstruction, "S_r", MARGIN_MSE, Unit::PERCENT),
                (TradeOff::SynergyForClassification, "S_c", tier.margin_accuracy, Unit::POINTS),
            ] {
                let estimate = Estimate::of_seeds(&of.of_member(synergy, member)?);
                contrasts.push(Contrast::below(format!("{label}: {name}"), estimate, margin, unit));
            }
        }
        let finding = Finding::of(contrasts).read_by(ONLINE);
        Ok(Some(Finding { holds: finding.holds.filter(|&holds| holds), ..finding }))
    },
};

/// The same direction in every architecture and data set, by paired seeds.
pub const C8: Trend = Trend {
    source: ClaimId::C8,
    claim: "the two ends differ in the same direction",
    expected: |_, _| "MSE(0) - MSE(1) and accuracy(0) - accuracy(1) above 0 by every reader".into(),
    find: |of, _| {
        let [first, last] = of.lambdas([0.0, 1.0])?;
        let gaps = |(member, (label, _)): (usize, &(String, f64))| {
            let points = [[member, first], [member, last]];
            [("MSE", Task::Reconstruction), ("accuracy", Task::Classification)].map(|(name, task)| {
                Question::gap(format!("{label}: {name}(0) - {name}(1)"), task, points, 0.0)
            })
        };
        let questions: Vec<Question> = of.curves.members.iter().enumerate().flat_map(gaps).collect();
        read(of, &questions).map(Some)
    },
};

/// Claim C1 with paired seeds on every variant: for each member and each λ between the ends, the gain over the end point
/// that is best at that task; the best of them is shown, with the interval that its choice asks for.
///
/// # Errors
/// If the results are not those of a grid.
pub fn no_synergy(curves: &Curves<'_>) -> Result<Verdict> {
    let (tier, of) = (Tier::of(curves), Evidence::of(curves));
    let (mse, accuracy) = (100.0 * MARGIN_MSE, 100.0 * tier.margin_accuracy);
    let claim =
        format!("no mixture gains more than {mse:.0} % of MSE or {accuracy:.0} points over the better end");
    let expected =
        "every gain's 95 % interval below its margin; that one is above it is shown at Holm's level";
    let finding = gains(&of, &tier);
    judged(About::of(ClaimId::C1, claim, curves), expected, finding, &of)
}

/// Whether every mixture's gain is excluded, or some gain is shown.
fn gains(of: &Evidence<'_, '_>, tier: &Tier) -> Result<Finding> {
    let ([first, last], mixtures) = (of.lambdas([0.0, 1.0])?, of.mixtures()?);
    let (mut contrasts, curves) = (Vec::new(), of.curves);
    for (member, (label, _)) in curves.members.iter().enumerate() {
        for &lambda in &mixtures {
            let at = |task: &str| format!("{task}, {label}, λ = {}", curves.lambdas[lambda]);
            let points = [[member, last], [member, lambda]].map(|point| (curves, Metric::TestMse, point));
            let gain = |[pure, mixed]: [f64; 2]| (pure - mixed) / pure;
            let mse: Vec<f64> = of.by_seed(points)?.into_iter().map(gain).collect();
            contrasts.push(Contrast::below(at("MSE"), Estimate::of_seeds(&mse), MARGIN_MSE, Unit::PERCENT));
            let accuracy = online_accuracy(of, &[(1.0, [member, lambda]), (-1.0, [member, first])])?;
            let margin = tier.margin_accuracy;
            contrasts.push(Contrast::below(at("accuracy"), accuracy, margin, Unit::POINTS));
        }
    }
    // The best of several is chosen after the fact.
    let level = 1.0 - (1.0 - LEVEL) / contrasts.len().max(1) as f64;
    let best = |unit: Unit| {
        let of_task = contrasts.iter().filter(|one| one.unit == unit);
        let best = of_task.max_by(|a, b| a.estimate.effect.total_cmp(&b.estimate.effect))?;
        Some(format!("best for {}: {:+.1} {}", best.label, best.interval(level), unit.name))
    };
    let got = listed([Unit::PERCENT, Unit::POINTS].into_iter().filter_map(best));
    let got = format!("{got}; intervals as wide as the choice from {} makes them", contrasts.len());
    Ok(Finding::decided(contrasts, got).read_by(ONLINE))
}
