//! What the latent holds, and masking against mixing (claims C7 and C9).

use super::{Finding, Trend, is_over_k, listed};
use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::families::NetworkKind;
use crate::metric::{Baseline, Metric};

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
        let [small] = of.members([4.0])?;
        let (of_mean, of_class) =
            (curves.of_variant(Baseline::MeanImageMse)?, curves.of_variant(Baseline::ClassMeanMse)?);
        let mut holds = true;
        for member in 0..curves.members.len() {
            let [at_0, at_1] = of.ends(Metric::TestMse, member)?;
            holds &= at_1 < at_0 && at_0 < of_mean;
        }
        let [at_0, _] = of.ends(Metric::TestMse, small)?;
        let distance = at_0 / of_class - 1.0;
        holds &= distance.abs() <= tier.class_mean;
        let percent = 100.0 * distance;
        let got = format!(
            "MSE(0) {at_0:.3} at k = 4, class mean {of_class:.3} ({percent:+.0} %), mean image {of_mean:.3}"
        );
        Ok(Some(Finding { holds: Some(holds), got }))
    },
};

/// What is beyond the class in a reconstruction.
pub const DETAIL: Trend = Trend {
    source: ClaimId::C7E8,
    claim: "individual detail grows with λ",
    expected: |_, _| {
        "share of the variance within classes that is reconstructed 0.1 higher at λ = 1 than at 0".into()
    },
    find: |of, _| {
        let (mut holds, mut got) = (true, Vec::new());
        for (member, (label, _)) in of.curves.members.iter().enumerate() {
            let [at_0, at_1] = of.ends(Metric::BeyondClassVariance, member)?;
            holds &= at_1 - at_0 >= 0.1;
            got.push(format!("{label}: {at_0:.2} -> {at_1:.2}"));
        }
        Ok(Some(Finding { holds: Some(holds), got: listed(got) }))
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
        let (mut holds, mut got) = (true, Vec::new());
        for (member, (label, _)) in of.curves.members.iter().enumerate() {
            let [knn_0, knn_1] = of.ends(Metric::KnnAccuracy, member)?;
            let [share_0, share_1] = of.ends(Metric::BetweenClassShare, member)?;
            holds &= knn_0 - knn_1 >= 0.03 && (share_0 > share_1 || network == NetworkKind::CnnS);
            let points = 100.0 * (knn_0 - knn_1);
            got.push(format!("{label}: k-NN {points:+.1} points, share {share_0:.2} against {share_1:.2}"));
        }
        Ok(Some(Finding { holds: Some(holds), got: listed(got) }))
    },
};

/// The member without a mask in the families of T11.
pub const NO_MASK: &str = "no mask";

/// Mixing at λ = 0.9 against every mask at λ = 1.
pub const T11: Trend = Trend {
    source: ClaimId::C9T11,
    claim: "mixing in some classification does better than masking",
    expected: |_, _| {
        "λ = 0.9 unmasked is 10 points above every λ = 1 run, and none of those beats it in both".into()
    },
    find: |of, _| {
        let [mixed, last] = of.lambdas([0.9, 1.0])?;
        let plain = of.labelled(NO_MASK)?;
        let both = |member, lambda| -> Result<[f64; 2]> {
            let median = |measure| of.median(measure, member, lambda);
            Ok([median(Metric::TestMse)?, median(Metric::TestAccuracy)?])
        };
        if of.curves.members.len() < 2 {
            return Err(Error::NotRun("the grid has no mask".into()));
        }
        let [mse, accuracy] = both(plain, mixed)?;
        let (mut best, mut beaten) = ((f64::NEG_INFINITY, String::new()), false);
        for (member, (label, _)) in of.curves.members.iter().enumerate() {
            let [of_mse, of_accuracy] = both(member, last)?;
            beaten |= of_mse < mse && of_accuracy > accuracy;
            if of_accuracy > best.0 {
                best = (of_accuracy, label.clone());
            }
        }
        let unmasked = of.median(Metric::TestAccuracy, plain, last)?;
        let got = format!(
            "mixing {:.1} %, best of λ = 1 {:.1} % ({}), unmasked λ = 1 {:.1} %",
            100.0 * accuracy,
            100.0 * best.0,
            best.1,
            100.0 * unmasked
        );
        Ok(Some(Finding { holds: Some(accuracy - best.0 >= 0.1 && !beaten), got }))
    },
};
