//! The known sets as a list: what each of them is, and where its files lie.

use std::path::PathBuf;

use crate::{
    Places, embedded, folder,
    known::{FASHION_MNIST, KNOWN, KnownSet, names},
};

/// A set that can be asked for by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name that [`crate::open`] takes.
    pub name: &'static str,
    /// What the whole set holds; `None` if nobody wrote it down here.
    pub size: Option<Size>,
    /// The terms under which the publisher gives the data.
    pub licence: &'static str,
    /// The content checksum of the whole set, see [`crate::Dataset::new`]; `None` if it is not known.
    pub content_sha256: Option<&'static str>,
    /// How one comes by the files.
    pub hint: &'static str,
    /// Where it lies.
    pub place: Place,
}

/// What a published set holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Training images.
    pub train: usize,
    /// Test images.
    pub test: usize,
    /// Channels, rows and columns of an image.
    pub shape: [usize; 3],
    /// Classes.
    pub classes: usize,
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
    let listed = |name, known: &KnownSet, place| Listed {
        name,
        size: size(name),
        licence: known.licence,
        content_sha256: known.content_sha256,
        hint: known.hint,
        place,
    };
    let mut all: Vec<Listed> =
        KNOWN.iter().map(|known| listed(known.name, known, place(known, places))).collect();
    all.push(Listed {
        content_sha256: Some(embedded::CONTENT_SHA256),
        hint: "it is in the program",
        ..listed(embedded::NAME, &FASHION_MNIST, Place::Embedded)
    });
    all
}

/// The names of the sets that fit by the shape `[c, h, w]` of their images and the number of their classes.
pub fn named_by_size(fits: impl Fn([usize; 3], usize) -> bool) -> Vec<&'static str> {
    let fits = |name: &&str| size(name).is_some_and(|size| fits(size.shape, size.classes));
    names().into_iter().filter(fits).collect()
}

fn place(known: &KnownSet, places: &Places) -> Place {
    for folder in places.folders(known) {
        match folder::missing(known, &folder) {
            None => {}
            Some(missing) if missing.is_empty() => return Place::Folder(folder),
            Some(missing) => return Place::Incomplete { folder, missing },
        }
    }
    Place::Absent
}

/// What the publishers say of their sets.
fn size(name: &str) -> Option<Size> {
    let of = |train, test, shape, classes| Some(Size { train, test, shape, classes });
    match name {
        "mnist" | "fashion-mnist" => of(60_000, 10_000, [1, 28, 28], 10),
        "cifar10" => of(50_000, 10_000, [3, 32, 32], 10),
        "cifar100" => of(50_000, 10_000, [3, 32, 32], 100),
        "arabic-characters" | "arabic-characters-binary" => of(13_440, 3_360, [1, 32, 32], 28),
        "arabic-digits" | "arabic-digits-binary" => of(60_000, 10_000, [1, 28, 28], 10),
        "svhn" => of(73_257, 26_032, [3, 32, 32], 10),
        "tiny-imagenet" => of(100_000, 10_000, [3, 64, 64], 200),
        "imagenette" => of(9_469, 3_925, [3, 224, 224], 10),
        embedded::NAME => {
            of(10 * embedded::TRAIN_OF_EACH_CLASS, 10 * embedded::TEST_OF_EACH_CLASS, [1, 28, 28], 10)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::tests::write_tiny;

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
        assert_eq!(size(embedded::NAME), Some(found));
    }
}
