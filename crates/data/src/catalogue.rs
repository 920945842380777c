//! The list of known data sets, with their sizes, licences and locations.

use std::path::PathBuf;

use crate::{
    find::SearchFolders,
    folder,
    specs::{ALL, DatasetSpec, Size},
};

/// A known data set and its location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name that [`crate::open`] takes.
    pub name: &'static str,
    /// The size of the whole set.
    pub size: Size,
    /// The licence of the data.
    pub licence: &'static str,
    /// The content checksum of the whole set, see [`crate::Dataset::new`]; `None` if unknown.
    pub content_sha256: Option<&'static str>,
    /// How to obtain the files.
    pub hint: &'static str,
    /// The location of its files.
    pub location: Location,
}

/// The location of a data set, determined from file names only, not from contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Embedded in the program.
    Embedded,
    /// A folder that contains all its files.
    Folder(PathBuf),
    /// The first folder that contains any of its files, but not all of them.
    Incomplete {
        /// The folder.
        folder: PathBuf,
        /// The missing files and folders, without `.gz`.
        missing: Vec<String>,
    },
    /// No folder contains any of its files.
    Missing,
}

/// Searches these folders for every known data set, in the order of [`crate::names`].
pub fn catalogue(folders: &SearchFolders) -> Vec<Listed> {
    let listed = |spec: &&'static DatasetSpec| Listed {
        name: spec.name,
        size: spec.size,
        licence: spec.licence,
        content_sha256: spec.content_sha256,
        hint: spec.hint,
        location: location(spec, folders),
    };
    ALL.iter().map(listed).collect()
}

/// The names of the sets for whose image shape `[c, h, w]` and number of classes `fits` returns true.
pub fn named_by_size(fits: impl Fn([usize; 3], usize) -> bool) -> Vec<&'static str> {
    ALL.iter().filter(|spec| fits(spec.size.shape, spec.size.classes)).map(|spec| spec.name).collect()
}

/// The image shape `[c, h, w]` and the number of classes of the set of this name.
pub fn size_of(name: &str) -> Option<([usize; 3], usize)> {
    ALL.iter().find(|spec| spec.name == name).map(|spec| (spec.size.shape, spec.size.classes))
}

fn location(spec: &DatasetSpec, folders: &SearchFolders) -> Location {
    if !spec.is_on_disk() {
        return Location::Embedded;
    }
    for folder in folders.folders(spec) {
        match folder::missing(spec, &folder) {
            None => {}
            Some(missing) if missing.is_empty() => return Location::Folder(folder),
            Some(missing) => return Location::Incomplete { folder, missing },
        }
    }
    Location::Missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded;
    use crate::folder::tests::write_tiny;
    use crate::specs::{EMBEDDED, names};

    fn in_folder(folder: &std::path::Path, name: &str) -> Location {
        let folders = SearchFolders { named: vec![folder.to_owned()], roots: Vec::new() };
        catalogue(&folders).into_iter().find(|set| set.name == name).unwrap().location
    }

    #[test]
    fn every_name_is_listed_once_and_the_embedded_set_is_always_found() {
        let all = catalogue(&SearchFolders::default());
        assert_eq!(all.iter().map(|set| set.name).collect::<Vec<_>>(), names());
        let there = |set: &&Listed| set.location != Location::Missing;
        assert_eq!(all.iter().filter(there).map(|set| set.name).collect::<Vec<_>>(), [embedded::NAME]);
    }

    #[test]
    fn a_complete_folder_is_found_and_one_that_lacks_files_is_incomplete() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("mnist");
        assert_eq!(in_folder(dir.path(), "mnist"), Location::Missing);
        write_tiny(&folder);
        assert_eq!(in_folder(dir.path(), "mnist"), Location::Folder(folder.clone()));
        std::fs::remove_file(folder.join("t10k-images-idx3-ubyte")).unwrap();
        let missing = vec!["t10k-images-idx3-ubyte".to_owned()];
        assert_eq!(in_folder(dir.path(), "mnist"), Location::Incomplete { folder, missing });
    }

    #[test]
    fn the_embedded_set_has_the_listed_size() {
        let set = embedded::fashion_mnist().unwrap();
        let (train, test) = (set.train.len(), set.test.len());
        let found = Size { train, test, shape: set.train.image_shape(), classes: set.classes.len() };
        assert_eq!(EMBEDDED.size, found);
    }
}
