//! The layout of Imagenette: photographs of any size in ten classes, with a folder for each class.

use std::path::Path;

use crate::{
    Result,
    dataset::Content,
    formats::images,
    formats::images::decode::{Fit, Form},
};

/// The folder name of each class, in label order.
const CODES: [&str; 10] = [
    "n01440764",
    "n02102040",
    "n02979186",
    "n03000684",
    "n03028079",
    "n03394916",
    "n03417042",
    "n03425413",
    "n03445777",
    "n03888257",
];

/// The names of the classes.
pub(crate) const CLASSES: [&str; 10] = [
    "tench",
    "English springer",
    "cassette player",
    "chain saw",
    "church",
    "French horn",
    "garbage truck",
    "gas pump",
    "golf ball",
    "parachute",
];

/// Shorter side 256, central crop of 224x224, in colour, as in experiments LBR E5 and LBR E6 of `book/lbr.md`.
const FORM: Form = Form { fit: Fit::Middle { shorter: 256, side: 224 }, colour: true };

/// The published numbers of training and validation images.
const PUBLISHED: [usize; 2] = [9_469, 3_925];

/// The required folders: `train/CODE` and `val/CODE` for each class.
pub(crate) fn parts() -> Vec<String> {
    ["train", "val"].iter().flat_map(|split| CODES.map(|code| format!("{split}/{code}"))).collect()
}

/// Reads the set from its folder; the validation images are the test split.
///
/// Images are stored class by class. Both splits are shuffled with the fixed permutation
/// `Stream::new(0, "order").permutation(n, epoch)` over the images sorted by class and then by name, with epoch 0 for
/// training and 1 for test images, so that a prefix contains all classes.
///
/// Fails if a class has no images or an image is broken.
pub(crate) fn read(root: &Path) -> Result<Content> {
    let split = |name, epoch| {
        let mut listed = Vec::new();
        for (label, code) in (0..).zip(CODES) {
            listed.extend(images::of_class(root, &root.join(name).join(code), label)?);
        }
        images::split(root, &images::shuffled(&listed, epoch), FORM, CODES.len())
    };
    let (train, train_files) = split("train", 0)?;
    let (test, test_files) = split("val", 1)?;
    let selection = format!(
        "{} of the {} published training images and as test images {} of the {} published validation images, both in a \
         fixed random order; shorter side resized to 256, the middle 224 x 224 pixels",
        train.len(),
        PUBLISHED[0],
        test.len(),
        PUBLISHED[1],
    );
    let classes = CLASSES.map(str::to_owned).to_vec();
    Ok(Content { classes, train, test, files: [train_files, test_files].concat(), selection })
}
