//! Trends over λ: the trade-off, its end points, and the absence of synergy (claims C1 to C3 and C8).

use report::Verdict;

use super::{About, Finding, Trend, is_over_k, judged, listed};
use crate::claim_id::ClaimId;
use crate::error::Result;
use crate::metric::TradeOff;
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::estimate::Estimate;
use crate::statistics::formula::Formula;
use crate::statistics::rules::{LEVEL, MARGIN_MSE, Tier};
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::readers::{Question, Task, online, read};

/// The reader of rows about the heads that were trained with the encoder.
pub(crate) const ONLINE: &str = "online head";

/// The weighted sum of the online head's accuracies at some points `[setting, λ]`.
pub(crate) fn online_accuracy(of: &Evidence<'_, '_>, terms: &[(f64, [usize; 2])]) -> Result<Estimate> {
    let source = online(of.curves, Task::Classification)?;
    let weights: Vec<f64> = terms.iter().map(|(weight, _)| *weight).collect();
    of.estimate(Formula::Sum(&weights), &terms.iter().map(|&(_, point)| (source, point)).collect::<Vec<_>>())
}

/// The online decoder's test MSE at the first point over that at the second, minus 1.
pub(crate) fn online_ratio(of: &Evidence<'_, '_>, points: [[usize; 2]; 2]) -> Result<Estimate> {
    let source = online(of.curves, Task::Reconstruction)?;
    Ok(of.estimate(Formula::Ratio, &points.map(|point| (source, point)))?.affine(1.0, -1.0))
}

/// T1: the curves over λ at k = 16, or of the first setting.
pub const T1: Trend = Trend {
    source: ClaimId::C2T1,
    claim: "more weight on reconstruction lowers the error and the accuracy",
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
            let rise = online_ratio(of, [there, here])?;
            contrasts.push(Contrast::below(format!("MSE {from_to}"), rise, 0.03, Unit::PERCENT));
            let gain = online_accuracy(of, &[(1.0, there), (-1.0, here)])?;
            contrasts.push(Contrast::below(format!("accuracy {from_to}"), gain, 0.015, Unit::POINTS));
        }
        let late =
            online_accuracy(of, &[(1.0, [member, at_09]), (-0.5, [member, first]), (-0.5, [member, last])])?;
        contrasts.push(Contrast::above(
            "loss above λ = 0.9 minus half of the total",
            late,
            0.0,
            Unit::POINTS,
        ));
        let words = listed(contrasts.iter().map(Contrast::words));
        Ok(Some(Finding::decided(contrasts, format!("{label}: {words}")).read_by(ONLINE)))
    },
};

/// T2: the reconstruction error of a pure classifier's latent.
pub const T2: Trend = Trend {
    source: ClaimId::C3T2,
    claim: "a classifier's latent reconstructs worse",
    expected: |_, _| "MSE(0) >= 1.25 MSE(1) by every reader, for every setting".into(),
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

/// T3: the accuracy of a pure autoencoder's latent.
pub const T3: Trend = Trend {
    source: ClaimId::C3T3,
    claim: "an autoencoder's latent classifies worse",
    expected: |curves, tier| {
        let members = if is_over_k(curves) { "k = 4 and 16" } else { "for every setting" };
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

/// T4: the synergy at the best λ of each seed.
pub const T4: Trend = Trend {
    source: ClaimId::C1T4,
    claim: "no synergy at the best λ of each seed",
    expected: |_, tier| {
        format!(
            "S_r <= {MARGIN_MSE}, S_c <= {}, for every setting; a maximum over λ is biased upwards, so this row cannot refute",
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

/// C8: the same direction of the trade-off in every architecture and on every data set.
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

/// The verdict on claim C1 by paired seeds: for each setting and each λ between 0 and 1, the gain over the end point that is
/// trained for that task alone. The largest gains are shown, with intervals adjusted for their choice.
///
/// # Errors
/// If the results are not those of a grid.
pub fn no_synergy(curves: &Curves<'_>) -> Result<Verdict> {
    let (tier, of) = (Tier::of(curves.n_train), Evidence::of(curves));
    let (mse, accuracy) = (100.0 * MARGIN_MSE, 100.0 * tier.margin_accuracy);
    let claim =
        format!("no mixture gains more than {mse:.0} % of MSE or {accuracy:.0} points over the better end");
    let expected =
        "the 95 % interval of every gain below its margin; does not hold if one is above it at Holm's level";
    let finding = gains(&of, &tier);
    judged(About::of(ClaimId::C1, claim, curves), expected, finding, &of)
}

/// Whether a gain beyond the margin is excluded for every mixture, or shown for one.
fn gains(of: &Evidence<'_, '_>, tier: &Tier) -> Result<Finding> {
    let ([first, last], mixtures) = (of.lambdas([0.0, 1.0])?, of.mixtures()?);
    let (mut contrasts, curves) = (Vec::new(), of.curves);
    for (member, (label, _)) in curves.members.iter().enumerate() {
        for &lambda in &mixtures {
            let at = |task: &str| format!("{task}, {label}, λ = {}", curves.lambdas[lambda]);
            let mse = online_ratio(of, [[member, lambda], [member, last]])?.affine(-1.0, 0.0);
            contrasts.push(Contrast::below(at("MSE"), mse, MARGIN_MSE, Unit::PERCENT));
            let accuracy = online_accuracy(of, &[(1.0, [member, lambda]), (-1.0, [member, first])])?;
            let margin = tier.margin_accuracy;
            contrasts.push(Contrast::below(at("accuracy"), accuracy, margin, Unit::POINTS));
        }
    }
    // The largest of several gains is chosen after seeing the data.
    let level = 1.0 - (1.0 - LEVEL) / contrasts.len().max(1) as f64;
    let best = |unit: Unit| {
        let of_task = contrasts.iter().filter(|one| one.unit == unit);
        let best = of_task.max_by(|a, b| a.estimate.effect.total_cmp(&b.estimate.effect))?;
        Some(format!("largest gain in {}: {:+.1} {}", best.label, best.interval(level), unit.name))
    };
    let got = listed([Unit::PERCENT, Unit::POINTS].into_iter().filter_map(best));
    let got = format!("{got}; intervals adjusted for the choice from {} (Holm)", contrasts.len());
    Ok(Finding::decided(contrasts, got).read_by(ONLINE))
}
