//! The spec of a run, and the key derived from it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Everything that determines a run's results: a run is a pure function of its spec.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSpec {
    /// The resolved config with all values. It does not name the
    /// experiment, so that experiments share runs. `1` and `1.0` are different configs.
    pub config: Value,
    /// The seed of all its random streams.
    pub seed: u64,
    /// The data set.
    pub data: DataId,
    /// The schema version: incremented when the same config would give other results.
    pub schema: u32,
}

/// A data set and a hash of its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataId {
    /// Its name, such as `fashion-mnist`.
    pub name: String,
    /// SHA-256 of the data in memory, 64 hex digits.
    pub sha256: String,
    /// The class names in label order, which are not part of the key; empty if stored by an older version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
}

impl RunSpec {
    /// SHA-256 of the spec as JSON with sorted keys and no spaces, 64 hex digits.
    pub fn key(&self) -> String {
        let mut text = String::new();
        canonical(
            &json!({
                "config": self.config,
                "data": { "name": self.data.name, "sha256": self.data.sha256 },
                "schema": self.schema,
                "seed": self.seed,
            }),
            &mut text,
        );
        sha256(text.as_bytes())
    }

    /// The name of the run's folder: the first 16 hex digits of the key.
    pub fn folder_name(&self) -> String {
        self.key()[..16].to_owned()
    }
}

/// SHA-256 as 64 hex digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (i, (name, value)) in entries.into_iter().enumerate() {
                text.push_str(if i > 0 { "," } else { "" });
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(values) => {
            text.push('[');
            for (i, value) in values.iter().enumerate() {
                text.push_str(if i > 0 { "," } else { "" });
                canonical(value, text);
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(config: &str, seed: u64) -> RunSpec {
        RunSpec {
            config: serde_json::from_str(config).unwrap(),
            seed,
            data: DataId { name: "digits".into(), sha256: "00".repeat(32), classes: vec![] },
            schema: 1,
        }
    }

    #[test]
    fn the_key_does_not_depend_on_the_order_of_the_config() {
        let a = spec(r#"{"b": [1, {"y": 0.1, "x": "é\n"}], "a": null}"#, 3);
        let b = spec(r#"{"a": null, "b": [1, {"x": "é\n", "y": 0.1}]}"#, 3);
        assert_eq!(a.key(), b.key());
        assert_eq!(a.key().len(), 64);
        assert!(a.key().starts_with(&a.folder_name()));
    }

    #[test]
    fn every_field_changes_the_key() {
        let base = spec("{}", 0);
        let mut data = base.clone();
        data.data.name.push('2');
        let schema = RunSpec { schema: 2, ..base.clone() };
        let keys = [base.key(), spec("{}", 1).key(), spec("[]", 0).key(), data.key(), schema.key()];
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(key), "{keys:?}");
        }
    }

    #[test]
    fn class_names_are_stored_and_do_not_affect_the_key() {
        let base = spec("{}", 0);
        let text = serde_json::to_string(&base).unwrap();
        assert!(!text.contains("classes"), "{text}");
        let mut named = base.clone();
        named.data.classes = vec!["ant".into(), "bee".into()];
        assert_eq!(named.key(), base.key());
        let again =
            |spec: &RunSpec| serde_json::from_str::<RunSpec>(&serde_json::to_string(spec).unwrap()).unwrap();
        assert_eq!((again(&named), again(&base)), (named, base));
    }

    #[test]
    fn the_key_is_the_sha256_of_the_sorted_text() {
        let zeros = "00".repeat(32);
        let text = format!(
            r#"{{"config":{{"a":1,"b":0.5}},"data":{{"name":"digits","sha256":"{zeros}"}},"schema":1,"seed":7}}"#
        );
        assert_eq!(spec(r#"{"b": 0.5, "a": 1}"#, 7).key(), sha256(text.as_bytes()));
    }
}
