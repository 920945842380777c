//! The manifests of the members, and the rule that versions stand in the workspace's manifest alone.

use toml::{Table, Value};

use super::Finding;
use super::tree::Tree;

/// A member's `Cargo.toml`.
pub(super) struct Manifest {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) dependencies: Vec<Dependency>,
}

/// One line of any of its tables of dependencies.
pub(super) struct Dependency {
    /// The name by which the code knows it.
    pub(super) key: String,
    /// The package's own name.
    pub(super) package: String,
    pub(super) line: usize,
    pub(super) value: Value,
}

/// Every manifest that describes a package. One that is no TOML is left to cargo, which refuses it.
pub(super) fn manifests(tree: &Tree) -> Vec<Manifest> {
    let shared = tree.get("Cargo.toml").and_then(|text| text.parse::<Table>().ok()).unwrap_or_default();
    let shared = shared.get("workspace").and_then(|workspace| workspace.get("dependencies")).cloned();
    tree.ending_with("Cargo.toml").filter_map(|(path, text)| manifest(path, text, shared.as_ref())).collect()
}

fn manifest(path: &str, text: &str, shared: Option<&Value>) -> Option<Manifest> {
    let table: Table = text.parse().ok()?;
    let name = table.get("package")?.get("name")?.as_str()?.to_owned();
    let mut dependencies = Vec::new();
    collect(&table, text, shared, &mut dependencies);
    for (_, of_target) in table.get("target").and_then(Value::as_table).into_iter().flatten() {
        collect(of_target.as_table()?, text, shared, &mut dependencies);
    }
    Some(Manifest { path: path.to_owned(), name, dependencies })
}

fn collect(table: &Table, text: &str, shared: Option<&Value>, into: &mut Vec<Dependency>) {
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (key, value) in table.get(kind).and_then(Value::as_table).into_iter().flatten() {
            let renamed = |value: &Value| value.get("package")?.as_str().map(str::to_owned);
            let package =
                renamed(value).or_else(|| renamed(shared?.get(key)?)).unwrap_or_else(|| key.clone());
            into.push(Dependency {
                key: key.clone(),
                package,
                line: line_of(text, kind, key),
                value: value.clone(),
            });
        }
    }
}

/// The line, from 1, on which table `kind` names `key`; 1 if it is written in a way not foreseen here.
fn line_of(text: &str, kind: &str, key: &str) -> usize {
    let mut in_kind = false;
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            // `-dependencies` must not pass for `dependencies`.
            let ends_with =
                |tail: &str| header.strip_suffix(tail).is_some_and(|h| h.is_empty() || h.ends_with('.'));
            if ends_with(&format!("{kind}.{key}")) {
                return index + 1;
            }
            in_kind = ends_with(kind);
        } else if in_kind && line.split(['=', '.', ' ']).next() == Some(key) {
            return index + 1;
        }
    }
    1
}

pub(super) fn take_versions_from_the_workspace(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for Manifest { path, dependencies, .. } in manifests(tree) {
        for Dependency { key, value, line, .. } in dependencies {
            let from_workspace = value.get("workspace").and_then(Value::as_bool) == Some(true);
            let has = |name| value.get(name).is_some();
            let is_mere_path = has("path") && !has("version") && !has("git");
            if !from_workspace && !is_mere_path {
                let what = format!(
                    "`{key}` brings its own version; move it to [workspace.dependencies] and write \
                     `{key}.workspace = true`"
                );
                findings.push(Finding::new(&path, line, what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(dependencies: &str) -> Vec<Finding> {
        let text = format!("[package]\nname = \"data\"\n{dependencies}");
        take_versions_from_the_workspace(&Tree::of([("crates/data/Cargo.toml", &text)]))
    }

    #[test]
    fn a_version_in_a_member_is_found_however_it_is_written() {
        for dependencies in [
            "[dependencies]\nsha2 = \"0.10\"\n",
            "[build-dependencies]\nsha2 = { version = \"0.10\" }\n",
            "[dev-dependencies]\nsha2 = { path = \"x\", version = \"0.10\" }\n",
            "[dependencies.sha2]\nversion = \"0.10\"\n",
            "[dependencies]\nsha2.git = \"somewhere\"\n",
        ] {
            let findings = found(dependencies);
            assert_eq!(findings.len(), 1, "{dependencies}");
            assert!(findings[0].what.starts_with("`sha2` brings its own version"), "{dependencies}");
            assert_eq!(
                findings[0].line,
                if dependencies.contains(".sha2") { 3 } else { 4 },
                "{dependencies}"
            );
        }
    }

    #[test]
    fn the_workspace_and_paths_are_fine() {
        let fine = "[dependencies]\nsha2.workspace = true\ntensor = { workspace = true, features = [\"x\"] }\n\
                    [dev-dependencies]\ndata = { path = \".\" }\n";
        assert!(found(fine).is_empty());
    }

    #[test]
    fn a_line_is_looked_for_in_its_own_table() {
        let text = "[dev-dependencies]\nsha2.workspace = true\n[dependencies]\nsha2 = \"1\"\n";
        assert_eq!(line_of(text, "dependencies", "sha2"), 4);
        assert_eq!(line_of(text, "dev-dependencies", "sha2"), 2);
    }
}
