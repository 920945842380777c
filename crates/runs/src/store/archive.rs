//! Converts a finished run to labelled results, the content of `run.h5`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::array::Values;
use super::finished::FinishedRun;
use super::results::{Coordinates, Dimension, Results, Variable};
use crate::names::PARAMETERS;
use crate::provenance::text;

/// - `epoch`: a dimension, the epoch numbers.
/// - `seconds` over `epoch`: wall time, in s.
/// - `scalars/NAME` over `epoch`: the metrics; NaN where an epoch has no such value.
/// - `finals/NAME`: the final arrays, except those named `parameters/...`, which stay in
///   `final.safetensors` for PyTorch: over dimensions `axisI_N`, the positions of an I-th
///   axis of length N.
/// - Attributes: `key`, `spec` (JSON), `outcome` (JSON); `provenance_*`, and
///   `provenance_continued` (JSON) if the run was resumed under another provenance.
pub(super) fn results(run: &FinishedRun) -> Results {
    let json =
        |value: Result<Value, serde_json::Error>| value.expect("these types serialise to JSON").to_string();
    let mut provenance: BTreeMap<String, String> =
        run.provenance.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    if !run.continued.is_empty() {
        provenance.insert("continued".into(), json(serde_json::to_value(&run.continued)));
    }
    let attributes = BTreeMap::from([
        ("key".to_owned(), run.spec.key()),
        ("spec".to_owned(), json(serde_json::to_value(&run.spec))),
        ("outcome".to_owned(), json(serde_json::to_value(&run.outcome))),
    ]);
    let mut results = Results {
        title: format!("run {}, seed {}, on {}", run.spec.folder_name(), run.spec.seed, run.spec.data.name),
        attributes,
        provenance,
        ..Results::default()
    };
    add_epochs(run, &mut results);
    add_finals(run, &mut results);
    results
}

fn add_epochs(run: &FinishedRun, results: &mut Results) {
    let epoch = Dimension {
        description: "epoch number".into(),
        unit: "1".into(),
        coordinates: Coordinates::Numbers(run.epochs.iter().map(|epoch| f64::from(epoch.epoch)).collect()),
    };
    results.dimensions.insert("epoch".into(), epoch);
    let over_epochs = |description: &str, unit: &str, values| Variable {
        dimensions: vec!["epoch".into()],
        description: description.into(),
        unit: unit.into(),
        values: Values::F64(values),
    };
    let seconds = run.epochs.iter().map(|epoch| epoch.seconds).collect();
    results.variables.insert("seconds".into(), over_epochs("wall time of the epoch", "s", seconds));
    let names: BTreeSet<&String> = run.epochs.iter().flat_map(|epoch| epoch.scalars.keys()).collect();
    for name in names {
        let values =
            run.epochs.iter().map(|epoch| epoch.scalars.get(name).copied().unwrap_or(f64::NAN)).collect();
        let variable = over_epochs("measured after the epoch", "1", values);
        results.variables.insert(format!("scalars/{name}"), variable);
    }
}

fn add_finals(run: &FinishedRun, results: &mut Results) {
    for (name, array) in run.finals.iter().filter(|(name, _)| !name.starts_with(PARAMETERS)) {
        let mut dimensions = vec![];
        for (axis, &length) in array.shape.iter().enumerate() {
            let dimension = format!("axis{axis}_{length}");
            results.dimensions.entry(dimension.clone()).or_insert_with(|| Dimension {
                description: format!(
                    "position on axis {axis} of the final arrays with {length} positions there"
                ),
                unit: "1".into(),
                coordinates: Coordinates::Numbers((0..length).map(|i| i as f64).collect()),
            });
            dimensions.push(dimension);
        }
        let variable = Variable {
            dimensions,
            description: "final array of the run".into(),
            unit: "1".into(),
            values: array.values.clone(),
        };
        results.variables.insert(format!("finals/{name}"), variable);
    }
}
