//! The values in which two configs differ.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::columns::columns;

/// A key with its value in each of two configs; `None` where it has none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Difference {
    pub(super) key: String,
    pub(super) a: Option<String>,
    pub(super) b: Option<String>,
}

/// The lines that differ.
pub(super) fn differences(a: &Value, b: &Value) -> Vec<Difference> {
    let [mut a, mut b] = [a, b].map(|config| {
        let mut leaves = BTreeMap::new();
        collect(config, String::new(), &mut leaves);
        leaves
    });
    let keys: Vec<String> = a.keys().chain(b.keys()).cloned().collect();
    let mut all: Vec<Difference> = keys
        .into_iter()
        .map(|key| Difference { a: a.remove(&key), b: b.remove(&key), key })
        .filter(|of| of.a != of.b)
        .collect();
    all.sort_by(|one, other| one.key.cmp(&other.key));
    all
}

fn collect(place: &Value, key: String, leaves: &mut BTreeMap<String, String>) {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match place {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(name, value)| collect(value, below(name), leaves));
        }
        Value::Array(elements) if elements.iter().any(Value::is_object) => {
            elements
                .iter()
                .enumerate()
                .for_each(|(at, value)| collect(value, below(&at.to_string()), leaves));
        }
        Value::String(text) => drop(leaves.insert(key, text.clone())),
        other => drop(leaves.insert(key, other.to_string())),
    }
}

/// A line for each difference, with these names of the two configs.
pub(super) fn text(differences: &[Difference], [a, b]: [&str; 2]) -> String {
    let cell = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
    let row = |of: &Difference| [of.key.clone(), cell(&of.a), cell(&of.b)];
    columns(["key", a, b], &differences.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_values_that_differ_are_listed_each_by_its_whole_key() {
        let a = json!({ "batch": 10, "learner": { "lambda": 0.5, "kind": "cre" }, "list": [1, 2], "of": [{ "x": 1 }] });
        let b = json!({ "batch": 10, "learner": { "lambda": 0.9, "kind": "cre" }, "list": [1, 3], "of": [{ "x": 2 }], "new": {} });
        let of = |key: &str, a: Option<&str>, b: Option<&str>| Difference {
            key: key.into(),
            a: a.map(str::to_owned),
            b: b.map(str::to_owned),
        };
        let expected = [
            of("learner.lambda", Some("0.5"), Some("0.9")),
            of("list", Some("[1,2]"), Some("[1,3]")),
            of("new", None, Some("{}")),
            of("of.0.x", Some("1"), Some("2")),
        ];
        assert_eq!(differences(&a, &b), expected);
        assert_eq!(differences(&a, &a), []);
    }
}
