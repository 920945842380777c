//! The known sets as a list: what each of them is, and where its files lie.

use std::path::PathBuf;

use crate::{
    find::Places,
    folder,
    specs::{ALL, DatasetSpec, Size},
};

/// A set that can be asked for by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name that [`crate::open`] takes.
    pub name: &'static str,
    /// What the whole set holds.
    pub size: Size,
    /// The terms under which the publisher gives the data.
    pub licence: &'static str,
    /// The content checksum of the whole set, see [`crate::Dataset::new`]; `None` if it is not known.
    pub content_sha256: Option<&'static str>,
    /// How one comes by the files.
    pub hint: &'static str,
    /// Where it lies.
    pub place: Place,
}

/// Where a set lies. Only the names of files are looked at, not what is in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the program.
    Embedded,
    /// All its files are in this folder.
    Folder(PathBuf),
    /// The first folder that holds any of its files lacks some.
    Incomplete {
        /// The folder.
        folder: PathBuf,
        /// The files and folders that are not there, without `.gz`.
        missing: Vec<String>,
    },
    /// In none of the folders.
    Absent,
}

/// All sets that [`crate::open_in`] knows, in the order of [`crate::names`], looked for in these places.
pub fn catalogue(places: &Places) -> Vec<Listed> {
    let listed = |spec: &&'static DatasetSpec| Listed {
        name: spec.name,
        size: spec.size,
        licence: spec.licence,
        content_sha256: spec.content_sha256,
        hint: spec.hint,
        place: place(spec, places),
    };
    ALL.iter().map(listed).collect()
}

/// The names of the sets that fit by the shape `[c, h, w]` of their images and the number of their classes.
pub fn named_by_size(fits: impl Fn([usize; 3], usize) -> bool) -> Vec<&'static str> {
    ALL.iter().filter(|spec| fits(spec.size.shape, spec.size.classes)).map(|spec| spec.name).collect()
}

fn place(spec: &DatasetSpec, places: &Places) -> Place {
    if !spec.is_on_disk() {
        return Place::Embedded;
    }
    for folder in places.folders(spec) {
        match folder::missing(spec, &folder) {
            None => {}
            Some(missing) if missing.is_empty() => return Place::Folder(folder),
            Some(missing) => return Place::Incomplete { folder, missing },
        }
    }
    Place::Absent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded;
    use crate::folder::tests::write_tiny;
    use crate::specs::{EMBEDDED, names};

    fn in_folder(folder: &std::path::Path, name: &str) -> Place {
        let places = Places { named: vec![folder.to_owned()], shelves: Vec::new() };
        catalogue(&places).into_iter().find(|set| set.name == name).unwrap().place
    }

    #[test]
    fn every_name_is_listed_once_and_the_embedded_set_is_always_there() {
        let all = catalogue(&Places::default());
        assert_eq!(all.iter().map(|set| set.name).collect::<Vec<_>>(), names());
        let there = |set: &&Listed| set.place != Place::Absent;
        assert_eq!(all.iter().filter(there).map(|set| set.name).collect::<Vec<_>>(), [embedded::NAME]);
    }

    #[test]
    fn a_folder_is_found_by_its_files_and_one_that_lacks_some_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("mnist");
        assert_eq!(in_folder(dir.path(), "mnist"), Place::Absent);
        write_tiny(&folder);
        assert_eq!(in_folder(dir.path(), "mnist"), Place::Folder(folder.clone()));
        std::fs::remove_file(folder.join("t10k-images-idx3-ubyte")).unwrap();
        let missing = vec!["t10k-images-idx3-ubyte".to_owned()];
        assert_eq!(in_folder(dir.path(), "mnist"), Place::Incomplete { folder, missing });
    }

    #[test]
    fn the_embedded_set_is_as_large_as_the_list_says() {
        let set = embedded::fashion_mnist().unwrap();
        let (train, test) = (set.train.len(), set.test.len());
        let found = Size { train, test, shape: set.train.image_shape(), classes: set.classes.len() };
        assert_eq!(EMBEDDED.size, found);
    }
}
