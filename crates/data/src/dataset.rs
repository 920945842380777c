//! A data set: training and test splits, class names, and provenance.

use sha2::{Digest, Sha256};

use crate::{Error, Result, Split, checksum};

/// A training and a test split of images of one shape.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The name of the set.
    pub name: String,
    /// The training split.
    pub train: Split,
    /// The test split.
    pub test: Split,
    /// The name of each class; a label is an index into this list.
    pub classes: Vec<String>,
    /// The origin and checksum of the data.
    pub provenance: Provenance,
}

/// The provenance of a data set; equal provenance means equal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Where the data came from.
    pub origin: Origin,
    /// The SHA-256 of shapes, pixels and labels in hexadecimal, see [`Dataset::new`].
    pub content_sha256: String,
    /// The number of training images.
    pub n_train: usize,
    /// The number of test images.
    pub n_test: usize,
}

/// Where a data set came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The folder that was read, or how the data were embedded.
    pub source: String,
    /// The files that were read, with their checksums.
    pub files: Vec<StoredFile>,
    /// A description of which published images are included.
    pub selection: String,
    /// The licence of the data.
    pub licence: String,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// The path relative to the set's folder.
    pub name: String,
    /// The SHA-256 of the file as it is stored, in hexadecimal.
    pub sha256: String,
}

/// The content of a set's files, before provenance is added.
pub(crate) struct Content {
    pub(crate) classes: Vec<String>,
    pub(crate) train: Split,
    pub(crate) test: Split,
    pub(crate) files: Vec<StoredFile>,
    /// A description of which published images these are.
    pub(crate) selection: String,
}

impl Dataset {
    /// Builds a data set and computes its content checksum.
    ///
    /// The checksum is the SHA-256 over the training and then the test split, each as `n, c, h, w` in
    /// little-endian u64, then the pixels, then the labels. It does not depend on how files are packed.
    ///
    /// Fails if the splits differ in image shape, or if the number of class names differs from that of the splits.
    pub fn new(
        name: &str,
        classes: &[impl AsRef<str>],
        train: Split,
        test: Split,
        origin: Origin,
    ) -> Result<Self> {
        let classes = classes.iter().map(|class| class.as_ref().to_owned()).collect();
        Self::assemble(name.to_owned(), classes, train, test, origin)
    }

    /// The first `n_train` training and `n_test` test images, recorded in the provenance.
    ///
    /// Fails if there are fewer.
    pub fn first(&self, n_train: usize, n_test: usize) -> Result<Self> {
        let mut origin = self.provenance.origin.clone();
        origin.selection += &format!("; of these the first {n_train} training and {n_test} test images");
        let (train, test) = (self.train.first(n_train)?, self.test.first(n_test)?);
        Self::assemble(self.name.clone(), self.classes.clone(), train, test, origin)
    }

    /// The same images with labels re-indexed by class name into `classes`; classes without images are allowed.
    ///
    /// Fails with the names of the classes that are not among `classes`.
    pub fn labelled_by(self, classes: &[String]) -> Result<Self> {
        let place = |name: &String| classes.iter().position(|class| class == name);
        let unknown: Vec<String> = self
            .classes
            .iter()
            .filter(|name| place(name).is_none())
            .map(|name| format!("`{}`", name.escape_debug()))
            .collect();
        if !unknown.is_empty() {
            return Err(Error::Mismatch {
                what: "names of the classes",
                expected: format!(
                    "some of {}",
                    classes
                        .iter()
                        .map(|name| format!("`{}`", name.escape_debug()))
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
                got: format!("{} too", unknown.join(", ")),
            });
        }
        let places: Vec<u8> = self.classes.iter().filter_map(place).map(|at| at as u8).collect();
        let split = |of: Split| {
            let labels = of.labels().iter().map(|&label| places[usize::from(label)]).collect();
            of.labelled(labels, classes.len())
        };
        let (train, test) = (split(self.train)?, split(self.test)?);
        Self::assemble(self.name, classes.to_vec(), train, test, self.provenance.origin)
    }

    fn assemble(
        name: String,
        classes: Vec<String>,
        train: Split,
        test: Split,
        origin: Origin,
    ) -> Result<Self> {
        if train.image_shape() != test.image_shape() {
            return Err(Error::Mismatch {
                what: "shape of the test images",
                expected: format!("{:?} as in training", train.image_shape()),
                got: format!("{:?}", test.image_shape()),
            });
        }
        if [train.n_classes(), test.n_classes()] != [classes.len(); 2] {
            return Err(Error::Mismatch {
                what: "classes of the two splits",
                expected: format!("{}, one for each class name", classes.len()),
                got: format!("{} and {}", train.n_classes(), test.n_classes()),
            });
        }
        let provenance = Provenance {
            origin,
            content_sha256: content_sha256([&train, &test]),
            n_train: train.len(),
            n_test: test.len(),
        };
        Ok(Self { name, train, test, classes, provenance })
    }
}

fn content_sha256(splits: [&Split; 2]) -> String {
    let mut hasher = Sha256::new();
    for split in splits {
        for &size in split.images().shape() {
            hasher.update((size as u64).to_le_bytes());
        }
        hasher.update(split.pixels());
        hasher.update(split.labels());
    }
    checksum::hex(hasher)
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;

    /// A split with one pixel per image, equal to its row.
    fn split(labels: &[u8]) -> Split {
        let images = Array4::from_shape_fn((labels.len(), 1, 1, 1), |(row, ..)| row as u8);
        Split::new(images, labels.to_vec(), 3).unwrap()
    }

    fn dataset(train: Split, test: Split) -> Result<Dataset> {
        let origin = Origin {
            source: "a test".into(),
            files: Vec::new(),
            selection: "all images".into(),
            licence: "none".into(),
        };
        Dataset::new("tiny", &["a", "b", "c"], train, test, origin)
    }

    #[test]
    fn the_content_checksum_depends_on_pixels_labels_and_the_split_boundary() {
        let checksum =
            |train: &[u8], test: &[u8]| dataset(split(train), split(test)).unwrap().provenance.content_sha256;
        let one = checksum(&[0, 1], &[2]);
        assert_eq!(one, checksum(&[0, 1], &[2]));
        assert_ne!(one, checksum(&[0, 2], &[2]));
        assert_ne!(one, checksum(&[0], &[1, 2]));
    }

    #[test]
    fn the_provenance_of_a_subset_names_the_selection() {
        let whole = dataset(split(&[0, 1]), split(&[2, 1])).unwrap();
        let part = whole.first(2, 1).unwrap();
        assert_eq!((part.provenance.n_train, part.provenance.n_test), (2, 1));
        assert_ne!(part.provenance.content_sha256, whole.provenance.content_sha256);
        let selection = "all images; of these the first 2 training and 1 test images";
        assert_eq!(part.provenance.origin.selection, selection);
        assert!(whole.first(3, 1).is_err());
    }

    #[test]
    fn labels_follow_the_names_of_the_classes() {
        let set = dataset(split(&[0, 2, 1]), split(&[2])).unwrap();
        let named = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let other = set.clone().labelled_by(&named(&["z", "c", "b", "a"])).unwrap();
        assert_eq!((other.train.labels(), other.test.labels()), (&[3, 1, 2][..], &[1][..]));
        assert_eq!(
            (other.classes.len(), other.train.n_classes(), other.train.pixels()),
            (4, 4, set.train.pixels())
        );
        let message = set.labelled_by(&named(&["a", "B", "C"])).unwrap_err().to_string();
        assert_eq!(message, "names of the classes: expected some of `a`, `B`, `C`, got `b`, `c` too");
    }

    #[test]
    fn splits_of_different_shapes_or_classes_are_refused() {
        let wide = Split::new(Array4::zeros((1, 1, 1, 2)), vec![0], 3).unwrap();
        assert!(dataset(split(&[0]), wide).is_err());
        let binary = Split::new(Array4::zeros((1, 1, 1, 1)), vec![0], 2).unwrap();
        assert!(dataset(split(&[0]), binary).is_err());
    }
}
