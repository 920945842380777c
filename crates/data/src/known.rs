//! The published sets that can be asked for by name.

use crate::embedded;

/// What is known about a set before it is found.
#[derive(Debug)]
pub(crate) struct KnownSet {
    pub(crate) name: &'static str,
    /// What the folder of its files may be called.
    pub(crate) folders: &'static [&'static str],
    pub(crate) layout: Layout,
    pub(crate) classes: [&'static str; 10],
    pub(crate) licence: &'static str,
    /// The content checksum of the whole published set, see [`crate::Dataset::new`]; none if only copies with another
    /// order of the images were at hand.
    pub(crate) content_sha256: Option<&'static str>,
    /// How one comes by the files.
    pub(crate) hint: &'static str,
}

/// The format of a set's files.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Layout {
    /// Two IDX files for each split, see [`crate::idx`].
    Idx,
    /// The binary version of CIFAR-10, see [`crate::cifar`].
    Cifar,
}

pub(crate) static MNIST: KnownSet = KnownSet {
    name: "mnist",
    folders: &["mnist"],
    layout: Layout::Idx,
    classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    licence: "none stated by the publishers",
    content_sha256: Some("8d3be2d40c41b8c707f10f3ae6e5d0792026f86e310b6a74c844d8a8cd5755a0"),
    hint: "pass the folder of the four MNIST files with `--data DIR`",
};

pub(crate) static FASHION_MNIST: KnownSet = KnownSet {
    name: "fashion-mnist",
    folders: &["fashion-mnist"],
    layout: Layout::Idx,
    classes: [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
    licence: "MIT, copyright 2017 Zalando SE",
    content_sha256: Some("c9372598d842c3095a390f67b1a9356bf03dbe62852e760e322138b0486fe813"),
    hint: "run `apt-get install dataset-fashion-mnist`, \
           or pass the folder of the four files with `--data DIR`",
};

pub(crate) static CIFAR10: KnownSet = KnownSet {
    name: "cifar10",
    folders: &["cifar10", "cifar-10-batches-bin"],
    layout: Layout::Cifar,
    classes: ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
    licence: "none stated by the publishers",
    content_sha256: None,
    hint: "pass the folder of the six files of the binary version with `--data DIR`",
};

/// The sets that are read from folders.
pub(crate) static KNOWN: [&KnownSet; 3] = [&MNIST, &FASHION_MNIST, &CIFAR10];

/// All names that [`crate::open`] takes.
pub fn names() -> [&'static str; 4] {
    [MNIST.name, FASHION_MNIST.name, CIFAR10.name, embedded::NAME]
}
