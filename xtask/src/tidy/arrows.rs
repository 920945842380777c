//! Who may know whom: every manifest's dependencies on our own crates, against the arrows of ARCHITECTURE.md.

use super::Finding;
use super::manifests::{Manifest, manifests};
use super::tree::Tree;

/// What tests leave their figures with: every crate and xtask may know it, and it knows nobody.
const FIGURES: &str = "reliability";

/// Each crate with the ones it may depend on.
const ARROWS: [(&str, &[&str]); 16] = [
    (FIGURES, &[]),
    // Terminal output and files that a user names: whatever prints or reads such files may know it.
    ("system", &[]),
    ("tensor", &[]),
    ("autograd", &["tensor"]),
    ("models", &["autograd", "tensor", "system"]),
    ("data", &["tensor", "system"]),
    ("theory", &[]),
    ("report", &[]),
    ("runs", &["tensor", "models", "data", "theory", "system"]),
    ("experiments", &["tensor", "models", "data", "theory", "report", "runs", "system"]),
    ("cli", &["tensor", "models", "data", "theory", "report", "runs", "experiments", "system"]),
    // Its tests alone: what they launch is held against the references of these.
    ("kernels", &["tensor", "autograd", "models", "data"]),
    ("xtask", &["system"]),
    ("tests", &["tensor", "autograd", "models", "data", "theory", "report", "runs", "experiments"]),
    ("benches", &["tensor", "autograd", "models", "data", "theory", "report", "runs", "experiments"]),
    // Whatever reads foreign bytes.
    ("fuzz", &["tensor", "models", "data", "runs", "experiments"]),
];

pub(super) fn of_every_manifest(tree: &Tree) -> Vec<Finding> {
    let manifests = manifests(tree);
    let ours: Vec<&str> =
        ARROWS.iter().map(|(name, _)| *name).chain(manifests.iter().map(|m| &*m.name)).collect();
    manifests.iter().flat_map(|manifest| of_one(manifest, &ours)).collect()
}

fn of_one(manifest: &Manifest, ours: &[&str]) -> Vec<Finding> {
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == manifest.name) else {
        let what =
            format!("no arrows are known for crate `{}`; add it to xtask/src/tidy/arrows.rs", manifest.name);
        return vec![Finding::new(&manifest.path, 1, what)];
    };
    manifest
        .dependencies
        .iter()
        .filter(|dependency| ours.contains(&&*dependency.package))
        // A crate may name itself to switch on a feature for its own tests.
        .filter(|dependency| dependency.package != manifest.name)
        .filter(|dependency| !allowed.contains(&&*dependency.package) && dependency.package != FIGURES)
        .map(|dependency| {
            let (name, package) = (&manifest.name, &dependency.package);
            let what = format!("`{name}` must not depend on `{package}`; see the arrows in ARCHITECTURE.md");
            Finding::new(&manifest.path, dependency.line, what)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        of_every_manifest(&Tree::of([(path, text)])).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn an_arrow_against_the_order_is_found_in_every_kind_of_dependency() {
        for table in
            ["dependencies", "dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"]
        {
            let text = format!("[package]\nname = \"tensor\"\n[{table}]\nautograd.workspace = true\n");
            let expected = "crates/tensor/Cargo.toml:4: `tensor` must not depend on `autograd`; \
                            see the arrows in ARCHITECTURE.md";
            assert_eq!(found("crates/tensor/Cargo.toml", &text), [expected], "{table}");
        }
    }

    #[test]
    fn a_renamed_dependency_does_not_hide() {
        let text =
            "[package]\nname = \"data\"\n[dependencies]\nharmless = { package = \"models\", path = \"x\" }\n";
        assert_eq!(found("crates/data/Cargo.toml", text).len(), 1);
        let root =
            "[workspace.dependencies]\nharmless = { package = \"models\", path = \"crates/models\" }\n";
        let text = "[package]\nname = \"data\"\n[dependencies]\nharmless.workspace = true\n";
        let tree = Tree::of([("Cargo.toml", root), ("crates/data/Cargo.toml", text)]);
        assert_eq!(of_every_manifest(&tree).len(), 1);
    }

    #[test]
    fn nothing_depends_on_kernels_tests_benches_or_xtask() {
        for package in ["kernels", "tests", "benches", "xtask"] {
            let text = format!("[package]\nname = \"experiments\"\n[dependencies]\n{package}.path = \"x\"\n");
            assert_eq!(found("crates/experiments/Cargo.toml", &text).len(), 1, "{package}");
        }
    }

    #[test]
    fn a_crate_without_arrows_is_found() {
        let expected = "crates/magic/Cargo.toml:1: no arrows are known for crate `magic`; \
                        add it to xtask/src/tidy/arrows.rs";
        assert_eq!(found("crates/magic/Cargo.toml", "[package]\nname = \"magic\"\n"), [expected]);
    }

    #[test]
    fn the_arrows_themselves_strangers_and_a_crate_itself_are_fine() {
        let text = "[package]\nname = \"autograd\"\n[dependencies]\ntensor.workspace = true\nserde = \"1\"\n\
                    [dev-dependencies]\nautograd = { path = \".\", features = [\"cases\"] }\n";
        assert!(found("crates/autograd/Cargo.toml", text).is_empty());
    }
}
