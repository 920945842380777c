//! Formats the provenance of a result for files and pages.

use serde_json::Value;

/// A provenance value as text: strings verbatim, everything else as JSON.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
