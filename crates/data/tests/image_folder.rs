//! What becomes of folders of images, good and broken.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, path::Path};

use data::{Dataset, FolderOptions, Result, Skipped, image_folder, open};
use image::{GrayImage, Luma, Rgb, RgbImage};

const SMALL: FolderOptions = FolderOptions { side: 4, colour: false };

/// `n` grey images of this value and the ones above.
fn write_class(folder: &Path, n: u8, value: u8) {
    fs::create_dir_all(folder).unwrap();
    for number in 0..n {
        let path = folder.join(format!("{number:02}.png"));
        GrayImage::from_pixel(6, 5, Luma([value + number])).save(path).unwrap();
    }
}

/// Two classes of ten images, of 100 and above and of 0 and above.
fn two_classes() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_class(&folder.path().join("cats"), 10, 100);
    write_class(&folder.path().join("ants"), 10, 0);
    folder
}

fn read(folder: &Path) -> Result<(Dataset, Vec<Skipped>)> {
    image_folder(folder, &SMALL)
}

/// What is said about a folder, which is called `DIR` in it.
fn complaint(folder: &Path) -> String {
    read(folder).unwrap_err().to_string().replace(&folder.display().to_string(), "DIR")
}

fn values(split: &data::Split) -> Vec<u8> {
    let size: usize = split.image_shape().iter().product();
    split.pixels().chunks(size).map(|image| image[0]).collect()
}

#[test]
fn classes_are_sorted_by_name_and_every_fifth_image_is_a_test_image() {
    let folder = two_classes();
    let (set, skipped) = read(folder.path()).unwrap();
    assert_eq!(set.classes, ["ants", "cats"]);
    assert_eq!((set.train.class_counts(), set.test.class_counts()), (vec![8, 8], vec![2, 2]));
    assert_eq!(set.train.image_shape(), [1, 4, 4]);
    let mut test = values(&set.test);
    test.sort();
    assert_eq!((test, skipped), (vec![4, 9, 104, 109], vec![]));
    let values = values(&set.train);
    assert!(values.iter().zip(set.train.labels()).all(|(&value, &label)| (value >= 100) == (label == 1)));
    assert!(!values.is_sorted());
    assert!(
        set.provenance.origin.selection.starts_with("20 of 20 images, every 5th of each class a test image")
    );
    assert_eq!(read(folder.path()).unwrap().0.provenance, set.provenance);
}

#[test]
fn folders_of_training_and_test_images_are_taken_as_they_are() {
    for name in ["test", "val"] {
        let folder = tempfile::tempdir().unwrap();
        write_class(&folder.path().join("train/a"), 2, 0);
        write_class(&folder.path().join("train/b"), 1, 50);
        write_class(&folder.path().join(name).join("b"), 3, 60);
        let (set, _) = read(folder.path()).unwrap();
        assert_eq!((set.train.class_counts(), set.test.class_counts()), (vec![2, 1], vec![0, 3]));
        write_class(&folder.path().join(name).join("c"), 1, 0);
        let expected = format!(
            "`DIR/{name}/c`: class of test images: expected a folder of the same name in `DIR/train`, got none"
        );
        assert_eq!(complaint(folder.path()), expected);
    }
}

#[test]
fn broken_images_are_listed_with_reasons() {
    let folder = two_classes();
    let whole = fs::read(folder.path().join("ants/03.png")).unwrap();
    fs::write(folder.path().join("cats/01.png"), &whole[..whole.len() - 20]).unwrap();
    fs::write(folder.path().join("ants/04.png"), "no image").unwrap();
    fs::write(folder.path().join("ants/notes.txt"), "no image either").unwrap();
    fs::create_dir(folder.path().join("ants/a.jpg")).unwrap();
    RgbImage::new(100, 2).save(folder.path().join("cats/narrow.png")).unwrap();
    let (set, skipped) = read(folder.path()).unwrap();
    let names: Vec<_> = skipped.iter().map(|one| one.file.strip_prefix(folder.path()).unwrap()).collect();
    assert_eq!(names, ["ants/04.png", "ants/a.jpg", "cats/01.png", "cats/narrow.png"].map(Path::new));
    let starts = [
        "image: expected a whole JPEG or PNG image, got ",
        "expected a regular file, got a folder",
        "image: expected a whole JPEG or PNG image, got ",
        "sides of the image: expected one at most 16 times the other, got 100 x 2 pixels",
    ];
    for (one, start) in skipped.iter().zip(starts) {
        assert!(one.reason.starts_with(start), "{one}");
    }
    assert_eq!(set.train.len() + set.test.len(), 18);
    assert!(set.provenance.origin.selection.starts_with("18 of 22 images"));
}

#[test]
fn the_middle_of_the_resized_image_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    // Three squares of 8x8 beside each other; the one in the middle is left, at half its size.
    let class = folder.path().join("a");
    fs::create_dir_all(&class).unwrap();
    let colours = [[255, 0, 0], [10, 200, 30], [0, 0, 255]];
    for number in 0..5 {
        let image = RgbImage::from_fn(24, 8, |x, _| Rgb(colours[x as usize / 8]));
        image.save(class.join(format!("{number}.PNG"))).unwrap();
    }
    let (set, _) = image_folder(folder.path(), &FolderOptions { side: 4, colour: true }).unwrap();
    assert_eq!(set.test.image_shape(), [3, 4, 4]);
    for (channel, value) in [10, 200, 30].into_iter().enumerate() {
        assert_eq!([1, 2].map(|column| set.test.images()[[0, channel, 1, column]]), [value; 2]);
    }
    // 0.2126 * 10 + 0.7152 * 200 + 0.0722 * 30 is 147.3.
    assert_eq!(read(folder.path()).unwrap().0.test.images()[[0, 0, 1, 1]], 147);
}

#[test]
fn photographs_are_turned_upright_as_their_exif_data_say() {
    let folder = tempfile::tempdir().unwrap();
    let class = folder.path().join("a");
    fs::create_dir(&class).unwrap();
    let path = class.join("0.jpg");
    GrayImage::from_fn(16, 16, |x, _| Luma([if x < 8 { 0 } else { 255 }])).save(&path).unwrap();
    let stored = fs::read(&path).unwrap();
    // One entry: orientation (0x0112), one short, 6: what is stored on the left belongs to the top.
    let entry = [0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0];
    let exif = [&b"Exif\0\0II*\0\x08\0\0\0\x01\0"[..], &entry, &[0; 4]].concat();
    let turned = [&stored[..2], &[0xff, 0xe1, 0, exif.len() as u8 + 2], &exif, &stored[2..]].concat();
    for number in 0..5 {
        fs::write(class.join(format!("{number}.jpg")), &turned).unwrap();
    }
    let (set, _) = image_folder(folder.path(), &FolderOptions { side: 16, colour: false }).unwrap();
    let at = |row, column| set.test.images()[[0, 0, row, column]];
    assert_eq!([at(2, 2), at(2, 13), at(13, 2), at(13, 13)], [0, 0, 255, 255]);
}

#[test]
fn a_class_none_of_whose_images_can_be_read_is_an_error() {
    let folder = two_classes();
    for number in 0..10 {
        fs::write(folder.path().join(format!("ants/{number:02}.png")), "").unwrap();
    }
    let message = complaint(folder.path());
    let start =
        "`DIR`: training images: expected at least one of class `ants` that can be read, got none, the first";
    assert!(message.starts_with(start), "{message}");
}

#[test]
fn folders_without_classes_images_or_tests_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        complaint(folder.path()),
        "`DIR`: classes: expected between 1 and 256 folders of images, got 0"
    );
    write_class(&folder.path().join("a"), 4, 0);
    assert_eq!(
        complaint(folder.path()),
        "`DIR`: test images: expected folders `train` and `test`, or a class of at least 5 images, got neither"
    );
    fs::create_dir(folder.path().join("b")).unwrap();
    assert_eq!(
        complaint(folder.path()),
        "`DIR/b`: images of a class: expected at least one that ends in .jpg, .jpeg or .png, got none"
    );
    for number in 0..257 {
        fs::create_dir(folder.path().join(format!("c{number}"))).unwrap();
    }
    assert_eq!(
        complaint(folder.path()),
        "`DIR`: classes: expected between 1 and 256 folders of images, got 259"
    );
    assert!(complaint("/absent".as_ref()).starts_with("cannot read `DIR`: "));
}

#[test]
fn sides_that_no_image_can_have_are_refused() {
    for side in [0, 1_025] {
        let options = FolderOptions { side, colour: false };
        let message = image_folder(two_classes().path(), &options).unwrap_err().to_string();
        assert_eq!(message, format!("side of the images: expected between 1 and 1024, got {side}"));
    }
}

#[cfg(unix)]
#[test]
fn links_may_lead_within_the_folder_but_not_out_of_it() {
    use std::os::unix::fs::symlink;

    let (folder, outside) = (two_classes(), two_classes());
    symlink(folder.path().join("ants/00.png"), folder.path().join("cats/again.png")).unwrap();
    assert!(read(folder.path()).is_ok());
    for name in ["dogs", "cats/dog.png"] {
        let link = folder.path().join(name);
        symlink(outside.path().join("ants"), &link).unwrap();
        let message = complaint(folder.path());
        assert!(message.starts_with(&format!("`DIR/{name}`: link: expected a target within `")), "{message}");
        fs::remove_file(link).unwrap();
    }
}

#[test]
fn imagenette_is_read_at_224_pixels_in_colour() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("imagenette2-160");
    let codes = [
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
    for (label, code) in (0..10).zip(codes) {
        for split in ["train", "val"] {
            let class = folder.join(split).join(code);
            fs::create_dir_all(&class).unwrap();
            RgbImage::from_pixel(40, 30, Rgb([20 * label, 0, 9])).save(class.join("1.JPEG")).unwrap();
        }
    }
    let set = open("imagenette", Some(dir.path())).unwrap();
    assert_eq!((set.train.image_shape(), set.train.len(), set.test.len()), ([3, 224, 224], 10, 10));
    assert_eq!(set.classes[9], "parachute");
    for (image, &label) in set.test.images().outer_iter().zip(set.test.labels()) {
        // Colours pass through eight bits of luma and chroma, which costs a level or two.
        assert!(image[[0, 100, 100]].abs_diff(20 * label) <= 2);
    }
    fs::remove_dir_all(folder.join("val/n03888257")).unwrap();
    let message = open("imagenette", Some(dir.path())).unwrap_err().to_string();
    assert!(message.contains("holds only a part of `imagenette`: val/n03888257 missing"), "{message}");
}
