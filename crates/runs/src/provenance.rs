//! What made a result, as files and pages show it.

use serde_json::Value;

/// A value of a provenance: a text as it is, anything else as JSON.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
