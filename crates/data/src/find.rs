//! Finding a data set by name.

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

/// The folders that hold data sets, in the order they are looked into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Folders a person named: each may hold the files themselves, or a folder with the set's name.
    pub named: Vec<PathBuf>,
    /// Folders that hold a folder for each set.
    pub shelves: Vec<PathBuf>,
}

impl Places {
    /// `dir` and `AGON_DATA`; then `agon` in the user's cache folder and the system's package folder.
    pub fn from_environment(dir: Option<&Path>) -> Self {
        Self {
            named: dir.map(Path::to_owned).into_iter().chain(variable("AGON_DATA")).collect(),
            shelves: shelf().into_iter().chain([PathBuf::from("/usr/share/datasets")]).collect(),
        }
    }

    pub(crate) fn folders(&self, spec: &DatasetSpec) -> Vec<PathBuf> {
        let below = |dir: &PathBuf| spec.folders.iter().map(|name| dir.join(name)).collect::<Vec<_>>();
        let named = self.named.iter().flat_map(|dir| [below(dir), vec![dir.clone()]].concat());
        named.chain(self.shelves.iter().flat_map(below)).collect()
    }
}

/// The user's own folder of data sets, `agon` in the cache folder; `None` if the environment names no such folder.
pub fn shelf() -> Option<PathBuf> {
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    cache.map(|cache| cache.join("agon"))
}

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Opens the data set `name`, one of [`names`](crate::names), from the first of these that has it:
/// `dir/NAME` or `dir`, the same for the variable `AGON_DATA`, the user's cache, the system's package
/// folder. `NAME` may also be what the publisher's archive calls its folder (`cifar-10-batches-bin`). The embedded
/// set is in the binary and needs none of them.
///
/// Images of sets that lie on disk class by class (`tiny-imagenet`, `imagenette`) are given in a fixed random order,
/// so that the first few of them show all classes; [`Origin`](crate::Origin) says so.
///
/// Errs for an unknown name, if the set is nowhere, and if what is there is damaged, incomplete or another
/// set.
pub fn open(name: &str, dir: Option<&Path>) -> Result<Dataset> {
    open_in(name, &Places::from_environment(dir))
}

/// [`open`] with the places spelt out.
pub fn open_in(name: &str, places: &Places) -> Result<Dataset> {
    let spec = specs::named(name)?;
    if !spec.is_on_disk() {
        return embedded::fashion_mnist();
    }
    let looked = places.folders(spec);
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
        let places = Places { named: vec![dir.path().to_owned()], shelves: Vec::new() };
        write_tiny(dir.path());
        let source = || open_in("mnist", &places).unwrap().provenance.origin.source;
        assert_eq!(source(), dir.path().display().to_string());
        write_tiny(&dir.path().join("mnist"));
        assert_eq!(source(), dir.path().join("mnist").display().to_string());
    }

    #[test]
    fn earlier_places_win() {
        let dir = tempfile::tempdir().unwrap();
        let [first, second, shelf] = ["first", "second", "shelf"].map(|name| dir.path().join(name));
        let places = Places { named: vec![first.clone(), second.clone()], shelves: vec![shelf.clone()] };
        for folder in [shelf.join("mnist"), second, first] {
            write_tiny(&folder);
            let source = open_in("mnist", &places).unwrap().provenance.origin.source;
            assert_eq!(source, folder.display().to_string());
        }
    }

    #[test]
    fn the_given_folder_comes_first_and_the_package_folder_last() {
        let places = Places::from_environment(Some("given".as_ref()));
        assert_eq!(places.named.first(), Some(&PathBuf::from("given")));
        assert_eq!(places.shelves.last(), Some(&PathBuf::from("/usr/share/datasets")));
    }

    #[test]
    fn a_set_that_is_nowhere_says_where_it_was_looked_for_and_what_to_do() {
        let places = Places { named: vec!["/absent/a".into()], shelves: vec!["/absent/b".into()] };
        let message = open_in("fashion-mnist", &places).unwrap_err().to_string();
        assert_eq!(
            message,
            "`fashion-mnist` is in none of `/absent/a/fashion-mnist`, `/absent/a`, \
             `/absent/b/fashion-mnist`; run `agon data fetch fashion-mnist` or \
             `apt-get install dataset-fashion-mnist`, \
             or pass the folder of the four files with `--data DIR`"
        );
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let message = open_in("fashion_minst", &Places::default()).unwrap_err().to_string();
        assert_eq!(
            message,
            "no data set is called `fashion_minst`, did you mean `fashion-mnist`?; \
             known are `mnist`, `fashion-mnist`, `cifar10`, `cifar100`, `arabic-characters`, \
             `arabic-characters-binary`, `arabic-digits`, `arabic-digits-binary`, \
             `svhn`, `tiny-imagenet`, `imagenette`, `fashion-mnist-embedded`"
        );
    }

    #[test]
    fn a_folder_may_have_the_name_that_the_publishers_gave_it() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places { named: vec![dir.path().to_owned()], shelves: Vec::new() };
        let source = || open_in("cifar10", &places).unwrap().provenance.origin.source;
        for folder in ["cifar-10-batches-bin", "cifar10"].map(|name| dir.path().join(name)) {
            write_tiny_cifar(&folder);
            assert_eq!(source(), folder.display().to_string());
        }
    }

    #[test]
    fn the_embedded_set_needs_no_place() {
        assert_eq!(open_in("fashion-mnist-embedded", &Places::default()).unwrap().train.len(), 6_000);
    }
}
