//! Rule: every crate inherits lints and dependency versions from the workspace, and forbids unsafe code.

use toml::{Table, Value};

use super::Finding;
use super::tree::Tree;

/// The crates that allow unsafe code.
const UNSAFE: [&str; 2] = ["crates/tensor", "kernels"];

const FORBIDS: &str = "#![forbid(unsafe_code)]";

const DEPENDENCIES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

pub(super) fn of_every_crate(tree: &Tree) -> Vec<Finding> {
    let members = tree.ending_with("Cargo.toml").filter(|(_, text)| text.contains("[package]"));
    members.flat_map(|(path, text)| [of_manifest(path, text), of_roots(tree, path)].concat()).collect()
}

fn of_manifest(path: &str, text: &str) -> Vec<Finding> {
    let found = |what: String| Finding::new(path, 1, what);
    let manifest: Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![found(format!("expected TOML: {error}"))],
    };
    let lints = manifest.get("lints").is_some_and(is_of_the_workspace);
    let lints = (!lints).then(|| found("no lints; write `[lints]` and below it `workspace = true`".into()));
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = [&manifest].into_iter().chain(targets.filter_map(Value::as_table));
    let dependencies =
        tables.flat_map(|table| DEPENDENCIES.iter().filter_map(|kind| table.get(*kind)?.as_table()));
    let own = dependencies.flatten().filter(|(_, used)| !is_of_the_workspace(used) && !is_itself(used));
    let own = own.map(|(name, _)| {
        let mend = format!("write `{name}.workspace = true`, and the version in the root manifest");
        found(format!("`{name}` has a version of its own; {mend}"))
    });
    lints.into_iter().chain(own).collect()
}

fn is_of_the_workspace(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

/// Whether a crate depends on itself, to enable a feature for its own tests.
fn is_itself(dependency: &Value) -> bool {
    dependency.get("path").and_then(Value::as_str) == Some(".")
}

/// The workspace only denies the lint, so that two crates can allow it.
fn of_roots(tree: &Tree, manifest: &str) -> Vec<Finding> {
    let folder = manifest.trim_end_matches("Cargo.toml");
    if UNSAFE.contains(&folder.trim_end_matches('/')) {
        return vec![];
    }
    let roots = ["src/lib.rs", "src/main.rs"].map(|root| format!("{folder}{root}"));
    let lacking =
        |root: &String| tree.get(root).is_some_and(|text| !text.lines().any(|line| line == FORBIDS));
    roots
        .iter()
        .filter(|root| lacking(root))
        .map(|root| Finding::new(root, 1, format!("write `{FORBIDS}`")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    fn found(files: [(&str, &str); 2]) -> Vec<(String, String)> {
        of_every_crate(&Tree::of(files)).into_iter().map(|finding| (finding.file, finding.what)).collect()
    }

    /// The findings for a member with this manifest.
    fn of_member(manifest: &str) -> Vec<String> {
        let manifest = format!("[package]\nname = \"data\"\n{manifest}");
        let found = found([("Cargo.toml", "[workspace]\n"), ("a/Cargo.toml", &manifest)]);
        assert!(found.iter().all(|(file, _)| file == "a/Cargo.toml"), "{found:?}");
        found.into_iter().map(|(_, what)| what).collect()
    }

    #[test]
    fn a_member_without_lints_is_reported_and_the_workspace_is_not() {
        assert!(of_member(LINTS).is_empty());
        for without in ["", "[lints]\nworkspace = false\n", "[lints.rust]\nunsafe_code = \"allow\"\n"] {
            assert!(of_member(without)[0].starts_with("no lints; "), "{without}");
        }
        assert!(of_member("[lints").iter().any(|what| what.starts_with("expected TOML: ")));
    }

    #[test]
    fn a_dependency_with_its_own_version_is_reported_in_any_section() {
        for kind in
            ["dependencies", "dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"]
        {
            for own in ["serde = \"1\"", "serde = { version = \"1\" }", "serde = { path = \"../serde\" }"] {
                let found = of_member(&format!("{LINTS}[{kind}]\ntoml.workspace = true\n{own}\n"));
                assert_eq!(found.len(), 1, "{kind}: {found:?}");
                assert!(found[0].starts_with("`serde` has a version of its own"), "{found:?}");
            }
        }
        for fine in ["serde = { workspace = true, optional = true }", "agon-data = { path = \".\" }"] {
            assert!(of_member(&format!("{LINTS}[dependencies]\n{fine}\n")).is_empty(), "{fine}");
        }
    }

    #[test]
    fn a_crate_that_does_not_forbid_unsafe_code_is_reported_except_two() {
        let manifest = format!("[package]\n{LINTS}");
        let of = |folder: &str, root: &str, text: &str| {
            let (toml, root) = (format!("{folder}/Cargo.toml"), format!("{folder}/{root}"));
            found([(&toml, &manifest), (&root, text)]).into_iter().map(|(file, _)| file).collect::<Vec<_>>()
        };
        for root in ["src/lib.rs", "src/main.rs"] {
            for without in
                ["//! It.\n", "//! It.\n#![allow(unsafe_code)]\n", "//! It.\n// #![forbid(unsafe_code)]\n"]
            {
                assert_eq!(of("crates/data", root, without), [format!("crates/data/{root}")]);
                assert!(UNSAFE.iter().all(|folder| of(folder, root, without).is_empty()));
            }
            assert!(of("crates/data", root, "//! It.\n#![forbid(unsafe_code)]\n").is_empty());
        }
    }
}
