//! The folder of a known set: its files, and the set that they make.

use std::path::{Path, PathBuf};

use ndarray::Array4;

use crate::{
    Dataset, Error, Origin, Result, Split, StoredFile,
    cifar::{self, Version},
    idx::{self, Idx},
    known::{Ink, KNOWN, KnownSet, Layout},
};

/// The usual names of a set's files, split by split; each may end in `.gz`.
struct Files {
    train: &'static [&'static str],
    test: &'static [&'static str],
}

impl Layout {
    fn files(self) -> Files {
        match self {
            // Images before labels.
            Self::Idx => Files {
                train: &["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
                test: &["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
            },
            Self::IdxTest => Files {
                train: &["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
                test: &["test-images-idx3-ubyte", "test-labels-idx1-ubyte"],
            },
            Self::Cifar100 => Files { train: &["train.bin"], test: &["test.bin"] },
            Self::Cifar10 => Files {
                train: &[
                    "data_batch_1.bin",
                    "data_batch_2.bin",
                    "data_batch_3.bin",
                    "data_batch_4.bin",
                    "data_batch_5.bin",
                ],
                test: &["test_batch.bin"],
            },
        }
    }

    /// One split from its files, and the SHA-256 of each of them.
    fn read(self, ink: Ink, paths: &[PathBuf], n_classes: usize) -> Result<(Split, Vec<String>)> {
        match self {
            Self::Idx | Self::IdxTest => {
                let [images, labels] = paths else { unreachable!("an idx split has two files") };
                let (mut images, labels) = (idx::read(images)?, idx::read(labels)?);
                images.values.iter_mut().for_each(|pixel| *pixel = ink.of(*pixel));
                let hashes = vec![images.sha256.clone(), labels.sha256.clone()];
                Ok((split(images, labels, n_classes)?, hashes))
            }
            Self::Cifar10 | Self::Cifar100 => {
                let version = if let Self::Cifar10 = self { Version::Cifar10 } else { Version::Cifar100 };
                let records = cifar::read(version, paths)?;
                let [c, h, w] = cifar::IMAGE_SHAPE;
                let images = Array4::from_shape_vec((records.labels.len(), c, h, w), records.pixels)
                    .expect("the reader gives the pixels of one image for each label");
                Ok((Split::new(images, records.labels, n_classes)?, records.sha256))
            }
        }
    }
}

/// Reads a set from its folder, or gives nothing if none of its files is there.
///
/// A folder that holds only some of the files is an error, as is one that holds another known set.
pub(crate) fn read(known: &'static KnownSet, folder: &Path) -> Result<Option<Dataset>> {
    let files = known.layout.files();
    let names = [files.train, files.test].concat();
    let found: Vec<Option<PathBuf>> = names.iter().map(|file| locate(folder, file)).collect();
    let missing: Vec<_> =
        names.iter().zip(&found).filter(|(_, at)| at.is_none()).map(|(&file, _)| file).collect();
    if missing.len() == names.len() {
        return Ok(None);
    }
    if !missing.is_empty() {
        let hint = known.hint.to_owned();
        return Err(Error::Incomplete { name: known.name, folder: folder.to_owned(), missing, hint });
    }
    let paths: Vec<PathBuf> = found.into_iter().flatten().collect();
    let (train_paths, test_paths) = paths.split_at(files.train.len());
    let read = |split, paths| {
        known.layout.read(known.ink, paths, known.classes.len()).map_err(|cause| match cause {
            // Errors of a file name it; those of a split do not say whose it is.
            Error::Mismatch { .. } => {
                Error::Split { set: folder.display().to_string(), split, cause: Box::new(cause) }
            }
            _ => cause,
        })
    };
    let (train, train_hashes) = read("train", train_paths)?;
    let (test, test_hashes) = read("test", test_paths)?;
    let hashes = train_hashes.into_iter().chain(test_hashes);
    let origin = Origin {
        source: folder.display().to_string(),
        files: paths.iter().zip(hashes).map(|(path, sha256)| stored(path, sha256)).collect(),
        selection: "all images of the files".to_owned(),
        licence: known.licence.to_owned(),
    };
    let dataset = Dataset::new(known.name, known.classes, train, test, origin)?;

    let content = Some(&*dataset.provenance.content_sha256);
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

fn stored(path: &Path, sha256: String) -> StoredFile {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    StoredFile { name, sha256 }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;
    use crate::known::{
        ARABIC_CHARACTERS, ARABIC_CHARACTERS_BINARY, ARABIC_DIGITS, ARABIC_DIGITS_BINARY, CIFAR10, CIFAR100,
        MNIST,
    };

    fn names(layout: Layout) -> Vec<&'static str> {
        let files = layout.files();
        [files.train, files.test].concat()
    }

    /// Two training images and one test image of 2×2 pixels.
    pub(crate) fn write_tiny(folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let contents = [
            idx::encode([2, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7]).unwrap(),
            idx::encode([2], &[9, 0]).unwrap(),
            idx::encode([1, 2, 2], &[8, 9, 10, 11]).unwrap(),
            idx::encode([1], &[5]).unwrap(),
        ];
        for (file, content) in names(Layout::Idx).iter().zip(contents) {
            fs::write(folder.join(file), content).unwrap();
        }
    }

    /// The red, green and blue bytes of each image of the tiny CIFAR-10 are these, plus its label.
    const PLANES: [u8; 3] = [0, 100, 200];

    /// One image a file, its label the number of the file.
    pub(crate) fn write_tiny_cifar(folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for (label, file) in (1..).zip(names(Layout::Cifar10)) {
            let planes = PLANES.map(|plane| [plane + label; 32 * 32]);
            fs::write(folder.join(file), [&[label], planes.as_flattened()].concat()).unwrap();
        }
    }

    #[test]
    fn ink_that_is_dark_on_white_becomes_light_on_black() {
        let folder = tempfile::tempdir().unwrap();
        write_tiny(folder.path());
        for file in ["images-idx3-ubyte", "labels-idx1-ubyte"] {
            let [from, to] = ["t10k", "test"].map(|split| folder.path().join(format!("{split}-{file}")));
            fs::rename(from, to).unwrap();
        }
        let pixels = |known| read(known, folder.path()).unwrap().unwrap().train.pixels()[..4].to_vec();
        assert_eq!(pixels(&ARABIC_DIGITS), [255, 254, 253, 252]);
        assert_eq!(pixels(&ARABIC_DIGITS_BINARY), [255; 4]);
        assert_eq!(pixels(&ARABIC_CHARACTERS), [0, 1, 2, 3]);
        assert_eq!(pixels(&ARABIC_CHARACTERS_BINARY), [0, 255, 255, 255]);
    }

    #[test]
    fn a_set_of_a_hundred_classes_has_a_coarse_label_before_the_fine_one() {
        let folder = tempfile::tempdir().unwrap();
        for (file, fine) in [("train.bin", 99), ("test.bin", 3)] {
            fs::write(folder.path().join(file), [&[19, fine][..], &[7; 3_072]].concat()).unwrap();
        }
        let set = read(&CIFAR100, folder.path()).unwrap().unwrap();
        assert_eq!((set.train.labels(), set.test.labels(), set.classes.len()), (&[99][..], &[3][..], 100));
        fs::write(folder.path().join("test.bin"), [&[19, 100][..], &[7; 3_072]].concat()).unwrap();
        let message = read(&CIFAR100, folder.path()).unwrap_err().to_string();
        assert!(message.contains("label: expected below 100, got 100 in record 0"), "{message}");
    }

    #[test]
    fn the_four_files_become_a_set() {
        let folder = tempfile::tempdir().unwrap();
        write_tiny(folder.path());
        let set = read(&MNIST, folder.path()).unwrap().unwrap();
        assert_eq!(set.train.image_shape(), [1, 2, 2]);
        assert_eq!((set.train.labels(), set.test.pixels()), (&[9, 0][..], &[8, 9, 10, 11][..]));
        let files: Vec<_> = set.provenance.origin.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(files, names(Layout::Idx));
    }

    #[test]
    fn the_six_files_of_cifar10_become_a_set_of_three_channels() {
        let folder = tempfile::tempdir().unwrap();
        write_tiny_cifar(folder.path());
        let set = read(&CIFAR10, folder.path()).unwrap().unwrap();
        assert_eq!((set.train.labels(), set.test.labels()), (&[1, 2, 3, 4, 5][..], &[6][..]));
        assert_eq!(set.train.image_shape(), [3, 32, 32]);
        for (channel, plane) in PLANES.iter().enumerate() {
            assert_eq!(set.train.images()[[2, channel, 31, 0]], plane + 3);
        }
        let files: Vec<_> = set.provenance.origin.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(files, names(Layout::Cifar10));
        assert_eq!(set.classes[2..4], ["bird", "cat"]);
    }

    #[test]
    fn missing_files_of_cifar10_are_named() {
        let folder = tempfile::tempdir().unwrap();
        write_tiny_cifar(folder.path());
        for file in ["data_batch_4.bin", "test_batch.bin"] {
            fs::remove_file(folder.path().join(file)).unwrap();
        }
        let message = read(&CIFAR10, folder.path()).unwrap_err().to_string();
        let start = "only a part of `cifar10`: data_batch_4.bin, test_batch.bin missing; pass the folder";
        assert!(message.contains(start), "{message}");
    }

    #[test]
    fn the_content_checksum_does_not_depend_on_compression() {
        let folder = tempfile::tempdir().unwrap();
        write_tiny(folder.path());
        let plain = read(&MNIST, folder.path()).unwrap().unwrap().provenance;
        let images = names(Layout::Idx)[0];
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
        fs::remove_file(folder.path().join("t10k-images-idx3-ubyte")).unwrap();
        let message = read(&MNIST, folder.path()).unwrap_err().to_string();
        assert!(message.contains("only a part of `mnist`: t10k-images-idx3-ubyte missing"), "{message}");
    }

    #[test]
    fn labels_that_do_not_fit_their_images_name_split_and_folder() {
        let folder = tempfile::tempdir().unwrap();
        write_tiny(folder.path());
        fs::write(folder.path().join("t10k-labels-idx1-ubyte"), idx::encode([2], &[1, 1]).unwrap()).unwrap();
        let message = read(&MNIST, folder.path()).unwrap_err().to_string();
        let start = format!("test split of `{}`: labels: expected 1", folder.path().display());
        assert!(message.starts_with(&start), "{message}");
    }
}
