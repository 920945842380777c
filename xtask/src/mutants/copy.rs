//! A copy of the crates with every bug planted; the sources are not modified.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use toml::{Table, Value};

use super::bugs::{Bug, SWITCH};
use crate::repo::Repo;

const MEMBERS: [&str; 5] =
    ["crates/reliability", "crates/system", "crates/tensor", "crates/autograd", "crates/models"];

/// Writes the copy and returns its folder. Unchanged files are not rewritten, so that later builds are incremental.
pub(super) fn with_planted(repo: &Repo, bugs: &[Bug]) -> anyhow::Result<PathBuf> {
    let mut files = BTreeMap::new();
    for member in MEMBERS {
        read(repo.root(), Path::new(member), &mut files)?;
    }
    for (number, bug) in bugs.iter().enumerate() {
        let source = files.get_mut(Path::new(&bug.file)).with_context(|| {
            format!("a bug is planted in {}, which is not in {}", bug.file, MEMBERS.join(", "))
        })?;
        *source = bug.plant(number, source);
    }
    for (path, source) in &mut files {
        if path.ends_with("src/lib.rs") {
            source.push_str(SWITCH);
        }
    }
    files.insert("Cargo.toml".into(), manifest(&fs::read_to_string(repo.join("Cargo.toml"))?)?);
    files.insert("Cargo.lock".into(), fs::read_to_string(repo.join("Cargo.lock"))?);
    let folder = repo.join("target/mutants");
    for (path, text) in files {
        let path = folder.join(path);
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        fs::create_dir_all(path.parent().expect("a file has a parent folder"))?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(folder)
}

/// Reads sources and manifests, without test fixtures.
fn read(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, String>) -> anyhow::Result<()> {
    let full = root.join(folder);
    for entry in fs::read_dir(&full).with_context(|| format!("cannot read {}", full.display()))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            read(root, &path, files)?;
        } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "toml") {
            let text = fs::read_to_string(root.join(&path));
            files.insert(path.clone(), text.with_context(|| format!("cannot read {}", path.display()))?);
        }
    }
    Ok(())
}

/// The workspace manifest for these members only, with little optimisation: building takes most of the time, and the
/// tests of one bug are short, except those of large calls.
fn manifest(text: &str) -> anyhow::Result<String> {
    let mut manifest: Table = text.parse()?;
    let workspace = manifest.get_mut("workspace").and_then(Value::as_table_mut);
    let workspace = workspace.context("Cargo.toml has no [workspace]")?;
    workspace.insert("members".into(), MEMBERS.map(Value::from).to_vec().into());
    // Cargo identifies packages by name, version and path in the workspace. With the version of the sources, the copy
    // would be confused with them in the shared target folder, and a later build would link planted bugs.
    let package = workspace.get_mut("package").and_then(Value::as_table_mut);
    let package = package.context("Cargo.toml has no [workspace.package]")?;
    let version =
        package.get("version").and_then(Value::as_str).context("no version in [workspace.package]")?;
    // Build metadata, because `1.2.3-planted` would not satisfy the requirement `1.2.3` of the members among each other.
    let version = format!("{version}+planted");
    package.insert("version".into(), version.into());
    let release = manifest.get_mut("profile").and_then(|profile| profile.get_mut("release"));
    let release = release.and_then(Value::as_table_mut).context("Cargo.toml has no [profile.release]")?;
    let mut packages = Table::new();
    for (name, level) in [("agon-autograd", 1), ("agon-models", 0)] {
        let level = ("opt-level".to_owned(), Value::from(level));
        let less = Table::from_iter([level, ("debug".to_owned(), false.into())]);
        packages.insert(name.into(), less.into());
    }
    release.insert("package".into(), packages.into());
    Ok(manifest.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_of_the_copy_contains_its_members_only() {
        let text = "[workspace]\nmembers = [\"crates/*\"]\n[workspace.package]\nversion = \"1.2.3\"\n\
                    [profile.release]\ndebug = 1\n";
        let manifest: Table = manifest(text).unwrap().parse().unwrap();
        assert_eq!(manifest["workspace"]["members"].as_array().unwrap().len(), MEMBERS.len());
        assert_eq!(manifest["workspace"]["package"]["version"].as_str(), Some("1.2.3+planted"));
        assert_eq!(manifest["profile"]["release"]["debug"].as_integer(), Some(1));
        assert_eq!(
            manifest["profile"]["release"]["package"]["agon-models"]["opt-level"].as_integer(),
            Some(0)
        );
    }
}
