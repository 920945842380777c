//! The text files of the repository in memory, so that rules can be tested on small trees.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;

/// Folders of built or downloaded files.
const SKIPPED: [&str; 6] = [".git", ".tools", "__pycache__", "exercises", "out", "target"];

/// Texts by path, relative to the root with forward slashes.
#[derive(Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads every file. Files that are not UTF-8 are data and count as empty.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut tree = Tree::default();
        tree.read_folder(root, "")?;
        Ok(tree)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> anyhow::Result<()> {
        let reading = || format!("cannot read {}", folder.display());
        for entry in fs::read_dir(folder).with_context(reading)? {
            let entry = entry.with_context(reading)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().with_context(reading)?;
            if kind.is_dir() && !SKIPPED.contains(&&*name) {
                self.read_folder(&entry.path(), &format!("{prefix}{name}/"))?;
            } else if kind.is_file() {
                let bytes = fs::read(entry.path()).with_context(|| format!("cannot read {prefix}{name}"))?;
                self.files.insert(format!("{prefix}{name}"), String::from_utf8(bytes).unwrap_or_default());
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn of<const N: usize>(files: [(&str, &str); N]) -> Self {
        Tree { files: files.map(|(path, text)| (path.to_owned(), text.to_owned())).into() }
    }

    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    pub(crate) fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// `(path, text)` of every file, in the order of the paths.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The files whose names end with `ending`.
    pub(crate) fn ending_with(&self, ending: &str) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(move |(path, _)| path.ends_with(ending))
    }

    /// The names, without `.rs`, of the Rust files directly in `folder`, except `mod.rs`.
    pub(crate) fn modules_in(&self, folder: &str) -> Vec<&str> {
        self.files()
            .filter_map(|(path, _)| path.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(".rs"))
            .filter(|name| !name.contains('/') && *name != "mod")
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_files_are_skipped_and_binary_files_count_as_empty() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["src", "target"] {
            fs::create_dir(root.path().join(folder)).unwrap();
            fs::write(root.path().join(folder).join("lib.rs"), "//! Text.\n").unwrap();
        }
        fs::write(root.path().join("image.png"), [0x89, 0xff]).unwrap();
        let tree = Tree::read(root.path()).unwrap();
        assert_eq!(tree.files().collect::<Vec<_>>(), [("image.png", ""), ("src/lib.rs", "//! Text.\n")]);
    }

    #[test]
    fn modules_are_the_files_directly_in_a_folder() {
        let tree = Tree::of([
            ("a/ops/add.rs", ""),
            ("a/ops/mod.rs", ""),
            ("a/ops/conv/fast.rs", ""),
            ("a/ops.rs", ""),
        ]);
        assert_eq!(tree.modules_in("a/ops"), ["add"]);
    }
}
