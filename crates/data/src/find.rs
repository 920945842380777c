//! Finds and opens a data set by name.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    dataset::Dataset,
    embedded, folder,
    specs::{self, DatasetSpec},
};

/// The folders that are searched for data sets, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchFolders {
    /// Folders given by the user: each may contain the files themselves, or a folder with the name of the set.
    pub named: Vec<PathBuf>,
    /// Folders that contain one folder per set.
    pub roots: Vec<PathBuf>,
}

impl SearchFolders {
    /// The folders `dir` and `AGON_DATA`; then `agon` in the user's cache folder and the system's package folder.
    pub fn from_environment(dir: Option<&Path>) -> Self {
        Self {
            named: dir.map(Path::to_owned).into_iter().chain(variable("AGON_DATA")).collect(),
            roots: cache_folder().into_iter().chain([PathBuf::from("/usr/share/datasets")]).collect(),
        }
    }

    pub(crate) fn folders(&self, spec: &DatasetSpec) -> Vec<PathBuf> {
        let below = |dir: &PathBuf| spec.folders.iter().map(|name| dir.join(name)).collect::<Vec<_>>();
        let named = self.named.iter().flat_map(|dir| [below(dir), vec![dir.clone()]].concat());
        named.chain(self.roots.iter().flat_map(below)).collect()
    }
}

/// The user's folder of data sets, `agon` in the cache folder; `None` if the environment names no cache folder.
pub fn cache_folder() -> Option<PathBuf> {
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    cache.map(|cache| cache.join("agon"))
}

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Opens the data set `name`, one of [`names`](crate::names), from the first of these folders that contains it:
/// `dir/NAME` or `dir`, the same for the environment variable `AGON_DATA`, the user's cache folder, the system's
/// package folder. `NAME` may also be the folder name of the publisher's archive (`cifar-10-batches-bin`). The embedded
/// set needs no folder.
///
/// Images of sets that are stored class by class (`tiny-imagenet`, `imagenette`) are shuffled with a fixed seed, so
/// that a prefix contains all classes; [`Origin`](crate::Origin) records this.
///
/// Fails if the name is unknown, if no folder contains the set, or if its files are damaged, incomplete or those of
/// another set.
pub fn open(name: &str, dir: Option<&Path>) -> Result<Dataset> {
    open_in(name, &SearchFolders::from_environment(dir))
}

/// [`open`] with explicit search folders.
pub fn open_in(name: &str, folders: &SearchFolders) -> Result<Dataset> {
    let spec = specs::named(name)?;
    if !spec.is_on_disk() {
        return embedded::fashion_mnist();
    }
    let looked = folders.folders(spec);
    for folder in &looked {
        if let Some(dataset) = folder::read(spec, folder)? {
            return Ok(dataset);
        }
    }
    Err(Error::NotFound { name: spec.name, looked, hint: spec.hint.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::tests::{write_tiny, write_tiny_cifar};

    #[test]
    fn a_named_folder_may_hold_the_files_or_a_folder_of_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let folders = SearchFolders { named: vec![dir.path().to_owned()], roots: Vec::new() };
        write_tiny(dir.path());
        let source = || open_in("mnist", &folders).unwrap().provenance.origin.source;
        assert_eq!(source(), dir.path().display().to_string());
        write_tiny(&dir.path().join("mnist"));
        assert_eq!(source(), dir.path().join("mnist").display().to_string());
    }

    #[test]
    fn earlier_folders_take_precedence() {
        let dir = tempfile::tempdir().unwrap();
        let [first, second, cache_folder] =
            ["first", "second", "cache_folder"].map(|name| dir.path().join(name));
        let folders =
            SearchFolders { named: vec![first.clone(), second.clone()], roots: vec![cache_folder.clone()] };
        for folder in [cache_folder.join("mnist"), second, first] {
            write_tiny(&folder);
            let source = open_in("mnist", &folders).unwrap().provenance.origin.source;
            assert_eq!(source, folder.display().to_string());
        }
    }

    #[test]
    fn the_given_folder_comes_first_and_the_package_folder_last() {
        let folders = SearchFolders::from_environment(Some("given".as_ref()));
        assert_eq!(folders.named.first(), Some(&PathBuf::from("given")));
        assert_eq!(folders.roots.last(), Some(&PathBuf::from("/usr/share/datasets")));
    }

    #[test]
    fn a_missing_set_is_an_error_with_the_folders_searched_and_a_next_step() {
        let folders = SearchFolders { named: vec!["/absent/a".into()], roots: vec!["/absent/b".into()] };
        let message = open_in("fashion-mnist", &folders).unwrap_err().to_string();
        assert_eq!(
            message,
            "`fashion-mnist`: expected its files in one of `/absent/a/fashion-mnist`, `/absent/a`, \
             `/absent/b/fashion-mnist`, got none; run `agon data fetch fashion-mnist` or \
             `apt-get install dataset-fashion-mnist`, \
             or pass the folder of the four files with `--data DIR`"
        );
    }

    #[test]
    fn an_unknown_name_is_an_error_with_the_nearest_name() {
        let message = open_in("fashion_minst", &SearchFolders::default()).unwrap_err().to_string();
        assert_eq!(
            message,
            "no data set `fashion_minst`, did you mean `fashion-mnist`?; the data sets are `mnist`, \
             `fashion-mnist`, `cifar10`, `cifar100`, `arabic-characters`, `arabic-characters-binary`, \
             `arabic-digits`, `arabic-digits-binary`, `svhn`, `tiny-imagenet`, `imagenette`, \
             `fashion-mnist-embedded`"
        );
    }

    #[test]
    fn a_folder_may_have_the_publishers_name() {
        let dir = tempfile::tempdir().unwrap();
        let folders = SearchFolders { named: vec![dir.path().to_owned()], roots: Vec::new() };
        let source = || open_in("cifar10", &folders).unwrap().provenance.origin.source;
        for folder in ["cifar-10-batches-bin", "cifar10"].map(|name| dir.path().join(name)) {
            write_tiny_cifar(&folder);
            assert_eq!(source(), folder.display().to_string());
        }
    }

    #[test]
    fn the_embedded_set_needs_no_folder() {
        assert_eq!(open_in("fashion-mnist-embedded", &SearchFolders::default()).unwrap().train.len(), 6_000);
    }
}
