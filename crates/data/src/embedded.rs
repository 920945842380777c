//! A class-balanced subset of Fashion-MNIST that is embedded in the program, so that no download is needed.

use crate::{
    Error, Result,
    dataset::{Dataset, Origin, StoredFile},
    files,
    formats::idx,
    specs::{EMBEDDED, EMBEDDED_OF_EACH_CLASS},
};

/// The name of the embedded set.
pub const NAME: &str = EMBEDDED.name;

/// The number of training images of each class.
pub const TRAIN_OF_EACH_CLASS: usize = EMBEDDED_OF_EACH_CLASS[0];

/// The number of test images of each class.
pub const TEST_OF_EACH_CLASS: usize = EMBEDDED_OF_EACH_CLASS[1];

/// A file in the folder `embedded`, with its pinned SHA-256.
struct Pinned {
    name: &'static str,
    bytes: &'static [u8],
    sha256: &'static str,
}

impl Pinned {
    fn read<const R: usize>(&self) -> Result<idx::Idx<R>> {
        let content = idx::parse(self.name, self.bytes)?;
        if content.sha256 != self.sha256 {
            let (file, expected) = (self.name.to_owned(), self.sha256.to_owned());
            return Err(Error::Checksum { file, expected, got: content.sha256 });
        }
        Ok(content)
    }
}

const TRAIN_IMAGES: Pinned = Pinned {
    name: "train-images-idx3-ubyte.gz",
    bytes: include_bytes!("../embedded/train-images-idx3-ubyte.gz"),
    sha256: "787a2b0f60506e5267a519f4b4b806844f6472600e364e33e0877ca2648a6f50",
};
const TRAIN_LABELS: Pinned = Pinned {
    name: "train-labels-idx1-ubyte.gz",
    bytes: include_bytes!("../embedded/train-labels-idx1-ubyte.gz"),
    sha256: "60bb6125389ec2cd12be83fb92a403ce8be8d5753ad16eb69ab1f510b4435747",
};
const TEST_IMAGES: Pinned = Pinned {
    name: "t10k-images-idx3-ubyte.gz",
    bytes: include_bytes!("../embedded/t10k-images-idx3-ubyte.gz"),
    sha256: "0de5da881a7d457bc8f678ddea31e43e58071dd11dd4befcd5f2fef57b4ed9f3",
};
const TEST_LABELS: Pinned = Pinned {
    name: "t10k-labels-idx1-ubyte.gz",
    bytes: include_bytes!("../embedded/t10k-labels-idx1-ubyte.gz"),
    sha256: "540f63e62544edb8406d1292429a47e6cdb42e4fa2eaa233f072b34e1f6bc46c",
};

/// The first 600 training and the first 100 test images of each class of Fashion-MNIST, in file order.
///
/// Fails only if the embedded files do not match their pinned checksums.
pub fn fashion_mnist() -> Result<Dataset> {
    let n_classes = EMBEDDED.classes.len();
    let train = files::split(TRAIN_IMAGES.read()?, TRAIN_LABELS.read()?, n_classes)?;
    let test = files::split(TEST_IMAGES.read()?, TEST_LABELS.read()?, n_classes)?;
    let origin = Origin {
        source: "compiled in; made from the Debian package dataset-fashion-mnist".to_owned(),
        files: [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS]
            .map(|file| StoredFile { name: file.name.to_owned(), sha256: file.sha256.to_owned() })
            .to_vec(),
        selection: format!(
            "the first {TRAIN_OF_EACH_CLASS} training and the first {TEST_OF_EACH_CLASS} test images of \
             each class, in file order"
        ),
        licence: EMBEDDED.licence.to_owned(),
    };
    Dataset::new(NAME, EMBEDDED.classes, train, test, origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_set_is_complete_and_balanced() {
        let set = fashion_mnist().unwrap();
        assert_eq!(set.train.class_counts(), [TRAIN_OF_EACH_CLASS; 10]);
        assert_eq!(set.test.class_counts(), [TEST_OF_EACH_CLASS; 10]);
        assert_eq!(set.train.image_shape(), [1, 28, 28]);
        assert_eq!(Some(&*set.provenance.content_sha256), EMBEDDED.content_sha256);
    }

    #[test]
    fn a_changed_file_is_refused() {
        let changed = Pinned { sha256: "0", ..TRAIN_LABELS };
        let message = changed.read::<1>().unwrap_err().to_string();
        assert!(message.starts_with("`train-labels-idx1-ubyte.gz`: SHA-256: expected 0, got"), "{message}");
    }

    #[test]
    fn the_readme_quotes_the_pinned_checksums() {
        let readme = include_str!("../embedded/README.md");
        for file in [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS] {
            assert!(readme.contains(&format!("{}  {}", file.sha256, file.name)), "{}", file.name);
        }
    }
}
