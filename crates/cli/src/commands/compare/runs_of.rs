//! Compares two runs.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::differences::differences;
use super::super::stored;
use super::{Comparison, Moved};
use crate::error::Result;
use experiments::preset_sweep::QUANTITIES;
use experiments::statistics::estimate::Estimate;
use experiments::statistics::rules::LEVEL;
use runs::correct::{Reader, correct_of};
use runs::store::FinishedRun;

/// The comparison of the runs with these keys.
///
/// # Errors
/// As [`stored::finished`].
pub(super) fn compare(keys: [&str; 2], out: &Path) -> Result<Comparison> {
    let [a, b] = [stored::finished(out, keys[0])?, stored::finished(out, keys[1])?];
    let config = differences(&stored::parts_of_key(&a.spec), &stored::parts_of_key(&b.spec));
    let scalars =
        |run: &FinishedRun| run.epochs.last().map(|epoch| epoch.scalars.clone()).unwrap_or_default();
    let (of_a, of_b) = (scalars(&a), scalars(&b));
    let others: BTreeSet<&str> = of_a.keys().chain(of_b.keys()).map(String::as_str).collect();
    let mut names: Vec<&str> = QUANTITIES.iter().map(|quantity| quantity.name).collect();
    names.extend(others.into_iter().filter(|name| QUANTITIES.iter().all(|quantity| quantity.name != *name)));
    let value = |run: &FinishedRun, name: &str| {
        let quantity = QUANTITIES.iter().find(|quantity| quantity.name == name);
        match quantity {
            Some(quantity) => quantity.of(run),
            None => scalars(run).get(name).copied(),
        }
    };
    let mut comparison = Comparison {
        a: stored::label(&a),
        b: stored::label(&b),
        config,
        values: vec![],
        only_in_a: vec![],
        only_in_b: vec![],
        equal: 0,
        shown: 0,
        note: String::new(),
    };
    for name in names {
        match (value(&a, name), value(&b, name)) {
            (Some(from), Some(to)) => {
                let images = if name == "test_accuracy" { over_images(&a, &b) } else { None };
                let interval = images.map(|of| of.interval(LEVEL)).map(|of| [of.low, of.high]);
                let n = images.and_then(|of| of.n_images).unwrap_or(1);
                let change = Some(to - from);
                comparison.values.push(Moved {
                    name: name.into(),
                    at: String::new(),
                    a: Some(from),
                    b: Some(to),
                    change,
                    interval,
                    n,
                });
            }
            (Some(_), None) => comparison.only_in_a.push(name.into()),
            (None, Some(_)) => comparison.only_in_b.push(name.into()),
            (None, None) => {}
        }
    }
    let is_quantity = |of: &&Moved| QUANTITIES.iter().any(|quantity| quantity.name == of.name);
    comparison.shown = comparison.values.iter().filter(is_quantity).count();
    comparison.note = match comparison.values.iter().any(|of| of.interval.is_some()) {
        true => "the interval is paired over the test images; only several seeds separate an effect from \
             chance in training: `agon sweep`"
            .into(),
        false => {
            "two runs cannot separate an effect from chance in training; `agon sweep` trains several seeds"
                .into()
        }
    };
    Ok(comparison)
}

/// The difference of the accuracies over the test images, where both runs have the same and store which they classify
/// correctly.
fn over_images(a: &FinishedRun, b: &FinishedRun) -> Option<Estimate> {
    let same = a.spec.data.sha256 == b.spec.data.sha256 && a.spec.config["data"] == b.spec.config["data"];
    let [a, b] = [correct_of(a, Reader::Online)?, correct_of(b, Reader::Online)?];
    let differences: Vec<f64> =
        a.iter().zip(&b).map(|(&a, &b)| f64::from(u8::from(b)) - f64::from(u8::from(a))).collect();
    let of = Estimate::of_seeds(&differences);
    (same && a.len() == b.len() && a.len() > 1)
        .then(|| Estimate::of_images(of.effect, of.error, differences.len()))
}
