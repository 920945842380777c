//! Compares two results files, array by array.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::super::differences::differences;
use super::{Comparison, Moved};
use crate::error::Result;
use runs::store::{Results, read_sealed};

/// The comparison of the arrays that both files have.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn compare(a: &Path, b: &Path) -> Result<Comparison> {
    let [(of_a, _), (of_b, _)] = [read_sealed(a)?, read_sealed(b)?];
    let mut comparison = Comparison {
        a: format!("{}: {}", a.display(), of_a.title),
        b: format!("{}: {}", b.display(), of_b.title),
        config: differences(&attributes(&of_a), &attributes(&of_b)),
        values: vec![],
        only_in_a: vec![],
        only_in_b: vec![],
        equal: 0,
        shown: usize::MAX,
        note: "A and B are means of arrays, B - A is the largest difference of an element, and n counts the \
             elements that differ"
            .into(),
    };
    let names: BTreeSet<&String> = of_a.variables.keys().chain(of_b.variables.keys()).collect();
    for name in names {
        let (Some(one), Some(other)) = (of_a.variables.get(name), of_b.variables.get(name)) else {
            match of_a.variables.contains_key(name) {
                true => comparison.only_in_a.push(name.clone()),
                false => comparison.only_in_b.push(name.clone()),
            }
            continue;
        };
        let (one_values, other_values) = (one.values.to_f64(), other.values.to_f64());
        if of_a.shape(name, one)? != of_b.shape(name, other)? {
            comparison.only_in_a.push(format!("{name} in the shape {:?}", of_a.shape(name, one)?));
            comparison.only_in_b.push(format!("{name} in the shape {:?}", of_b.shape(name, other)?));
            continue;
        }
        let differ = |(a, b): &(&f64, &f64)| a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan());
        let moved: Vec<f64> =
            one_values.iter().zip(&other_values).filter(differ).map(|(a, b)| b - a).collect();
        if moved.is_empty() {
            comparison.equal += 1;
            continue;
        }
        let most =
            moved.iter().copied().filter(|of| of.is_finite()).max_by(|a, b| a.abs().total_cmp(&b.abs()));
        comparison.values.push(Moved {
            name: name.clone(),
            at: String::new(),
            a: mean(&one_values),
            b: mean(&other_values),
            change: most,
            interval: None,
            n: moved.len(),
        });
    }
    Ok(comparison)
}

/// Config, attributes and provenance of a file as one table.
fn attributes(results: &Results) -> Value {
    let text = |(name, text): (&String, &String)| {
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()));
        (name.clone(), value)
    };
    let all: BTreeMap<String, Value> =
        results.attributes.iter().chain(&results.provenance).map(text).collect();
    serde_json::to_value(all).expect("the values are serialisable")
}

/// The mean of the finite values.
fn mean(values: &[f64]) -> Option<f64> {
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    (!finite.is_empty()).then(|| finite.iter().sum::<f64>() / finite.len() as f64)
}
