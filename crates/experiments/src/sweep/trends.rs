//! What the paper claims of a sweep: no synergy, and the trends T1 to T6, T8 and T10 of section 6.3.

use report::{Row, Verdict};

use super::Curves;
use super::facts::exact_facts;
use crate::Result;
use crate::statistics::{interval, median};
use crate::store::Results;

/// Fewer seeds decide nothing (section 6.3).
pub(super) const ENOUGH_SEEDS: usize = 3;

/// The margin below which a gain in reconstruction is no synergy, relative to MSE(1) (T4).
const MARGIN_MSE: f64 = 0.03;

/// The thresholds that depend on how much data there is.
struct Tier {
    name: &'static str,
    gap: f64,
    margin_accuracy: f64,
    class_mean: f64,
}

impl Tier {
    fn of(results: &Results) -> Self {
        match attribute(results, "n_train") {
            0..=10_000 => Self { name: "small", gap: 0.08, margin_accuracy: 0.02, class_mean: 0.35 },
            _ => Self { name: "full", gap: 0.03, margin_accuracy: 0.01, class_mean: 0.50 },
        }
    }
}

/// A count among the results' attributes; 0 where there is none.
fn attribute(results: &Results, name: &str) -> usize {
    results.attributes.get(name).and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// One statement that is true or false of the medians, with the numbers behind it.
struct Finding {
    holds: bool,
    got: String,
}

/// The verdicts on every variant.
///
/// # Errors
/// If the results are not those of a sweep.
pub fn rows(results: &Results) -> Result<Vec<Row>> {
    let tier = Tier::of(results);
    let mut rows = Vec::new();
    for curves in &Curves::all(results)? {
        rows.extend(exact_facts(curves, attribute(results, "steps"))?);
        rows.push(no_synergy(curves, &tier)?);
        type Trend = fn(&Curves<'_>, &Tier) -> Result<Option<Finding>>;
        let trends: [(&str, String, String, Trend); 8] = [
            (
                "C2/T1",
                "more weight on reconstruction: lower error, lower accuracy (k = 16)".into(),
                "each step over λ within 3 % and 1.5 points; most accuracy lost above λ = 0.9".into(),
                t1,
            ),
            (
                "C3/T2",
                "a classifier's latent reconstructs worse".into(),
                "MSE(0) >= 1.25 MSE(1), every k".into(),
                t2,
            ),
            (
                "C3/T3",
                "an autoencoder's latent classifies worse (k = 4, 16)".into(),
                format!("accuracy(0) - accuracy(1) >= {:.0} points", 100.0 * tier.gap),
                t3,
            ),
            (
                "C1/T4",
                "no synergy, by medians".into(),
                format!("S_r <= {MARGIN_MSE}, S_c <= {}, every k", tier.margin_accuracy),
                t4,
            ),
            (
                "C4,C6/T5",
                "a larger latent helps reconstruction on and on, classification soon no more".into(),
                "MSE(1) falls over k = 4, 16, 64; accuracy(0) moves <= 2 points from 16 to 64; gap shrinks"
                    .into(),
                t5,
            ),
            (
                "C4/T6",
                "a larger latent does not remove the trade-off (k = 64)".into(),
                "MSE(0) > 1.25 MSE(1), accuracy(0) - accuracy(1) > 1 point".into(),
                t6,
            ),
            (
                "C7/T8",
                "a classifier's latent of 4 gives class-typical images".into(),
                format!(
                    "MSE(1) < MSE(0) < mean image; MSE(0) within {:.0} % of the class mean at k = 4",
                    100.0 * tier.class_mean
                ),
                t8,
            ),
            (
                "C7/T10",
                "the two objectives want different latents".into(),
                "at λ = 0 k-NN accuracy >= 3 points higher, between-class share higher, every k".into(),
                t10,
            ),
        ];
        for (source, claim, expected, trend) in trends {
            let claim = format!("{claim} ({}, {})", curves.variant, tier.name);
            rows.push(judged(curves, source, claim, expected, trend(curves, &tier)?));
        }
    }
    Ok(rows)
}

fn judged(
    curves: &Curves<'_>,
    source: &str,
    claim: String,
    expected: String,
    finding: Option<Finding>,
) -> Row {
    let (got, verdict) = match finding {
        None => ("the grid lacks the points".into(), Verdict::NotRun),
        Some(Finding { got, .. }) if curves.n_seeds < ENOUGH_SEEDS => (got, Verdict::Undecided),
        Some(Finding { holds: true, got }) => (got, Verdict::Holds),
        Some(Finding { holds: false, got }) => (got, Verdict::DoesNotHold),
    };
    Row { source: source.into(), claim, expected, got, n: curves.n_seeds, verdict }
}

/// The medians of one measure at λ = 0 and λ = 1.
fn ends(curves: &Curves<'_>, measure: &str, latent: usize) -> Result<[f64; 2]> {
    Ok([curves.median(measure, latent, 0)?, curves.median(measure, latent, curves.last())?])
}

/// The places of these latent sizes, if the grid has all of them.
fn latents<const N: usize>(curves: &Curves<'_>, sizes: [usize; N]) -> Option<[usize; N]> {
    let places = sizes.map(|k| curves.latent(k));
    places.iter().all(Option::is_some).then(|| places.map(|place| place.unwrap_or_default()))
}

pub(super) fn listed(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join("; ")
}

fn t1(curves: &Curves<'_>, _: &Tier) -> Result<Option<Finding>> {
    let (Some(latent), Some(at_09)) = (curves.latent(16), curves.lambda(0.9)) else { return Ok(None) };
    let along = |measure| -> Result<Vec<f64>> {
        (0..curves.lambdas.len()).map(|lambda| curves.median(measure, latent, lambda)).collect()
    };
    let (mse, accuracy) = (along("test_mse")?, along("test_accuracy")?);
    let falling = |values: &[f64], may_rise: fn(f64) -> f64| {
        values.windows(2).all(|pair| pair[1] <= pair[0] + may_rise(pair[0]))
    };
    let (first, last) = (accuracy[0], accuracy[accuracy.len() - 1]);
    let above_09 = (accuracy[at_09] - last) / (first - last);
    let holds = falling(&mse, |mse| 0.03 * mse) && falling(&accuracy, |_| 0.015) && above_09 > 0.5;
    let text = |values: &[f64]| values.iter().map(|x| format!("{x:.3}")).collect::<Vec<_>>().join(" ");
    let share = 100.0 * above_09;
    let got = format!("MSE {}; accuracy {}; {share:.0} % lost above 0.9", text(&mse), text(&accuracy));
    Ok(Some(Finding { holds, got }))
}

fn t2(curves: &Curves<'_>, _: &Tier) -> Result<Option<Finding>> {
    let mut ratios = Vec::new();
    for (latent, &k) in curves.latents.iter().enumerate() {
        let [at_0, at_1] = ends(curves, "test_mse", latent)?;
        ratios.push((k, at_0 / at_1));
    }
    let holds = ratios.iter().all(|(_, ratio)| *ratio >= 1.25);
    let got = listed(ratios.iter().map(|(k, ratio)| format!("k = {k}: ratio {ratio:.2}")));
    Ok(Some(Finding { holds, got }))
}

fn t3(curves: &Curves<'_>, tier: &Tier) -> Result<Option<Finding>> {
    let Some(places) = latents(curves, [4, 16]) else { return Ok(None) };
    let mut gaps = Vec::new();
    for latent in places {
        let [at_0, at_1] = ends(curves, "test_accuracy", latent)?;
        gaps.push((curves.latents[latent], at_0 - at_1));
    }
    let holds = gaps.iter().all(|(_, gap)| *gap >= tier.gap);
    let got = listed(gaps.iter().map(|(k, gap)| format!("k = {k}: {:.1} points", 100.0 * gap)));
    Ok(Some(Finding { holds, got }))
}

fn t4(curves: &Curves<'_>, tier: &Tier) -> Result<Option<Finding>> {
    let (mut holds, mut got) = (true, Vec::new());
    for (latent, k) in curves.latents.iter().enumerate() {
        let of_mse = curves.of_latent("synergy_for_reconstruction", latent)?;
        let of_accuracy = curves.of_latent("synergy_for_classification", latent)?;
        let (s_r, s_c) = (median(&of_mse), median(&of_accuracy));
        holds &= s_r <= MARGIN_MSE && s_c <= tier.margin_accuracy;
        got.push(format!("k = {k}: S_r {s_r:.3}, S_c {s_c:.3}"));
    }
    Ok(Some(Finding { holds, got: listed(got) }))
}

fn t5(curves: &Curves<'_>, _: &Tier) -> Result<Option<Finding>> {
    let Some(places @ [small, middle, large]) = latents(curves, [4, 16, 64]) else { return Ok(None) };
    let mse: Vec<f64> =
        places.into_iter().map(|k| Ok(ends(curves, "test_mse", k)?[1])).collect::<Result<_>>()?;
    let moved = (ends(curves, "test_accuracy", large)?[0] - ends(curves, "test_accuracy", middle)?[0]).abs();
    let gap = |latent| ends(curves, "test_accuracy", latent).map(|[at_0, at_1]| at_0 - at_1);
    let (gap_small, gap_large) = (gap(small)?, gap(large)?);
    let holds = mse.windows(2).all(|pair| pair[1] < pair[0]) && moved <= 0.02 && gap_large < gap_small;
    let got = format!(
        "MSE(1) {:.3} {:.3} {:.3}; accuracy(0) moves {:.1} points; gap {:.1} -> {:.1} points",
        mse[0],
        mse[1],
        mse[2],
        100.0 * moved,
        100.0 * gap_small,
        100.0 * gap_large
    );
    Ok(Some(Finding { holds, got }))
}

fn t6(curves: &Curves<'_>, _: &Tier) -> Result<Option<Finding>> {
    let Some([latent]) = latents(curves, [64]) else { return Ok(None) };
    let [mse_0, mse_1] = ends(curves, "test_mse", latent)?;
    let [accuracy_0, accuracy_1] = ends(curves, "test_accuracy", latent)?;
    let (ratio, gap) = (mse_0 / mse_1, accuracy_0 - accuracy_1);
    let got = format!("ratio {ratio:.2}, gap {:.1} points", 100.0 * gap);
    Ok(Some(Finding { holds: ratio > 1.25 && gap > 0.01, got }))
}

fn t8(curves: &Curves<'_>, tier: &Tier) -> Result<Option<Finding>> {
    let Some(small) = curves.latent(4) else { return Ok(None) };
    let (of_mean, of_class) = (curves.of_variant("mean_image_mse")?, curves.of_variant("class_mean_mse")?);
    let mut holds = true;
    for latent in 0..curves.latents.len() {
        let [at_0, at_1] = ends(curves, "test_mse", latent)?;
        holds &= at_1 < at_0 && at_0 < of_mean;
    }
    let [at_0, _] = ends(curves, "test_mse", small)?;
    let distance = at_0 / of_class - 1.0;
    holds &= distance.abs() <= tier.class_mean;
    let got = format!(
        "MSE(0) {at_0:.3} at k = 4, class mean {of_class:.3} ({:+.0} %), mean image {of_mean:.3}",
        100.0 * distance
    );
    Ok(Some(Finding { holds, got }))
}

fn t10(curves: &Curves<'_>, _: &Tier) -> Result<Option<Finding>> {
    let (mut holds, mut got) = (true, Vec::new());
    for (latent, k) in curves.latents.iter().enumerate() {
        let [knn_0, knn_1] = ends(curves, "knn_accuracy", latent)?;
        let [share_0, share_1] = ends(curves, "between_class_share", latent)?;
        holds &= knn_0 - knn_1 >= 0.03 && share_0 > share_1;
        let points = 100.0 * (knn_0 - knn_1);
        got.push(format!("k = {k}: k-NN {points:+.1} points, share {share_0:.2} against {share_1:.2}"));
    }
    Ok(Some(Finding { holds, got: listed(got) }))
}

/// Claim C1 with paired seeds: for each k and each λ between the ends, the gain over the end point that is
/// best at that task, seed by seed, with a 95 % interval; the best of them is shown.
fn no_synergy(curves: &Curves<'_>, tier: &Tier) -> Result<Row> {
    let (mut excluded, mut shown) = (true, false);
    let mut got = Vec::new();
    let tasks = [
        ("test_mse", curves.last(), MARGIN_MSE, "MSE"),
        ("test_accuracy", 0, tier.margin_accuracy, "accuracy"),
    ];
    for (measure, end, margin, name) in tasks {
        let mut best: Option<(crate::statistics::Interval, usize, f64)> = None;
        for (latent, &k) in curves.latents.iter().enumerate() {
            for lambda in 1..curves.last() {
                let gain = |[mixed, pure]: [f64; 2]| match measure {
                    "test_mse" => (pure - mixed) / pure,
                    _ => mixed - pure,
                };
                let gains: Vec<f64> =
                    curves.paired(measure, latent, [lambda, end])?.into_iter().map(gain).collect();
                if gains.is_empty() {
                    continue;
                }
                let gain = interval(&gains);
                excluded &= gain.high <= margin;
                shown |= gain.low > margin;
                if best.is_none_or(|(known, ..)| gain.mean > known.mean) {
                    best = Some((gain, k, curves.lambdas[lambda]));
                }
            }
        }
        if let Some((gain, k, lambda)) = best {
            let [mean, low, high] = [gain.mean, gain.low, gain.high].map(|x| 100.0 * x);
            got.push(format!(
                "best for {name}: {mean:+.1} [{low:+.1}, {high:+.1}] {} (k = {k}, λ = {lambda})",
                if measure == "test_mse" { "%" } else { "points" }
            ));
        }
    }
    let verdict = match () {
        () if got.is_empty() => Verdict::NotRun,
        () if curves.n_seeds < ENOUGH_SEEDS => Verdict::Undecided,
        () if shown => Verdict::DoesNotHold,
        () if excluded => Verdict::Holds,
        () => Verdict::Undecided,
    };
    let accuracy = 100.0 * tier.margin_accuracy;
    Ok(Row {
        source: "C1".into(),
        claim: format!("no synergy, by paired seeds ({}, {})", curves.variant, tier.name),
        expected: format!(
            "every gain's 95 % interval below {:.0} % of MSE and {accuracy:.0} points",
            100.0 * MARGIN_MSE
        ),
        got: listed(got),
        n: curves.n_seeds,
        verdict,
    })
}
