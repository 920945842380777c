//! Tests that skipped files and folders are reported, with a next step.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::{fs, path::Path};

use agon_data::{FolderOptions, Skipped, image_folder, test_folder};
use image::{GrayImage, ImageFormat, Luma};

const SMALL: FolderOptions = FolderOptions { side: 4, colour: false };

/// Writes a grey image to this path, whatever its extension.
fn write(path: &Path, format: ImageFormat) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    GrayImage::from_pixel(6, 5, Luma([90])).save_with_format(path, format).unwrap();
}

/// `n` images in each of these folders.
fn folder_of(classes: &[&str], n: u8) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for class in classes {
        for number in 0..n {
            write(&folder.path().join(class).join(format!("{number}.png")), ImageFormat::Png);
        }
    }
    folder
}

/// The skipped entries: relative paths and reasons.
fn left_out(folder: &Path) -> Vec<(String, String)> {
    let name = |one: &Skipped| one.file.strip_prefix(folder).unwrap().display().to_string();
    let skipped = image_folder(folder, &SMALL).unwrap().1;
    skipped.iter().map(|one| (name(one), one.reason.clone())).collect()
}

fn complaint(folder: &Path) -> String {
    let error = image_folder(folder, &SMALL).unwrap_err().to_string();
    error.replace(&folder.display().to_string(), "DIR")
}

#[test]
fn every_jpeg_extension_is_read_in_any_case() {
    let folder = tempfile::tempdir().unwrap();
    for (number, ending) in ["jpg", "jpe", "JFIF", "jfif", "pjpeg", "pjp", "JPEG"].iter().enumerate() {
        write(&folder.path().join(format!("a/{number}.{ending}")), ImageFormat::Jpeg);
    }
    let (set, skipped) = image_folder(folder.path(), &SMALL).unwrap();
    assert_eq!((set.train.len() + set.test.len(), skipped), (7, vec![]));
}

#[test]
fn images_without_an_image_extension_are_counted() {
    let folder = folder_of(&["a"], 5);
    write(&folder.path().join("a/none"), ImageFormat::Jpeg);
    write(&folder.path().join("a/blank.png "), ImageFormat::Png);
    write(&folder.path().join("a/moving.apng"), ImageFormat::Png);
    fs::write(folder.path().join("a/notes"), "no image, and longer than a signature").unwrap();
    let got = left_out(folder.path());
    assert_eq!(got.len(), 1, "{got:?}");
    let (name, reason) = &got[0];
    assert_eq!(name, "a");
    for words in [
        "3 in unsupported formats",
        "1 `png `",
        "1 apng",
        "1 without an extension",
        "JPEG or PNG with the extension",
    ] {
        assert!(reason.contains(words), "{words}: {reason}");
    }
}

#[test]
fn images_beside_classes_and_folders_in_them_are_named() {
    let folder = folder_of(&["a", "a/more", "deep/er"], 5);
    for name in ["1.png", "2.webp"] {
        write(&folder.path().join(name), ImageFormat::Png);
    }
    let beside = "2 images outside of the class folders, the first is `1.png`; move the images of a class \
         into its folder";
    let more = "1 folder not searched, the first is `more`; move its images into the class folder";
    let deep = "not a class, since it contains no JPEG or PNG image, but 1 folder not searched, the first is \
         `er`; move its images into the class folder";
    let expected = [("", beside), ("a", more), ("deep", deep)];
    assert_eq!(left_out(folder.path()), expected.map(|(name, reason)| (name.to_owned(), reason.to_owned())));
}

#[test]
fn an_unused_val_folder_and_folders_beside_the_splits_are_named() {
    let folder = folder_of(&["train/a", "test/a", "val/a", "more/a"], 2);
    let reason = "not read: test images are in `test`".to_owned();
    assert_eq!(left_out(folder.path()), [("more".to_owned(), reason.clone()), ("val".to_owned(), reason)]);
}

#[test]
fn entries_beside_a_lone_test_folder_are_named() {
    let folder = folder_of(&["test/a", "val/a", "extra/a", ".hidden/a"], 2);
    write(&folder.path().join("1.png"), ImageFormat::Png);
    let (set, skipped) = test_folder(folder.path(), &SMALL).unwrap();
    let names: Vec<_> = skipped
        .iter()
        .map(|one| one.file.strip_prefix(folder.path()).unwrap().display().to_string())
        .collect();
    assert_eq!(names, ["", ".hidden", "extra", "val"]);
    for (one, reason) in
        skipped.iter().zip(["1 image outside", "not a class, since hidden", "not read", "not read"])
    {
        assert!(one.reason.contains(reason), "{one}");
    }
    assert_eq!((set.train.len(), set.test.len()), (1, 2));
}

#[test]
fn misnamed_split_folders_are_refused_with_the_supported_names() {
    for (folders, got) in [
        (["train/a", "validation/a"], "`train`, `validation`"),
        (["train/a", "valid/a"], "`train`, `valid`"),
        (["Train/a", "test/a"], "`Train`, `test`"),
    ] {
        let message = complaint(folder_of(&folders, 5).path());
        let expected = format!(
            "`DIR`: folders of training and test images: expected `train`, and `test` or `val`; rename the \
             folders, got {got}"
        );
        assert_eq!(message, expected);
    }
    // A class may have such a name.
    let folder = folder_of(&["train", "bus"], 5);
    assert_eq!(image_folder(folder.path(), &SMALL).unwrap().0.classes, ["bus", "train"]);
}

#[test]
fn a_lone_test_folder_is_accepted_for_evaluation_and_refused_for_training() {
    for name in ["test", "val"] {
        let folder = folder_of(&[&format!("{name}/a"), &format!("{name}/b")], 3);
        fs::write(folder.path().join(name).join("a/0.png"), "no image").unwrap();
        let (set, skipped) = test_folder(folder.path(), &SMALL).unwrap();
        assert_eq!(
            (set.test.class_counts(), set.classes),
            (vec![2, 3], vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(skipped.len(), 1);
        assert!(complaint(folder.path()).contains("expected `train`, and `test` or `val`"));
    }
    // With training images, or if `test` is a class, both functions read the same.
    for folders in [["train/a", "test/a"], ["test", "bus"]] {
        let folder = folder_of(&folders, 5);
        let [one, other] = [image_folder, test_folder].map(|read| read(folder.path(), &SMALL).unwrap().0);
        assert_eq!(one.provenance, other.provenance);
    }
}
