//! Data sets that consist of a few files: their names and formats.

use std::path::PathBuf;

use ndarray::Array4;

use crate::{
    Result, Split,
    formats::cifar::{self, Version},
    formats::idx::{self, Idx},
    svhn,
};

/// The file format of a data set.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Format {
    /// Two IDX files per split, see [`idx`], with test files named `t10k`.
    Idx,
    /// Two IDX files per split, with test files named `test`.
    IdxTest,
    /// The binary version of CIFAR-10, see [`cifar`].
    Cifar10,
    /// The binary version of CIFAR-100, with its fine labels.
    Cifar100,
    /// One MATLAB file per split, see `svhn`.
    Svhn,
}

/// The transform from stored to returned pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PixelTransform {
    /// No change.
    AsStored,
    /// Inverts pixels: dark ink on white becomes light ink on black.
    Inverted,
    /// White if the stored pixel is not black, otherwise black.
    Binary,
    /// White if the stored pixel is not white, otherwise black.
    InvertedBinary,
}

impl PixelTransform {
    /// Transforms one pixel.
    pub(crate) fn of(self, stored: u8) -> u8 {
        match self {
            Self::AsStored => stored,
            Self::Inverted => 255 - stored,
            Self::Binary => 255 * u8::from(stored > 0),
            Self::InvertedBinary => 255 * u8::from(stored < 255),
        }
    }
}

/// The file names of each split; each may have the suffix `.gz`.
pub(crate) struct Files {
    pub(crate) train: &'static [&'static str],
    pub(crate) test: &'static [&'static str],
}

impl Format {
    /// The file names of this format.
    pub(crate) fn files(self) -> Files {
        match self {
            // The order is images, then labels.
            Self::Idx => Files {
                train: &["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
                test: &["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
            },
            Self::IdxTest => Files {
                train: &["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
                test: &["test-images-idx3-ubyte", "test-labels-idx1-ubyte"],
            },
            Self::Cifar100 => Files { train: &["train.bin"], test: &["test.bin"] },
            Self::Svhn => Files { train: &["train_32x32.mat"], test: &["test_32x32.mat"] },
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

    /// Reads one split from its files, with the SHA-256 of each.
    pub(crate) fn read(
        self,
        transform: PixelTransform,
        paths: &[PathBuf],
        n_classes: usize,
    ) -> Result<(Split, Vec<String>)> {
        match self {
            Self::Idx | Self::IdxTest => {
                let [images, labels] = paths else { unreachable!("an idx split has two files") };
                let (mut images, labels) = (idx::read(images)?, idx::read(labels)?);
                images.values.iter_mut().for_each(|pixel| *pixel = transform.of(*pixel));
                let hashes = vec![images.sha256.clone(), labels.sha256.clone()];
                Ok((split(images, labels, n_classes)?, hashes))
            }
            Self::Svhn => {
                let [path] = paths else { unreachable!("a split of SVHN is one file") };
                let (split, sha256) = svhn::read(path)?;
                Ok((split, vec![sha256]))
            }
            Self::Cifar10 | Self::Cifar100 => {
                let version = if let Self::Cifar10 = self { Version::Cifar10 } else { Version::Cifar100 };
                let records = cifar::read(version, paths)?;
                let [c, h, w] = cifar::IMAGE_SHAPE;
                let images = Array4::from_shape_vec((records.labels.len(), c, h, w), records.pixels)
                    .expect("the reader returns the pixels of one image for each label");
                Ok((Split::new(images, records.labels, n_classes)?, records.sha256))
            }
        }
    }
}

/// The split of the one-channel images and labels of two IDX files.
pub(crate) fn split(images: Idx<3>, labels: Idx<1>, n_classes: usize) -> Result<Split> {
    let [n, h, w] = images.dims;
    let images = Array4::from_shape_vec((n, 1, h, w), images.values)
        .expect("the reader returns as many values as the dimensions have elements");
    Split::new(images, labels.values, n_classes)
}
