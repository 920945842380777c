//! The table of published data sets: names, formats, classes, licences, sizes and checksums.

use system::nearest::nearest;

use crate::{
    Error, Result,
    files::{Format, PixelTransform},
    imagenette, tiny_imagenet,
};

/// The specification of a published data set.
#[derive(Debug)]
pub(crate) struct DatasetSpec {
    pub(crate) name: &'static str,
    /// The possible names of the folder of the set.
    pub(crate) folders: &'static [&'static str],
    pub(crate) layout: Layout,
    pub(crate) transform: PixelTransform,
    /// The names of the classes; empty if the files contain them.
    pub(crate) classes: &'static [&'static str],
    pub(crate) licence: &'static str,
    /// The size of the published set.
    pub(crate) size: Size,
    /// The content checksum of the published set, see [`crate::Dataset::new`]; `None` if only copies in which the
    /// images are in another order were available.
    pub(crate) content_sha256: Option<&'static str>,
    /// How to obtain the files.
    pub(crate) hint: &'static str,
}

/// The size of a published set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// The number of training images.
    pub train: usize,
    /// The number of test images.
    pub test: usize,
    /// Channels, height and width of an image.
    pub shape: [usize; 3],
    /// The number of classes.
    pub classes: usize,
}

/// The layout of a set on disk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Layout {
    /// A few files.
    Files(Format),
    /// Folders of small images with text files for labels, see `tiny_imagenet`.
    TinyImageNet,
    /// Folders of photographs, see `imagenette`.
    Imagenette,
    /// Embedded in the program.
    Embedded,
}

impl Layout {
    /// The files and folders of a set.
    pub(crate) fn parts(self) -> Vec<String> {
        let owned = |parts: &[&str]| parts.iter().map(|&part| part.to_owned()).collect();
        match self {
            Self::Files(format) => owned(&[format.files().train, format.files().test].concat()),
            Self::TinyImageNet => owned(&tiny_imagenet::PARTS),
            Self::Imagenette => imagenette::parts(),
            Self::Embedded => vec![],
        }
    }
}

impl DatasetSpec {
    /// Whether the set is read from a folder on disk.
    pub(crate) fn is_on_disk(&self) -> bool {
        !matches!(self.layout, Layout::Embedded)
    }
}

const fn size(train: usize, test: usize, shape: [usize; 3], classes: usize) -> Size {
    Size { train, test, shape, classes }
}

static DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

pub(crate) static MNIST: DatasetSpec = DatasetSpec {
    name: "mnist",
    folders: &["mnist"],
    layout: Layout::Files(Format::Idx),
    transform: PixelTransform::AsStored,
    classes: &DIGITS,
    licence: "none stated by the publishers",
    size: size(60_000, 10_000, [1, 28, 28], 10),
    content_sha256: Some("8d3be2d40c41b8c707f10f3ae6e5d0792026f86e310b6a74c844d8a8cd5755a0"),
    hint: "run `agon data fetch mnist`, or pass the folder of the four MNIST files with `--data DIR`",
};

pub(crate) static FASHION_MNIST: DatasetSpec = DatasetSpec {
    name: "fashion-mnist",
    folders: &["fashion-mnist"],
    layout: Layout::Files(Format::Idx),
    transform: PixelTransform::AsStored,
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
    size: size(60_000, 10_000, [1, 28, 28], 10),
    content_sha256: Some("c9372598d842c3095a390f67b1a9356bf03dbe62852e760e322138b0486fe813"),
    hint: "run `agon data fetch fashion-mnist` or `apt-get install dataset-fashion-mnist`, \
           or pass the folder of the four files with `--data DIR`",
};

pub(crate) static CIFAR10: DatasetSpec = DatasetSpec {
    name: "cifar10",
    folders: &["cifar10", "cifar-10-batches-bin"],
    layout: Layout::Files(Format::Cifar10),
    transform: PixelTransform::AsStored,
    classes: &["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
    licence: "none stated by the publishers",
    size: size(50_000, 10_000, [3, 32, 32], 10),
    content_sha256: None,
    hint: "run `agon data fetch cifar10`, or pass the folder of the six files of the binary version with `--data DIR`",
};

pub(crate) static CIFAR100: DatasetSpec = DatasetSpec {
    name: "cifar100",
    folders: &["cifar100", "cifar-100-binary"],
    layout: Layout::Files(Format::Cifar100),
    transform: PixelTransform::AsStored,
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
    size: size(50_000, 10_000, [3, 32, 32], 100),
    content_sha256: None,
    hint: "run `agon data fetch cifar100`, or pass the folder of the two files of the binary version with `--data DIR`",
};

static LETTERS: [&str; 28] = [
    "alef", "beh", "teh", "theh", "jeem", "hah", "khah", "dal", "thal", "reh", "zain", "seen", "sheen",
    "sad", "dad", "tah", "zah", "ain", "ghain", "feh", "qaf", "kaf", "lam", "meem", "noon", "heh", "waw",
    "yeh",
];

/// AHCD, the Arabic handwritten characters, with light ink on black.
pub(crate) static ARABIC_CHARACTERS: DatasetSpec = DatasetSpec {
    name: "arabic-characters",
    folders: &["arabic-characters"],
    layout: Layout::Files(Format::IdxTest),
    transform: PixelTransform::AsStored,
    classes: &LETTERS,
    licence: "none stated by the publishers",
    size: size(13_440, 3_360, [1, 32, 32], 28),
    content_sha256: Some("c932154329d7d6433487822ccabb5d7959cc0a7555e1536872109aa164503c02"),
    hint: "pass the folder of the four IDX files with `--data DIR`; labels run from 0 to 27, images stand upright",
};

/// AHCD binarised as in common loaders: any ink is white.
pub(crate) static ARABIC_CHARACTERS_BINARY: DatasetSpec = DatasetSpec {
    name: "arabic-characters-binary",
    transform: PixelTransform::Binary,
    content_sha256: Some("ac372438a69cae2ee03d448fda440caf9cee223bd6c1870164789a3617aafb80"),
    ..ARABIC_CHARACTERS
};

/// MADBase, the Arabic handwritten digits, stored as dark ink on white and returned as light ink on black.
pub(crate) static ARABIC_DIGITS: DatasetSpec = DatasetSpec {
    name: "arabic-digits",
    folders: &["arabic-digits"],
    layout: Layout::Files(Format::IdxTest),
    transform: PixelTransform::Inverted,
    classes: &DIGITS,
    licence: "none stated by the publishers",
    size: size(60_000, 10_000, [1, 28, 28], 10),
    content_sha256: Some("19dd46c6cb64fd3e55aca90a823f234413f0c0beeaae232cfb526bdd5243b3b2"),
    hint: "pass the folder of the four IDX files with `--data DIR`",
};

/// MADBase binarised as in common loaders: any ink is white.
pub(crate) static ARABIC_DIGITS_BINARY: DatasetSpec = DatasetSpec {
    name: "arabic-digits-binary",
    transform: PixelTransform::InvertedBinary,
    content_sha256: Some("5af4f8c46394c0a19b6617f6e46c9e8820849e2fe8294f67281a336138a5a23b"),
    ..ARABIC_DIGITS
};

/// The cropped digits of SVHN, without the additional training images.
pub(crate) static SVHN: DatasetSpec = DatasetSpec {
    name: "svhn",
    folders: &["svhn"],
    layout: Layout::Files(Format::Svhn),
    transform: PixelTransform::AsStored,
    classes: &DIGITS,
    licence: "non-commercial use only, according to the publishers",
    size: size(73_257, 26_032, [3, 32, 32], 10),
    content_sha256: None,
    hint: "pass the folder of `train_32x32.mat` and `test_32x32.mat` with `--data DIR`",
};

pub(crate) static TINY_IMAGENET: DatasetSpec = DatasetSpec {
    name: "tiny-imagenet",
    folders: &["tiny-imagenet", "tiny-imagenet-200"],
    layout: Layout::TinyImageNet,
    transform: PixelTransform::AsStored,
    classes: &[],
    licence: "none stated by the publishers",
    size: size(100_000, 10_000, [3, 64, 64], 200),
    content_sha256: None,
    hint: "pass the folder of the unpacked archive, `tiny-imagenet-200`, with `--data DIR`",
};

/// Imagenette at 224x224 pixels, from any of the published sizes.
pub(crate) static IMAGENETTE: DatasetSpec = DatasetSpec {
    name: "imagenette",
    folders: &["imagenette", "imagenette2", "imagenette2-320", "imagenette2-160"],
    layout: Layout::Imagenette,
    transform: PixelTransform::AsStored,
    classes: &imagenette::CLASSES,
    licence: "none stated by the publishers",
    size: size(9_469, 3_925, [3, 224, 224], 10),
    content_sha256: None,
    hint: "run `agon data fetch imagenette`, \
           or pass the folder of the unpacked archive, such as `imagenette2-320`, with `--data DIR`",
};

/// The number of training and test images of each class in the embedded subset of Fashion-MNIST.
pub(crate) const EMBEDDED_OF_EACH_CLASS: [usize; 2] = [600, 100];

/// The subset of Fashion-MNIST embedded in the program.
pub(crate) static EMBEDDED: DatasetSpec = DatasetSpec {
    name: "fashion-mnist-embedded",
    folders: &[],
    layout: Layout::Embedded,
    size: size(10 * EMBEDDED_OF_EACH_CLASS[0], 10 * EMBEDDED_OF_EACH_CLASS[1], [1, 28, 28], 10),
    content_sha256: Some("554934e1ead4b17f1707489e77842a2b797db36b2a6af83200f0fb99f988a47d"),
    hint: "it is embedded in the program",
    ..FASHION_MNIST
};

/// All known sets, the embedded one last.
pub(crate) static ALL: [&DatasetSpec; 12] = [
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
    &EMBEDDED,
];

/// The names of all known data sets.
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|spec| spec.name).collect()
}

/// The set with this name.
///
/// # Errors
/// [`Error::UnknownSet`] with the most similar name.
pub(crate) fn named(name: &str) -> Result<&'static DatasetSpec> {
    ALL.iter().find(|spec| spec.name == name).copied().ok_or_else(|| Error::UnknownSet {
        name: name.to_owned(),
        hint: nearest(name, &names()),
        known: names().iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", "),
    })
}

/// The class names of a known set, in label order; empty if the files contain them or the name is unknown.
pub fn classes(name: &str) -> &'static [&'static str] {
    named(name).map_or(&[], |spec| spec.classes)
}
