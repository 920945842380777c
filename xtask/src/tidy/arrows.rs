//! Rule: dependencies between our crates are those of ARCHITECTURE.md.

use serde_json::Value;

use super::Finding;

/// The crate with which tests record figures: every crate may depend on it, and it depends on none of ours.
const FIGURES: &str = "reliability";

/// Each crate with its allowed dependencies.
const ARROWS: [(&str, &[&str]); 20] = [
    (FIGURES, &[]),
    // For terminal output and access to files named by a user.
    ("system", &[]),
    ("tensor", &["system"]),
    ("autograd", &["tensor"]),
    ("models", &["autograd", "tensor", "system"]),
    ("data", &["tensor", "system"]),
    ("theory", &[]),
    ("report", &[]),
    // The facade: everything that others build on, and nothing of runs.
    ("agon", &["tensor", "autograd", "models", "data", "theory"]),
    // A crate as users of the facade write it.
    ("outside", &["agon"]),
    // The engine and the exercises of the book, which readers study alone.
    ("tiny", &[]),
    ("learn", &[]),
    ("runs", &["tensor", "models", "data", "theory", "system"]),
    ("experiments", &["tensor", "models", "data", "theory", "report", "runs", "system"]),
    ("cli", &["tensor", "models", "data", "theory", "report", "runs", "experiments", "system"]),
    // Only its tests, which compare kernels with the references of these crates, and learners on both devices.
    ("kernels", &["tensor", "autograd", "models", "data", "runs"]),
    ("xtask", &["learn", "system"]),
    ("tests", &["agon", "tensor", "autograd", "models", "data", "theory", "report", "runs", "experiments"]),
    ("benches", &["tensor", "autograd", "models", "data", "theory", "report", "runs", "experiments"]),
    // Every crate that reads untrusted bytes.
    ("fuzz", &["tensor", "models", "data", "runs", "experiments"]),
];

/// Whether a package is in the list above.
pub(super) fn is_ours(package: &str) -> bool {
    ARROWS.iter().any(|(known, _)| *known == short(package))
}

/// The name of a package in the list above.
fn short(package: &str) -> &str {
    package.strip_prefix("agon-").unwrap_or(package)
}

/// Checks dependencies of every kind, from the output of `cargo metadata`.
pub(super) fn of_every_package(metadata: &Value) -> Vec<Finding> {
    list(&metadata["packages"]).flat_map(of_one).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn of_one(package: &Value) -> Vec<Finding> {
    let name = short(package["name"].as_str().unwrap_or_default());
    let manifest = package["manifest_path"].as_str().unwrap_or(name);
    let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
        let what =
            format!("crate `{name}` is not in the list of xtask/src/tidy/arrows.rs; add its dependencies");
        return vec![Finding::new(manifest, 1, what)];
    };
    // Dependencies with a path are ours. A crate may depend on itself to enable a feature for its own tests.
    let ours = list(&package["dependencies"]).filter(|dependency| dependency["path"].is_string());
    ours.filter_map(|dependency| dependency["name"].as_str().map(short))
        .filter(|used| *used != name && *used != FIGURES && !allowed.contains(used))
        .map(|used| format!("`{name}` must not depend on `{used}`; see the dependencies in ARCHITECTURE.md"))
        .map(|what| Finding::new(manifest, 1, what))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The findings for a package that depends on another of ours and on a third-party crate.
    fn found(package: &str, used: &str) -> Vec<String> {
        let dependencies =
            [json!({ "name": used, "path": "crates/x" }), json!({ "name": "serde", "path": null })];
        let package = json!({ "name": package, "manifest_path": "Cargo.toml", "dependencies": dependencies });
        let findings = of_every_package(&json!({ "packages": [package] }));
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_forbidden_dependency_is_reported_under_either_name() {
        let expected = "`tensor` must not depend on `autograd`; see the dependencies in ARCHITECTURE.md";
        assert_eq!(found("tensor", "autograd"), [expected]);
        assert_eq!(found("agon-tensor", "agon-autograd"), [expected]);
        for package in ["kernels", "tests", "benches", "xtask"] {
            assert_eq!(found("experiments", package).len(), 1, "{package}");
        }
    }

    #[test]
    fn a_crate_that_is_not_listed_is_reported() {
        assert!(found("magic", "tensor")[0].starts_with("crate `magic` is not in the list"));
    }

    #[test]
    fn listed_dependencies_and_the_crate_itself_are_accepted() {
        for (package, used) in [("autograd", "tensor"), ("autograd", "reliability"), ("autograd", "autograd")]
        {
            assert!(found(package, used).is_empty(), "{package} on {used}");
        }
    }
}
