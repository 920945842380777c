//! What the latent holds, and masking against mixing (claims C7 and C9).

use super::lambda::ONLINE;
use super::{Finding, Trend, is_over_k};
use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::families::NetworkKind;
use crate::metric::{Baseline, Metric};
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::estimate::Estimate;
use crate::sweep::evidence::Evidence;
use crate::sweep::readers::{Question, Task, read};

/// The difference of a metric at two points, by paired seeds.
fn difference(of: &Evidence<'_, '_>, metric: Metric, points: [[usize; 2]; 2]) -> Result<Estimate> {
    let pairs = of.by_seed(points.map(|point| (of.curves, metric, point)))?;
    Ok(Estimate::of_seeds(&pairs.iter().map(|[one, other]| one - other).collect::<Vec<f64>>()))
}

/// Class-typical images at k = 4.
pub const T8: Trend = Trend {
    source: ClaimId::C7T8,
    claim: "a classifier's latent of 4 gives class-typical images",
    expected: |_, tier| {
        let share = 100.0 * tier.class_mean;
        format!("MSE(1) < MSE(0) < mean image; MSE(0) within {share:.0} % of the class mean at k = 4")
    },
    find: |of, tier| {
        let curves = of.curves;
        if !is_over_k(curves) {
            return Ok(None);
        }
        let ([small], [first, last]) = (of.members([4.0])?, of.lambdas([0.0, 1.0])?);
        let (of_mean, of_class) =
            (curves.of_variant(Baseline::MeanImageMse)?, curves.of_variant(Baseline::ClassMeanMse)?);
        let at_0 = |member, change: &dyn Fn(f64) -> f64| -> Result<Estimate> {
            let values = of.at(Metric::TestMse, member, first)?;
            Ok(Estimate::of_seeds(&values.into_iter().map(change).collect::<Vec<f64>>()))
        };
        let mut contrasts = Vec::new();
        for (member, (label, _)) in curves.members.iter().enumerate() {
            let gap = difference(of, Metric::TestMse, [[member, first], [member, last]])?;
            contrasts.push(Contrast::above(format!("{label}: MSE(0) - MSE(1)"), gap, 0.0, Unit::MSE));
            let label = format!("{label}: MSE(0), mean image {of_mean:.3}");
            contrasts.push(Contrast::below(label, at_0(member, &|mse| mse)?, of_mean, Unit::MSE));
        }
        let distance = at_0(small, &|mse| mse / of_class - 1.0)?;
        let label = "k = 4: MSE(0) over that of class means, less 1";
        contrasts.push(Contrast::below(label, distance, tier.class_mean, Unit::PERCENT));
        contrasts.push(Contrast::above(label, distance, -tier.class_mean, Unit::PERCENT));
        Ok(Some(Finding::of(contrasts).read_by(ONLINE)))
    },
};

/// What is beyond the class in a reconstruction. The share at λ is `1 - MSE(λ) / MSE of class means`, so that it grows is
/// the same fact as that a classifier's latent reconstructs worse.
pub const DETAIL: Trend = Trend {
    source: ClaimId::C7E8,
    claim: "individual detail grows with λ",
    expected: |_, _| {
        "share of the variance within classes that is reconstructed 0.1 higher at λ = 1 than at 0".into()
    },
    find: |of, _| {
        let [first, last] = of.lambdas([0.0, 1.0])?;
        let mut contrasts = Vec::new();
        for (member, (label, _)) in of.curves.members.iter().enumerate() {
            let gain = difference(of, Metric::BeyondClassVariance, [[member, last], [member, first]])?;
            contrasts.push(Contrast::above(
                format!("{label}: share at λ = 1 less at 0"),
                gain,
                0.1,
                Unit::PURE,
            ));
        }
        Ok(Some(Finding::of(contrasts).read_by(ONLINE)))
    },
};

/// Neighbours and scatter.
pub const T10: Trend = Trend {
    source: ClaimId::C7T10,
    claim: "the two objectives want different latents",
    expected: |_, _| {
        "at λ = 0 k-NN accuracy >= 3 points higher; in FC between-class share higher too; every member".into()
    },
    find: |of, _| {
        // Section 6.3 expects it of FC-M and CNN-S, and the share of FC-M alone.
        let known = || NetworkKind::ALL.iter().map(|kind| kind.as_str());
        let network = NetworkKind::of(&of.curves.family).ok_or_else(|| of.curves.unknown_family(known()))?;
        if !matches!(network, NetworkKind::Fc | NetworkKind::CnnS) {
            return Ok(None);
        }
        let [first, last] = of.lambdas([0.0, 1.0])?;
        let mut contrasts = Vec::new();
        for (member, (label, _)) in of.curves.members.iter().enumerate() {
            let ends = [[member, first], [member, last]];
            let neighbours = difference(of, Metric::KnnAccuracy, ends)?;
            contrasts.push(Contrast::above(
                format!("{label}: k-NN(0) - k-NN(1)"),
                neighbours,
                0.03,
                Unit::POINTS,
            ));
            if network == NetworkKind::Fc {
                let share = difference(of, Metric::BetweenClassShare, ends)?;
                contrasts.push(Contrast::above(
                    format!("{label}: share(0) - share(1)"),
                    share,
                    0.0,
                    Unit::PURE,
                ));
            }
        }
        Ok(Some(Finding::of(contrasts)))
    },
};

/// The member without a mask in the families of T11.
pub const NO_MASK: &str = "no mask";

/// Mixing at λ = 0.9 against every mask at λ = 1.
pub const T11: Trend = Trend {
    source: ClaimId::C9T11,
    claim: "supervision mixed in gives more accuracy than masks without supervision",
    expected: |_, _| "unmasked λ = 0.9 is 10 points above every λ = 1 run, by every reader".into(),
    find: |of, _| {
        let [mixed, last] = of.lambdas([0.9, 1.0])?;
        let plain = of.labelled(NO_MASK)?;
        if of.curves.members.len() < 2 {
            return Err(Error::NotRun("the grid has no mask".into()));
        }
        let against = |(member, (label, _)): (usize, &(String, f64))| {
            let label = format!("λ = 0.9 against λ = 1, {label}");
            Question::gap(label, Task::Classification, [[plain, mixed], [member, last]], 0.1)
        };
        let questions: Vec<Question> = of.curves.members.iter().enumerate().map(against).collect();
        read(of, &questions).map(Some)
    },
};
