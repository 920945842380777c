//! Where foreign packages come from: one registry, each with its checksum, none from a repository or a folder.

use toml::{Table, Value};

use super::Finding;
use super::tree::Tree;

const LOCK: &str = "Cargo.lock";

/// R21 of the reliability programme; `deny.toml` says the same to cargo-deny.
pub(super) fn of_every_package(tree: &Tree) -> Vec<Finding> {
    let Some(lock) = tree.get(LOCK).and_then(|text| text.parse::<Table>().ok()) else { return Vec::new() };
    let mut registry = None;
    let mut findings = Vec::new();
    for package in lock.get("package").and_then(Value::as_array).into_iter().flatten() {
        let field = |name| package.get(name).and_then(Value::as_str);
        // Packages without a source are the members.
        let (Some(name), Some(source)) = (field("name"), field("source")) else { continue };
        let registry = *registry.get_or_insert(source);
        let what = if !source.starts_with("registry+") {
            format!("`{name}` comes from `{source}`; take a released version from the registry")
        } else if source != registry {
            format!("`{name}` comes from another registry than the packages before; take it from the same")
        } else if field("checksum").is_none() {
            format!("`{name}` has no checksum; let cargo write the lock file")
        } else {
            continue;
        };
        findings.push(Finding::new(LOCK, 1, what));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(packages: &[[&str; 3]]) -> Vec<String> {
        let package = |[name, source, more]: &[&str; 3]| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"{source}\"\n{more}\n")
        };
        let member = "[[package]]\nname = \"tensor\"\nversion = \"0.1.0\"\n".to_owned();
        let lock = member + &packages.iter().map(package).collect::<String>();
        of_every_package(&Tree::of([(LOCK, &*lock)])).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn members_and_packages_of_one_registry_are_fine() {
        let good = |name| [name, "registry+a", "checksum = \"00\""];
        assert!(found(&[good("serde"), good("toml")]).is_empty());
    }

    #[test]
    fn a_repository_another_registry_and_a_missing_checksum_are_found() {
        let all = found(&[
            ["serde", "registry+a", "checksum = \"00\""],
            ["one", "git+b", ""],
            ["two", "registry+b", "checksum = \"00\""],
            ["three", "registry+a", ""],
        ]);
        assert_eq!(all.len(), 3);
        assert!(all[0].starts_with("`one` comes from `git+b`"), "{}", all[0]);
        assert!(all[1].starts_with("`two` comes from another registry"), "{}", all[1]);
        assert!(all[2].starts_with("`three` has no checksum"), "{}", all[2]);
    }
}
