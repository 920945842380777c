//! The published sets that can be asked for by name.

use crate::{embedded, imagenette};

/// What is known about a set before it is found.
#[derive(Debug)]
pub(crate) struct KnownSet {
    pub(crate) name: &'static str,
    /// What the folder of its files may be called.
    pub(crate) folders: &'static [&'static str],
    pub(crate) layout: Layout,
    pub(crate) ink: Ink,
    /// The name of each class; none if the files of the set say them.
    pub(crate) classes: &'static [&'static str],
    pub(crate) licence: &'static str,
    /// The content checksum of the whole published set, see [`crate::Dataset::new`]; none if only copies with another
    /// order of the images were at hand.
    pub(crate) content_sha256: Option<&'static str>,
    /// How one comes by the files.
    pub(crate) hint: &'static str,
}

/// How a set lies on disk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Layout {
    /// A few files.
    Files(Format),
    /// Folders of small images and texts that say what they show, see `tiny_imagenet`.
    TinyImageNet,
    /// Folders of photographs, see `imagenette`.
    Imagenette,
}

/// The format of a few files.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Format {
    /// Two IDX files for each split, see [`crate::idx`], the test files called `t10k`.
    Idx,
    /// The same with test files that are called `test`.
    IdxTest,
    /// The binary version of CIFAR-10, see [`crate::cifar`].
    Cifar10,
    /// The binary version of CIFAR-100, with its fine labels.
    Cifar100,
    /// A MATLAB file for each split, see `svhn`.
    Svhn,
}

/// What is made of the pixels as they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Nothing.
    AsStored,
    /// Light where it was dark: for ink that is dark on white.
    Inverted,
    /// White where there is any light.
    Binary,
    /// White where there is any ink that is dark on white.
    InvertedBinary,
}

impl Ink {
    /// The pixel that a stored pixel becomes.
    pub(crate) fn of(self, stored: u8) -> u8 {
        match self {
            Self::AsStored => stored,
            Self::Inverted => 255 - stored,
            Self::Binary => 255 * u8::from(stored > 0),
            Self::InvertedBinary => 255 * u8::from(stored < 255),
        }
    }
}

static DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

pub(crate) static MNIST: KnownSet = KnownSet {
    name: "mnist",
    folders: &["mnist"],
    layout: Layout::Files(Format::Idx),
    ink: Ink::AsStored,
    classes: &DIGITS,
    licence: "none stated by the publishers",
    content_sha256: Some("8d3be2d40c41b8c707f10f3ae6e5d0792026f86e310b6a74c844d8a8cd5755a0"),
    hint: "run `agon data fetch mnist`, or pass the folder of the four MNIST files with `--data DIR`",
};

pub(crate) static FASHION_MNIST: KnownSet = KnownSet {
    name: "fashion-mnist",
    folders: &["fashion-mnist"],
    layout: Layout::Files(Format::Idx),
    ink: Ink::AsStored,
    classes: &[
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
    hint: "run `agon data fetch fashion-mnist` or `apt-get install dataset-fashion-mnist`, \
           or pass the folder of the four files with `--data DIR`",
};

pub(crate) static CIFAR10: KnownSet = KnownSet {
    name: "cifar10",
    folders: &["cifar10", "cifar-10-batches-bin"],
    layout: Layout::Files(Format::Cifar10),
    ink: Ink::AsStored,
    classes: &["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
    licence: "none stated by the publishers",
    content_sha256: None,
    hint: "run `agon data fetch cifar10`, or pass the folder of the six files of the binary version with `--data DIR`",
};

pub(crate) static CIFAR100: KnownSet = KnownSet {
    name: "cifar100",
    folders: &["cifar100", "cifar-100-binary"],
    layout: Layout::Files(Format::Cifar100),
    ink: Ink::AsStored,
    classes: &[
        "apple",
        "aquarium_fish",
        "baby",
        "bear",
        "beaver",
        "bed",
        "bee",
        "beetle",
        "bicycle",
        "bottle",
        "bowl",
        "boy",
        "bridge",
        "bus",
        "butterfly",
        "camel",
        "can",
        "castle",
        "caterpillar",
        "cattle",
        "chair",
        "chimpanzee",
        "clock",
        "cloud",
        "cockroach",
        "couch",
        "crab",
        "crocodile",
        "cup",
        "dinosaur",
        "dolphin",
        "elephant",
        "flatfish",
        "forest",
        "fox",
        "girl",
        "hamster",
        "house",
        "kangaroo",
        "keyboard",
        "lamp",
        "lawn_mower",
        "leopard",
        "lion",
        "lizard",
        "lobster",
        "man",
        "maple_tree",
        "motorcycle",
        "mountain",
        "mouse",
        "mushroom",
        "oak_tree",
        "orange",
        "orchid",
        "otter",
        "palm_tree",
        "pear",
        "pickup_truck",
        "pine_tree",
        "plain",
        "plate",
        "poppy",
        "porcupine",
        "possum",
        "rabbit",
        "raccoon",
        "ray",
        "road",
        "rocket",
        "rose",
        "sea",
        "seal",
        "shark",
        "shrew",
        "skunk",
        "skyscraper",
        "snail",
        "snake",
        "spider",
        "squirrel",
        "streetcar",
        "sunflower",
        "sweet_pepper",
        "table",
        "tank",
        "telephone",
        "television",
        "tiger",
        "tractor",
        "train",
        "trout",
        "tulip",
        "turtle",
        "wardrobe",
        "whale",
        "willow_tree",
        "wolf",
        "woman",
        "worm",
    ],
    licence: "none stated by the publishers",
    content_sha256: None,
    hint: "run `agon data fetch cifar100`, or pass the folder of the two files of the binary version with `--data DIR`",
};

static LETTERS: [&str; 28] = [
    "alef", "beh", "teh", "theh", "jeem", "hah", "khah", "dal", "thal", "reh", "zain", "seen", "sheen",
    "sad", "dad", "tah", "zah", "ain", "ghain", "feh", "qaf", "kaf", "lam", "meem", "noon", "heh", "waw",
    "yeh",
];

/// AHCD, the Arabic handwritten characters; light ink on black.
pub(crate) static ARABIC_CHARACTERS: KnownSet = KnownSet {
    name: "arabic-characters",
    folders: &["arabic-characters"],
    layout: Layout::Files(Format::IdxTest),
    ink: Ink::AsStored,
    classes: &LETTERS,
    licence: "none stated by the publishers",
    content_sha256: Some("c932154329d7d6433487822ccabb5d7959cc0a7555e1536872109aa164503c02"),
    hint: "pass the folder of the four IDX files with `--data DIR`; labels run from 0 to 27, images stand upright",
};

/// The same as public loaders give it: any ink is white.
pub(crate) static ARABIC_CHARACTERS_BINARY: KnownSet = KnownSet {
    name: "arabic-characters-binary",
    ink: Ink::Binary,
    content_sha256: Some("ac372438a69cae2ee03d448fda440caf9cee223bd6c1870164789a3617aafb80"),
    ..ARABIC_CHARACTERS
};

/// MADBase, the Arabic handwritten digits, stored as dark ink on white and given as light ink on black.
pub(crate) static ARABIC_DIGITS: KnownSet = KnownSet {
    name: "arabic-digits",
    folders: &["arabic-digits"],
    layout: Layout::Files(Format::IdxTest),
    ink: Ink::Inverted,
    classes: &DIGITS,
    licence: "none stated by the publishers",
    content_sha256: Some("19dd46c6cb64fd3e55aca90a823f234413f0c0beeaae232cfb526bdd5243b3b2"),
    hint: "pass the folder of the four IDX files with `--data DIR`",
};

/// The same as public loaders give it: any ink is white.
pub(crate) static ARABIC_DIGITS_BINARY: KnownSet = KnownSet {
    name: "arabic-digits-binary",
    ink: Ink::InvertedBinary,
    content_sha256: Some("5af4f8c46394c0a19b6617f6e46c9e8820849e2fe8294f67281a336138a5a23b"),
    ..ARABIC_DIGITS
};

/// The cropped digits, without the additional training images.
pub(crate) static SVHN: KnownSet = KnownSet {
    name: "svhn",
    folders: &["svhn"],
    layout: Layout::Files(Format::Svhn),
    ink: Ink::AsStored,
    classes: &DIGITS,
    licence: "for non-commercial use only, say the publishers",
    content_sha256: None,
    hint: "pass the folder of `train_32x32.mat` and `test_32x32.mat` with `--data DIR`",
};

pub(crate) static TINY_IMAGENET: KnownSet = KnownSet {
    name: "tiny-imagenet",
    folders: &["tiny-imagenet", "tiny-imagenet-200"],
    layout: Layout::TinyImageNet,
    ink: Ink::AsStored,
    classes: &[],
    licence: "none stated by the publishers",
    content_sha256: None,
    hint: "pass the folder of the unpacked archive, `tiny-imagenet-200`, with `--data DIR`",
};

/// At 224x224, whichever of the published sizes is there.
pub(crate) static IMAGENETTE: KnownSet = KnownSet {
    name: "imagenette",
    folders: &["imagenette", "imagenette2", "imagenette2-320", "imagenette2-160"],
    layout: Layout::Imagenette,
    ink: Ink::AsStored,
    classes: &imagenette::CLASSES,
    licence: "none stated by the publishers",
    content_sha256: None,
    hint: "run `agon data fetch imagenette`, \
           or pass the folder of the unpacked archive, such as `imagenette2-320`, with `--data DIR`",
};

/// The sets that are read from folders.
pub(crate) static KNOWN: [&KnownSet; 11] = [
    &MNIST,
    &FASHION_MNIST,
    &CIFAR10,
    &CIFAR100,
    &ARABIC_CHARACTERS,
    &ARABIC_CHARACTERS_BINARY,
    &ARABIC_DIGITS,
    &ARABIC_DIGITS_BINARY,
    &SVHN,
    &TINY_IMAGENET,
    &IMAGENETTE,
];

/// All names that [`crate::open`] takes.
pub fn names() -> Vec<&'static str> {
    KNOWN.iter().map(|known| known.name).chain([embedded::NAME]).collect()
}

/// The classes of a known set, in the order of its labels; none for a set whose files say them, and for other names.
pub fn classes(name: &str) -> &'static [&'static str] {
    match KNOWN.iter().find(|known| known.name == name) {
        Some(known) => known.classes,
        None if name == embedded::NAME => FASHION_MNIST.classes,
        None => &[],
    }
}
