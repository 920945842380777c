//! Warnings about differences between the protocol of a run and that of the authors.

use models::AdamConfig;
use serde_json::Value;

use crate::error::Result;
use crate::sweep::trends::listed;
use runs::store::Results;

/// A warning if transformers were trained with a learning rate other than the authors'.
///
/// # Errors
/// If the stored config is not valid JSON.
pub(super) fn warnings(results: &Results) -> Result<Vec<String>> {
    if !results.attributes.contains_key("config") {
        return Ok(vec![]);
    }
    let config = super::curves::attribute(results, "config")?;
    let authors = AdamConfig::PAPER.learning_rate;
    let mut others = Vec::new();
    for family in config["families"].as_array().into_iter().flatten() {
        let rate = family["optimiser"]["learning_rate"].as_f64().unwrap_or(authors);
        if rate != authors && holds_transformer(&family["members"]) {
            others.push(format!("{} at {rate:e}", family["label"].as_str().unwrap_or("ViT")));
        }
    }
    others.dedup();
    if others.is_empty() {
        return Ok(vec![]);
    }
    Ok(vec![format!(
        "Transformers were trained with a learning rate of Adam other than the authors' {authors:e}: {}. A run of this \
         profile takes hundreds of steps instead of thousands (section 6.4 of the book's chapter on the CRE paper); the \
         profile `full` has {authors:e}.",
        listed(others)
    )])
}

/// Whether a config contains an architecture of the family `vit`.
fn holds_transformer(config: &Value) -> bool {
    match config {
        Value::Object(fields) => {
            fields.get("family").and_then(Value::as_str) == Some("vit")
                || fields.values().any(holds_transformer)
        }
        Value::Array(elements) => elements.iter().any(holds_transformer),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use models::vit;

    use super::*;
    use crate::families::{fc_m, vit as vit_family};
    use crate::grid::Grid;
    use crate::profile::Profile;

    fn warned(profile: Profile) -> Vec<String> {
        let families = vec![fc_m(profile, &[16]), vit_family(profile, &[("ViT-S", vit::Config::S)])];
        let grid = Grid { families, lambdas: vec![0.0, 1.0], seeds: vec![0] };
        let mut results = Results::default();
        results.attributes.insert("config".into(), serde_json::to_value(&grid).unwrap().to_string());
        warnings(&results).unwrap()
    }

    #[test]
    fn a_learning_rate_other_than_the_authors_is_a_warning_and_full_has_theirs() {
        for profile in [Profile::Smoke, Profile::Quick, Profile::Standard] {
            let warned = warned(profile);
            assert!(warned.len() == 1 && warned[0].contains("authors' 1e-3: ViT-S at 3e-3."), "{warned:?}");
        }
        assert!(warned(Profile::Full).is_empty());
        assert!(warnings(&Results::default()).unwrap().is_empty());
    }
}
