//! Rule: every third-party crate is from the public registry and locked by a checksum; cargo-deny checks the licences.

use toml::{Table, Value};

use super::Finding;
use super::arrows::is_ours;
use super::tree::Tree;

const LOCK: &str = "Cargo.lock";

/// The source of the public registry in the lock file, also with a mirror.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn of_foreign_crates(tree: &Tree) -> Vec<Finding> {
    // The test trees of other rules have no lock file.
    let Some(text) = tree.get(LOCK) else { return vec![] };
    let packages = match text.parse::<Table>() {
        Ok(mut lock) => lock.remove("package"),
        Err(error) => return vec![Finding::new(LOCK, 1, format!("expected valid TOML: {error}"))],
    };
    let packages = packages.as_ref().and_then(Value::as_array).into_iter().flatten();
    packages.filter_map(|package| Some(Finding::new(LOCK, 1, of_one(package)?))).collect()
}

/// The violation of a package, if any.
fn of_one(package: &Value) -> Option<String> {
    let field = |name: &str| package.get(name).and_then(Value::as_str);
    let name = field("name").unwrap_or("a package without a name");
    match (field("source"), field("checksum")) {
        (None, _) if is_ours(name) => None,
        (Some(REGISTRY), Some(_)) => None,
        (Some(REGISTRY), None) => Some(format!("`{name}` has no checksum; recreate the file with cargo")),
        (source, _) => {
            let source = source.unwrap_or("a folder");
            Some(format!("`{name}` is from {source}; take it from the public registry"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(package: &str) -> Vec<String> {
        let lock = format!("version = 4\n\n[[package]]\n{package}\n");
        of_foreign_crates(&Tree::of([(LOCK, &*lock)])).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn registry_crates_with_a_checksum_and_own_crates_are_accepted() {
        assert!(found(&format!("name = \"serde\"\nsource = \"{REGISTRY}\"\nchecksum = \"00\"")).is_empty());
        assert!(found("name = \"agon-data\"\nversion = \"0.1.0\"").is_empty());
    }

    #[test]
    fn other_sources_and_missing_checksums_are_reported() {
        let elsewhere = ["git+https://example.org/serde#00", "registry+https://example.org/crates.io-index"];
        for source in elsewhere {
            let found = found(&format!("name = \"serde\"\nsource = \"{source}\"\nchecksum = \"00\""));
            assert_eq!(found, [format!("`serde` is from {source}; take it from the public registry")]);
        }
        assert!(found(&format!("name = \"serde\"\nsource = \"{REGISTRY}\""))[0].contains("has no checksum"));
        assert!(found("name = \"serde\"")[0].contains("is from a folder"));
        assert_eq!(found("name = ").len(), 1);
    }
}
