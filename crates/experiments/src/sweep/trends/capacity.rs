//! Over capacity: latent sizes, sizes of models, and the linear code of the same size (claims C4 to C6).

use super::{Finding, Trend, is_over_k, listed};
use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::metric::{LinearMetric, Metric};

/// Over k = 4, 16, 64.
pub const T5: Trend = Trend {
    source: ClaimId::C4C6T5,
    claim: "a larger latent helps reconstruction on and on, classification soon no more",
    expected: |_, _| {
        "MSE(1) falls over k = 4, 16, 64; accuracy(0) moves <= 2 points from 16 to 64; the gap shrinks".into()
    },
    find: |of, _| {
        if !is_over_k(of.curves) {
            return Ok(None);
        }
        let places @ [small, middle, large] = of.members([4.0, 16.0, 64.0])?;
        let at_1 = |member| of.ends(Metric::TestMse, member).map(|[_, at_1]| at_1);
        let mse: Vec<f64> = places.into_iter().map(at_1).collect::<Result<_>>()?;
        let at_0 = |member| of.ends(Metric::TestAccuracy, member).map(|[at_0, _]| at_0);
        let moved = (at_0(large)? - at_0(middle)?).abs();
        let gap = |member| of.ends(Metric::TestAccuracy, member).map(|[at_0, at_1]| at_0 - at_1);
        let (gap_small, gap_large) = (gap(small)?, gap(large)?);
        let falls = mse.windows(2).all(|pair| pair[1] < pair[0]);
        let got = format!(
            "MSE(1) {:.3} {:.3} {:.3}; accuracy(0) moves {:.1} points; gap {:.1} -> {:.1} points",
            mse[0],
            mse[1],
            mse[2],
            100.0 * moved,
            100.0 * gap_small,
            100.0 * gap_large
        );
        Ok(Some(Finding { holds: Some(falls && moved <= 0.02 && gap_large < gap_small), got }))
    },
};

/// At k = 64.
pub const T6: Trend = Trend {
    source: ClaimId::C4T6,
    claim: "a larger latent does not remove the trade-off",
    expected: |_, _| "MSE(0) > 1.25 MSE(1), accuracy(0) - accuracy(1) > 1 point at k = 64".into(),
    find: |of, _| {
        if !is_over_k(of.curves) {
            return Ok(None);
        }
        let [member] = of.members([64.0])?;
        let [mse_0, mse_1] = of.ends(Metric::TestMse, member)?;
        let [accuracy_0, accuracy_1] = of.ends(Metric::TestAccuracy, member)?;
        let (ratio, gap) = (mse_0 / mse_1, accuracy_0 - accuracy_1);
        let got = format!("ratio {ratio:.2}, gap {:.1} points", 100.0 * gap);
        Ok(Some(Finding { holds: Some(ratio > 1.25 && gap > 0.01), got }))
    },
};

/// From the first to the second size at the same k.
pub const T7: Trend = Trend {
    source: ClaimId::C5T7,
    claim: "a more complex network eases the trade-off and does not remove it",
    expected: |_, _| {
        "MSE(1) of the second size below 0.8 of the first; its accuracy gap smaller; all gaps above 0".into()
    },
    find: |of, _| {
        let members = &of.curves.members;
        if members.len() < 2 {
            return Err(Error::NotRun(format!("the grid has no second {}", of.curves.member)));
        }
        let mut sizes = Vec::new();
        for (member, (label, _)) in members.iter().enumerate() {
            let [mse_0, mse_1] = of.ends(Metric::TestMse, member)?;
            let [accuracy_0, accuracy_1] = of.ends(Metric::TestAccuracy, member)?;
            sizes.push((label, mse_1, mse_0 - mse_1, accuracy_0 - accuracy_1));
        }
        let remain = sizes.iter().all(|(_, _, mse, gap)| *mse > 0.0 && *gap > 0.0);
        let holds = remain && sizes[1].1 < 0.8 * sizes[0].1 && sizes[1].3 < sizes[0].3;
        let got = sizes
            .iter()
            .map(|(label, mse, _, gap)| format!("{label}: MSE(1) {mse:.3}, gap {:.1} points", 100.0 * gap));
        Ok(Some(Finding { holds: Some(holds), got: listed(got) }))
    },
};

/// Against the exact linear autoencoder, which is PCA.
pub const T9: Trend = Trend {
    source: ClaimId::T9,
    claim: "a trained autoencoder reconstructs better than PCA of the same size",
    expected: |_, _| "MSE(1) below that of k principal components, k = 4 and 16".into(),
    find: |of, _| {
        if !is_over_k(of.curves) {
            return Ok(None);
        }
        let (mut holds, mut got) = (true, Vec::new());
        let [last] = of.lambdas([1.0])?;
        for member in of.members([4.0, 16.0])? {
            let trained = of.median(Metric::TestMse, member, last)?;
            let linear = of.exact(LinearMetric::Mse, member, last)?;
            holds &= trained < linear;
            got.push(format!("{}: {trained:.3} against {linear:.3}", of.curves.members[member].0));
        }
        Ok(Some(Finding { holds: Some(holds), got: listed(got) }))
    },
};
