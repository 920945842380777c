//! Tests of reading folders of valid and broken images.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::{fs, io::Cursor, path::Path};

use agon_data::{Dataset, FolderOptions, Result, Skipped, image_folder, open, parse_image};
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};

const SMALL: FolderOptions = FolderOptions { side: 4, colour: false };

/// Writes `n` grey images of increasing value, starting with `value`.
fn write_class(folder: &Path, n: u8, value: u8) {
    fs::create_dir_all(folder).unwrap();
    for number in 0..n {
        let path = folder.join(format!("{number:02}.png"));
        GrayImage::from_pixel(6, 5, Luma([value + number])).save(path).unwrap();
    }
}

/// Two classes of ten images: with values from 100 on, and from 0 on.
fn two_classes() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_class(&folder.path().join("cats"), 10, 100);
    write_class(&folder.path().join("ants"), 10, 0);
    folder
}

fn read(folder: &Path) -> Result<(Dataset, Vec<Skipped>)> {
    image_folder(folder, &SMALL)
}

/// The error for a folder, with `DIR` in place of its path.
fn complaint(folder: &Path) -> String {
    read(folder).unwrap_err().to_string().replace(&folder.display().to_string(), "DIR")
}

fn values(split: &agon_data::Split) -> Vec<u8> {
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
        set.provenance
            .origin
            .selection
            .starts_with("20 of 20 images, every 5th image of a class for testing")
    );
    assert_eq!(read(folder.path()).unwrap().0.provenance, set.provenance);
}

#[test]
fn existing_training_and_test_folders_are_kept() {
    for name in ["test", "val"] {
        let folder = tempfile::tempdir().unwrap();
        write_class(&folder.path().join("train/a"), 2, 0);
        write_class(&folder.path().join("train/b"), 1, 50);
        write_class(&folder.path().join(name).join("b"), 3, 60);
        let (set, _) = read(folder.path()).unwrap();
        assert_eq!((set.train.class_counts(), set.test.class_counts()), (vec![2, 1], vec![0, 3]));
        write_class(&folder.path().join(name).join("c"), 1, 0);
        let expected = format!(
            "`DIR/{name}/c`: class of test images: expected a folder of the same name with images in `DIR/train`, got none"
        );
        assert_eq!(complaint(folder.path()), expected);
    }
}

#[test]
fn class_names_that_are_not_utf8_are_refused() {
    use std::os::unix::ffi::OsStrExt;
    let folder = two_classes();
    write_class(&folder.path().join(std::ffi::OsStr::from_bytes(b"dogs\xff")), 10, 200);
    let expected = "`DIR/dogs\u{fffd}`: name of a class: expected UTF-8 text, got other bytes; rename it";
    assert_eq!(complaint(folder.path()), expected);
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
        "image: expected a complete JPEG or PNG image, got ",
        "expected a regular file, got a folder",
        "image: expected a complete JPEG or PNG image, got ",
        "sides of the image: expected an aspect ratio of at most 16, got 100 x 2 pixels",
    ];
    for (one, start) in skipped.iter().zip(starts) {
        assert!(one.reason.starts_with(start), "{one}");
    }
    assert_eq!(set.train.len() + set.test.len(), 18);
    assert!(set.provenance.origin.selection.starts_with("18 of 22 images"));
}

/// The skipped entries of a folder: relative paths and reasons.
fn left_out(folder: &Path) -> Vec<(String, String)> {
    let skipped = read(folder).unwrap().1;
    let name = |one: &Skipped| one.file.strip_prefix(folder).unwrap().display().to_string();
    skipped.iter().map(|one| (name(one), one.reason.clone())).collect()
}

#[test]
fn folders_that_are_not_classes_and_unsupported_images_are_skipped_with_a_reason() {
    let folder = two_classes();
    let whole = read(folder.path()).unwrap().0;
    for name in ["__MACOSX/cats", ".hidden", "empty"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    write_class(&folder.path().join(".hidden"), 3, 0);
    fs::write(folder.path().join("__MACOSX/._cats"), "of a Macintosh").unwrap();
    fs::write(folder.path().join("cats/._01.png"), "of a Macintosh").unwrap();
    for name in ["cats/a.webp", "cats/b.GIF", "cats/c.webp", "dogs/d.bmp"] {
        fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        fs::write(folder.path().join(name), "an image").unwrap();
    }
    let left_out = left_out(folder.path());
    let kinds = "in unsupported formats";
    let expected = [
        (".hidden", "not a class, since hidden".to_owned()),
        ("__MACOSX", "not a class, since hidden".to_owned()),
        ("cats", format!("3 {kinds} (1 gif, 2 webp), the first is `a.webp`; convert them to JPEG or PNG")),
        (
            "dogs",
            format!(
                "not a class, since it contains no JPEG or PNG image, but 1 {kinds} (1 bmp), the first is \
                 `d.bmp`; convert them to JPEG or PNG"
            ),
        ),
        ("empty", "not a class, since it contains no JPEG or PNG image".to_owned()),
    ];
    assert_eq!(left_out, expected.map(|(name, reason)| (name.to_owned(), reason)));
    let set = read(folder.path()).unwrap().0;
    assert_eq!((&set.classes, &set.provenance), (&whole.classes, &whole.provenance));
}

#[test]
fn hidden_and_empty_folders_of_splits_are_skipped_and_unsupported_formats_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["train/a", "test/a"] {
        write_class(&folder.path().join(name), 2, 0);
    }
    for name in ["__MACOSX/train", "train/__MACOSX", "test/.DS", "test/empty", "test/b"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    let names: Vec<String> = left_out(folder.path()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["__MACOSX", "test/.DS", "test/b", "test/empty", "train/__MACOSX"]);

    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("a")).unwrap();
    fs::write(folder.path().join("a/1.webp"), "an image").unwrap();
    let message = complaint(folder.path());
    assert!(
        message.contains("got 0; the first skipped entry is `DIR/a`: not a class")
            && message.contains("1 webp"),
        "{message}"
    );
}

/// The bytes of an image in this format.
fn encoded(image: &DynamicImage, kind: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, kind).unwrap();
    bytes.into_inner()
}

const IN_COLOUR: FolderOptions = FolderOptions { side: 8, colour: true };

#[test]
fn bytes_after_the_end_of_an_image_are_ignored() {
    let image = RgbImage::from_fn(8, 8, |x, y| Rgb([20 * x as u8, 30 * y as u8, (x * y) as u8])).into();
    for kind in [ImageFormat::Jpeg, ImageFormat::Png] {
        let whole = encoded(&image, kind);
        let expected = parse_image("whole", &whole, &IN_COLOUR).unwrap();
        // As in a motion photo, whose video happens to contain a start-of-scan marker and another image.
        let video = [&b"\0\0\0\x18ftypmp42\xff\xda\0\x08"[..], &[7; 5_000]].concat();
        for behind in [&b"\0"[..], &video, &whole] {
            let file = [&whole[..], behind].concat();
            assert_eq!(parse_image("motion", &file, &IN_COLOUR).unwrap(), expected);
        }
    }
}

#[test]
fn cmyk_images_have_the_colours_of_other_decoders() {
    // Two halves of one colour each, with the values that Pillow 13.0 decodes: the same for CMYK and YCCK.
    for (name, colours) in [("cmyk", [[46, 190, 207], [159, 68, 23]]), ("ycck", [[30, 215, 24], [91, 0, 33]])]
    {
        let file = format!("{}/tests/adobe/{name}.jpg", env!("CARGO_MANIFEST_DIR"));
        let planes = parse_image(name, &fs::read(file).unwrap(), &IN_COLOUR).unwrap();
        // The central square of 16 x 8 pixels has four columns of each half.
        for (column, colour) in [(0, colours[0]), (7, colours[1])] {
            for (channel, value) in colour.into_iter().enumerate() {
                let got = planes[channel * 64 + column];
                assert!(
                    got.abs_diff(value) <= 1,
                    "{name}, column {column}, channel {channel}: {got} for {value}"
                );
            }
        }
    }
}

#[test]
fn a_dark_uniform_photograph_is_read() {
    let side = [4_000, 3_000];
    let noise =
        |x: u32, y: u32| u8::from(x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) & 0x7_0000 == 0);
    let dark = RgbImage::from_fn(side[0], side[1], |x, y| Rgb([noise(x, y); 3]));
    let plain = RgbImage::new(side[0], side[1]);
    let mut worst = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new_with_quality(
        &mut worst,
        image::codecs::png::CompressionType::Best,
        image::codecs::png::FilterType::NoFilter,
    );
    plain.write_with_encoder(encoder).unwrap();
    for file in [encoded(&dark.into(), ImageFormat::Jpeg), worst, encoded(&plain.into(), ImageFormat::Jpeg)] {
        let read = parse_image("dark", &file, &IN_COLOUR)
            .unwrap_or_else(|error| panic!("{} bytes: {error}", file.len()));
        assert!(file.len() < 600_000 && read.iter().all(|&pixel| pixel < 3), "{} bytes", file.len());
    }
}

#[test]
fn the_central_square_of_the_resized_image_is_cropped() {
    let folder = tempfile::tempdir().unwrap();
    // Three squares of 8x8 next to each other; the central one is kept, at half its size.
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
fn the_exif_orientation_is_applied() {
    let folder = tempfile::tempdir().unwrap();
    let class = folder.path().join("a");
    fs::create_dir(&class).unwrap();
    let path = class.join("0.jpg");
    GrayImage::from_fn(16, 16, |x, _| Luma([if x < 8 { 0 } else { 255 }])).save(&path).unwrap();
    let stored = fs::read(&path).unwrap();
    // One Exif entry: orientation (0x0112), one short, 6, which means that the stored left side is the top.
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
fn a_class_without_readable_images_is_an_error() {
    let folder = two_classes();
    for number in 0..10 {
        fs::write(folder.path().join(format!("ants/{number:02}.png")), "").unwrap();
    }
    let message = complaint(folder.path());
    let start =
        "`DIR`: training images: expected at least one readable image of class `ants`, got none, the first";
    assert!(message.starts_with(start), "{message}");
}

#[test]
fn folders_without_classes_images_or_tests_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        complaint(folder.path()),
        "`DIR`: classes: expected between 1 and 256 folders of JPEG or PNG images, got 0"
    );
    write_class(&folder.path().join("a"), 4, 0);
    assert_eq!(
        complaint(folder.path()),
        "`DIR`: test images: expected folders `train` and `test`, or a class of at least 5 images, got neither"
    );
    for number in 0..257 {
        write_class(&folder.path().join(format!("c{number:03}")), 1, 0);
    }
    assert_eq!(
        complaint(folder.path()),
        "`DIR`: classes: expected between 1 and 256 folders of JPEG or PNG images, got 258"
    );
    assert!(complaint("/absent".as_ref()).starts_with("cannot read `DIR`: "));
}

#[test]
fn sides_out_of_range_are_refused() {
    for side in [0, 1_025] {
        let options = FolderOptions { side, colour: false };
        let message = image_folder(two_classes().path(), &options).unwrap_err().to_string();
        assert_eq!(message, format!("side of the images: expected between 1 and 1024, got {side}"));
    }
}

#[cfg(unix)]
#[test]
fn links_may_point_within_the_folder_but_not_outside() {
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
        // JPEG stores colours as luma and chroma in eight bits each, which costs a level or two.
        assert!(image[[0, 100, 100]].abs_diff(20 * label) <= 2);
    }
    fs::remove_dir_all(folder.join("val/n03888257")).unwrap();
    let message = open("imagenette", Some(dir.path())).unwrap_err().to_string();
    assert!(message.contains("contains only a part of `imagenette`: val/n03888257 missing"), "{message}");
}
