//! What the latent holds, and masking against mixing (claims C7 and C9).

use super::{Finding, Trend, ends, listed};
use crate::Result;

/// Class-typical images at k = 4.
pub const T8: Trend = Trend {
    source: "C7/T8",
    claim: "a classifier's latent of 4 gives class-typical images",
    expected: |tier| {
        let share = 100.0 * tier.class_mean;
        format!("MSE(1) < MSE(0) < mean image; MSE(0) within {share:.0} % of the class mean at k = 4")
    },
    find: |curves, tier| {
        let Some(small) = curves.member(4.0) else { return Ok(None) };
        let (of_mean, of_class) =
            (curves.of_variant("mean_image_mse")?, curves.of_variant("class_mean_mse")?);
        let mut holds = true;
        for member in 0..curves.members.len() {
            let [at_0, at_1] = ends(curves, "test_mse", member)?;
            holds &= at_1 < at_0 && at_0 < of_mean;
        }
        let [at_0, _] = ends(curves, "test_mse", small)?;
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
    source: "C7/E8",
    claim: "individual detail grows with λ",
    expected: |_| {
        "share of the variance within classes that is reconstructed 0.1 higher at λ = 1 than at 0".into()
    },
    find: |curves, _| {
        let (mut holds, mut got) = (true, Vec::new());
        for (member, (label, _)) in curves.members.iter().enumerate() {
            let [at_0, at_1] = ends(curves, "beyond_class_variance", member)?;
            holds &= at_1 - at_0 >= 0.1;
            got.push(format!("{label}: {at_0:.2} -> {at_1:.2}"));
        }
        Ok(Some(Finding { holds: Some(holds), got: listed(got) }))
    },
};

/// Neighbours and scatter.
pub const T10: Trend = Trend {
    source: "C7/T10",
    claim: "the two objectives want different latents",
    expected: |_| {
        "at λ = 0 k-NN accuracy >= 3 points higher; in FC between-class share higher too; every member".into()
    },
    find: |curves, _| {
        // Section 6.3 expects it of FC-M and CNN-S, and the share of FC-M alone.
        let of = |family: &str| curves.variant.contains(family);
        if !(of("FC-") || of("CNN-S")) {
            return Ok(None);
        }
        let (mut holds, mut got) = (true, Vec::new());
        for (member, (label, _)) in curves.members.iter().enumerate() {
            let [knn_0, knn_1] = ends(curves, "knn_accuracy", member)?;
            let [share_0, share_1] = ends(curves, "between_class_share", member)?;
            holds &= knn_0 - knn_1 >= 0.03 && (share_0 > share_1 || of("CNN-S"));
            let points = 100.0 * (knn_0 - knn_1);
            got.push(format!("{label}: k-NN {points:+.1} points, share {share_0:.2} against {share_1:.2}"));
        }
        Ok(Some(Finding { holds: Some(holds), got: listed(got) }))
    },
};

/// Mixing at λ = 0.9 against every mask at λ = 1; the first member is the one without a mask.
pub const T11: Trend = Trend {
    source: "C9/T11",
    claim: "mixing in some classification does better than masking",
    expected: |_| {
        "λ = 0.9 unmasked is 10 points above every λ = 1 run, and none of those beats it in both".into()
    },
    find: |curves, _| {
        let Some(mixed) = curves.lambda(0.9) else { return Ok(None) };
        let of = |member, lambda| -> Result<[f64; 2]> {
            let median = |measure| curves.median(measure, member, lambda);
            Ok([median("test_mse")?, median("test_accuracy")?])
        };
        let [mse, accuracy] = of(0, mixed)?;
        let (mut best, mut beaten) = ((f64::NEG_INFINITY, String::new()), false);
        for (member, (label, _)) in curves.members.iter().enumerate() {
            let [of_mse, of_accuracy] = of(member, curves.last())?;
            if of_accuracy.is_nan() {
                return Ok(None);
            }
            beaten |= of_mse < mse && of_accuracy > accuracy;
            if of_accuracy > best.0 {
                best = (of_accuracy, label.clone());
            }
        }
        let unmasked = curves.median("test_accuracy", 0, curves.last())?;
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
