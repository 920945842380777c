//! Reads a known data set from its folder, and checks that no file is missing.

use std::path::{Path, PathBuf};

use crate::{
    Error, Result,
    dataset::{Content, Dataset, Origin, StoredFile},
    files::Format,
    imagenette,
    specs::{ALL, DatasetSpec, Layout},
    tiny_imagenet,
};

/// Reads a set from its folder; `None` if the folder contains none of its files.
///
/// A folder with only some of the files is an error, and so is one with another known set.
pub(crate) fn read(spec: &'static DatasetSpec, folder: &Path) -> Result<Option<Dataset>> {
    let parts = spec.layout.parts();
    let found: Vec<Option<PathBuf>> = parts.iter().map(|part| locate(folder, part)).collect();
    let missing: Vec<_> =
        parts.iter().zip(&found).filter(|(_, at)| at.is_none()).map(|(part, _)| part.clone()).collect();
    if missing.len() == parts.len() {
        return Ok(None);
    }
    if !missing.is_empty() {
        let hint = spec.hint.to_owned();
        return Err(Error::Incomplete { name: spec.name, folder: folder.to_owned(), missing, hint });
    }
    let content = match spec.layout {
        Layout::Files(format) => {
            let paths: Vec<PathBuf> = found.into_iter().flatten().collect();
            read_files(spec, format, folder, &paths)?
        }
        Layout::TinyImageNet => tiny_imagenet::read(folder)?,
        Layout::Imagenette => imagenette::read(folder)?,
        Layout::Embedded => return Ok(None),
    };
    let origin = Origin {
        source: folder.display().to_string(),
        files: content.files,
        selection: content.selection,
        licence: spec.licence.to_owned(),
    };
    let dataset = Dataset::new(spec.name, &content.classes, content.train, content.test, origin)?;

    let content = Some(&*dataset.provenance.content_sha256);
    let is_other = |other: &&&DatasetSpec| other.name != spec.name && other.content_sha256 == content;
    match ALL.iter().filter(|other| other.is_on_disk()).find(is_other) {
        Some(other) => {
            Err(Error::OtherSet { folder: folder.to_owned(), expected: spec.name, got: other.name })
        }
        None => Ok(Some(dataset)),
    }
}

/// The files and folders of a set that a folder lacks; `None` if it contains none of them.
pub(crate) fn missing(spec: &DatasetSpec, folder: &Path) -> Option<Vec<String>> {
    let mut parts = spec.layout.parts();
    let n_parts = parts.len();
    parts.retain(|part| locate(folder, part).is_none());
    (parts.len() < n_parts).then_some(parts)
}

/// Reads a set that consists of a few files, the training split first.
fn read_files(spec: &DatasetSpec, format: Format, folder: &Path, paths: &[PathBuf]) -> Result<Content> {
    let (train_paths, test_paths) = paths.split_at(format.files().train.len());
    let read = |split, paths| {
        format.read(spec.transform, paths, spec.classes.len()).map_err(|cause| match cause {
            // Errors of files already name the file; errors of splits need the name of the split.
            Error::Mismatch { .. } => {
                Error::Split { set: folder.display().to_string(), split, cause: Box::new(cause) }
            }
            _ => cause,
        })
    };
    let (train, train_hashes) = read("train", train_paths)?;
    let (test, test_hashes) = read("test", test_paths)?;
    let hashes = train_hashes.into_iter().chain(test_hashes);
    Ok(Content {
        classes: spec.classes.iter().map(|&class| class.to_owned()).collect(),
        train,
        test,
        files: paths.iter().zip(hashes).map(|(path, sha256)| stored(path, sha256)).collect(),
        selection: "all images of the files".to_owned(),
    })
}

fn locate(folder: &Path, file: &str) -> Option<PathBuf> {
    [folder.join(file), folder.join(format!("{file}.gz"))].into_iter().find(|path| path.exists())
}

fn stored(path: &Path, sha256: String) -> StoredFile {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    StoredFile { name, sha256 }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;
    use crate::{
        formats::idx,
        specs::{
            ARABIC_CHARACTERS, ARABIC_CHARACTERS_BINARY, ARABIC_DIGITS, ARABIC_DIGITS_BINARY, CIFAR10,
            CIFAR100, MNIST,
        },
    };

    fn names(format: Format) -> Vec<String> {
        Layout::Files(format).parts()
    }

    /// Writes a set with two training images and one test image of 2×2 pixels.
    pub(crate) fn write_tiny(folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let contents = [
            idx::encode([2, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7]).unwrap(),
            idx::encode([2], &[9, 0]).unwrap(),
            idx::encode([1, 2, 2], &[8, 9, 10, 11]).unwrap(),
            idx::encode([1], &[5]).unwrap(),
        ];
        for (file, content) in names(Format::Idx).iter().zip(contents) {
            fs::write(folder.join(file), content).unwrap();
        }
    }

    /// The red, green and blue bytes of each image of the small CIFAR-10 are these values plus its label.
    const PLANES: [u8; 3] = [0, 100, 200];

    /// Writes a small CIFAR-10 with one image per file, labelled with the number of the file.
    pub(crate) fn write_tiny_cifar(folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for (label, file) in (1..).zip(names(Format::Cifar10)) {
            let planes = PLANES.map(|plane| [plane + label; 32 * 32]);
            fs::write(folder.join(file), [&[label], planes.as_flattened()].concat()).unwrap();
        }
    }

    #[test]
    fn dark_ink_on_white_becomes_light_on_black() {
        let folder = tempfile::tempdir().unwrap();
        write_tiny(folder.path());
        for file in ["images-idx3-ubyte", "labels-idx1-ubyte"] {
            let [from, to] = ["t10k", "test"].map(|split| folder.path().join(format!("{split}-{file}")));
            fs::rename(from, to).unwrap();
        }
        let pixels = |spec| read(spec, folder.path()).unwrap().unwrap().train.pixels()[..4].to_vec();
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
        assert_eq!(files, names(Format::Idx));
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
        assert_eq!(files, names(Format::Cifar10));
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
        let start =
            "only a part of `cifar10`: data_batch_4.bin, test_batch.bin missing; run `agon data fetch";
        assert!(message.contains(start), "{message}");
    }

    #[test]
    fn the_content_checksum_does_not_depend_on_compression() {
        let folder = tempfile::tempdir().unwrap();
        write_tiny(folder.path());
        let plain = read(&MNIST, folder.path()).unwrap().unwrap().provenance;
        let images = &names(Format::Idx)[0];
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
