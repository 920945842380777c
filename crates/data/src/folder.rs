//! A folder with the four IDX files of an MNIST-like set.

use std::path::{Path, PathBuf};

use ndarray::Array4;

use crate::{
    Dataset, Error, Origin, Result, Split, StoredFile,
    idx::{self, Idx},
    known::{KNOWN, KnownSet},
};

/// The usual names, images before labels and training before test; each may end in `.gz`.
pub(crate) const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// Reads a set from its folder, or gives nothing if none of its files is there.
///
/// A folder that holds only some of the files is an error, as is one that holds another known set.
pub(crate) fn read(known: &'static KnownSet, folder: &Path) -> Result<Option<Dataset>> {
    let found = FILES.map(|file| locate(folder, file));
    let [Some(train_images), Some(train_labels), Some(test_images), Some(test_labels)] = &found else {
        let missing: Vec<_> = FILES.into_iter().zip(&found).filter(|(_, at)| at.is_none()).collect();
        if missing.len() == FILES.len() {
            return Ok(None);
        }
        let missing = missing.into_iter().map(|(file, _)| file).collect();
        let hint = known.hint.to_owned();
        return Err(Error::Incomplete { name: known.name, folder: folder.to_owned(), missing, hint });
    };
    let (train_images, train_labels) = (idx::read(train_images)?, idx::read(train_labels)?);
    let (test_images, test_labels) = (idx::read(test_images)?, idx::read(test_labels)?);
    let hashes = [&train_images.sha256, &train_labels.sha256, &test_images.sha256, &test_labels.sha256];
    let origin = Origin {
        source: folder.display().to_string(),
        files: found.iter().flatten().zip(hashes).map(|(path, sha256)| stored(path, sha256)).collect(),
        selection: "all images of the files".to_owned(),
        licence: known.licence.to_owned(),
    };

    let in_split = |split| {
        let set = origin.source.clone();
        move |cause| Error::Split { set, split, cause: Box::new(cause) }
    };
    let n_classes = known.classes.len();
    let train = split(train_images, train_labels, n_classes).map_err(in_split("train"))?;
    let test = split(test_images, test_labels, n_classes).map_err(in_split("test"))?;
    let dataset = Dataset::new(known.name, &known.classes, train, test, origin)?;

    let content = &dataset.provenance.content_sha256;
    match KNOWN.iter().find(|other| other.name != known.name && other.content_sha256 == content) {
        Some(other) => {
            Err(Error::OtherSet { folder: folder.to_owned(), expected: known.name, got: other.name })
        }
        None => Ok(Some(dataset)),
    }
}

/// Images of one channel, with their labels.
pub(crate) fn split(images: Idx<3>, labels: Idx<1>, n_classes: usize) -> Result<Split> {
    let [n, h, w] = images.dims;
    let images = Array4::from_shape_vec((n, 1, h, w), images.values)
        .expect("the reader gives exactly as many values as the dimensions say");
    Split::new(images, labels.values, n_classes)
}

fn locate(folder: &Path, file: &str) -> Option<PathBuf> {
    [folder.join(file), folder.join(format!("{file}.gz"))].into_iter().find(|path| path.is_file())
}

fn stored(path: &Path, sha256: &str) -> StoredFile {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    StoredFile { name, sha256: sha256.to_owned() }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;
    use crate::known::MNIST;

    /// Two training images and one test image of 2×2 pixels.
    pub(crate) fn write_tiny(folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let contents = [
            idx::encode([2, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7]).unwrap(),
            idx::encode([2], &[9, 0]).unwrap(),
            idx::encode([1, 2, 2], &[8, 9, 10, 11]).unwrap(),
            idx::encode([1], &[5]).unwrap(),
        ];
        for (file, content) in FILES.iter().zip(contents) {
            fs::write(folder.join(file), content).unwrap();
        }
    }

    #[test]
    fn the_four_files_become_a_set() {
        let folder = tempfile::tempdir().unwrap();
        write_tiny(folder.path());
        let set = read(&MNIST, folder.path()).unwrap().unwrap();
        assert_eq!(set.train.image_shape(), [1, 2, 2]);
        assert_eq!((set.train.labels(), set.test.pixels()), (&[9, 0][..], &[8, 9, 10, 11][..]));
        let names: Vec<_> = set.provenance.origin.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, FILES);
    }

    #[test]
    fn the_content_checksum_does_not_depend_on_compression() {
        let folder = tempfile::tempdir().unwrap();
        write_tiny(folder.path());
        let plain = read(&MNIST, folder.path()).unwrap().unwrap().provenance;
        let [images, ..] = FILES;
        let file = fs::File::create(folder.path().join(format!("{images}.gz"))).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::best());
        std::io::copy(&mut fs::File::open(folder.path().join(images)).unwrap(), &mut gzip).unwrap();
        gzip.finish().unwrap();
        fs::remove_file(folder.path().join(images)).unwrap();

        let packed = read(&MNIST, folder.path()).unwrap().unwrap().provenance;
        assert_eq!(packed.content_sha256, plain.content_sha256);
        assert_eq!(packed.origin.files[0].name, "train-images-idx3-ubyte.gz");
        assert_ne!(packed.origin.files[0].sha256, plain.origin.files[0].sha256);
    }

    #[test]
    fn a_folder_without_any_of_the_files_holds_no_set() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(&MNIST, folder.path()).unwrap().is_none());
        assert!(read(&MNIST, &folder.path().join("absent")).unwrap().is_none());
    }

    #[test]
    fn a_part_of_the_files_is_an_error_that_names_the_others() {
        let folder = tempfile::tempdir().unwrap();
        write_tiny(folder.path());
        fs::remove_file(folder.path().join(FILES[2])).unwrap();
        let message = read(&MNIST, folder.path()).unwrap_err().to_string();
        assert!(message.contains("only a part of `mnist`: t10k-images-idx3-ubyte missing"), "{message}");
    }

    #[test]
    fn labels_that_do_not_fit_their_images_name_split_and_folder() {
        let folder = tempfile::tempdir().unwrap();
        write_tiny(folder.path());
        fs::write(folder.path().join(FILES[3]), idx::encode([2], &[1, 1]).unwrap()).unwrap();
        let message = read(&MNIST, folder.path()).unwrap_err().to_string();
        let start = format!("test split of `{}`: labels: expected 1", folder.path().display());
        assert!(message.starts_with(&start), "{message}");
    }
}
