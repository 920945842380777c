//! The layout of TinyImageNet: JPEG images of 64x64 pixels in 200 classes, whose names are in text files.
//!
//! `wnids.txt` gives the order of the classes, one code per line, and `words.txt` their names. Training images are
//! `train/CODE/images/*.JPEG`. The published test images have no labels, so the validation images are used as the test
//! split: `val/images`, with one line for each in `val/val_annotations.txt`: its name, the code of its class, and a
//! bounding box.

use std::{
    collections::{HashMap, HashSet},
    io::Read,
    path::{Component, Path},
};

use crate::{
    Result, StoredFile,
    dataset::Content,
    formats::images::decode::{Fit, Form},
    formats::images::{self, ImageFile},
    formats::stored::{self, Size, unreadable, wrong},
};

/// The required files and folders.
pub(crate) const PARTS: [&str; 5] = [CODES, WORDS, "train", "val/images", ANNOTATIONS];

const CODES: &str = "wnids.txt";
const WORDS: &str = "words.txt";
const ANNOTATIONS: &str = "val/val_annotations.txt";

/// Images of their original size, in colour; grey is repeated.
const FORM: Form = Form { fit: Fit::Exactly(64), colour: true };

/// The published numbers of training and validation images.
const PUBLISHED: [usize; 2] = [100_000, 10_000];

/// The largest text file in bytes; the largest published one has less than three million.
const MAX_TEXT: u64 = 1 << 24;

/// The largest number of classes, because a label is a byte.
const MAX_CLASSES: usize = 256;

/// Reads the set from its folder.
///
/// Training images are stored class by class. They are shuffled with the fixed permutation
/// `Stream::new(0, "order").permutation(n, 0)` over the images sorted by class and then by name, so that a prefix
/// contains all classes. Test images keep the order of their annotations.
///
/// Fails if a file is missing, broken or not of 64x64 pixels, or if a text file is malformed.
pub(crate) fn read(root: &Path) -> Result<Content> {
    let (codes, codes_file) = text(root, CODES)?;
    let (words, words_file) = text(root, WORDS)?;
    let (annotations, annotations_file) = text(root, ANNOTATIONS)?;
    let codes = parse_codes(&at(root, CODES), &codes)?;
    let classes = parse_words(&at(root, WORDS), &words, &codes)?;
    let mut train = Vec::new();
    for (label, code) in (0..=u8::MAX).zip(&codes) {
        let folder = root.join("train").join(code).join("images");
        train.extend(images::of_class(root, &folder, label)?);
    }
    let mut test = parse_annotations(&at(root, ANNOTATIONS), &annotations, &codes)?;
    for image_file in &mut test {
        image_file.path = root.join("val/images").join(&image_file.path);
    }

    let train = images::shuffled(&train, 0);
    let (train, train_files) = images::split(root, &train, FORM, codes.len())?;
    let (test, test_files) = images::split(root, &test, FORM, codes.len())?;
    let counts = train.class_counts();
    let [fewest, most] = [counts.iter().min(), counts.iter().max()].map(|count| count.copied().unwrap_or(0));
    let selection = format!(
        "{} of the {} published training images, {fewest} to {most} of each class, in a fixed random order; as test \
         images {} of the {} published validation images",
        train.len(),
        PUBLISHED[0],
        test.len(),
        PUBLISHED[1],
    );
    let files = [vec![codes_file, words_file, annotations_file], train_files, test_files].concat();
    Ok(Content { classes, train, test, files, selection })
}

fn at(root: &Path, name: &str) -> String {
    root.join(name).display().to_string()
}

/// Reads a text file, with its checksum.
fn text(root: &Path, name: &str) -> Result<(String, StoredFile)> {
    let parse = |name: &str, reader: &mut dyn Read, _: Size| {
        let mut bytes = Vec::new();
        reader.take(MAX_TEXT + 1).read_to_end(&mut bytes).map_err(|error| unreadable(name, "text", error))?;
        if bytes.len() as u64 > MAX_TEXT {
            return Err(wrong(name, "size", format!("at most {MAX_TEXT} bytes"), "more"));
        }
        String::from_utf8(bytes).map_err(|error| wrong(name, "text", "UTF-8", error.utf8_error()))
    };
    let (text, sha256) = stored::read(&root.join(name), parse)?;
    Ok((text, StoredFile { name: name.to_owned(), sha256 }))
}

/// The codes of the classes in order. They must be alphanumeric, because they are folder names.
fn parse_codes(file: &str, text: &str) -> Result<Vec<String>> {
    let codes: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    if codes.is_empty() || codes.len() > MAX_CLASSES {
        return Err(wrong(file, "classes", format!("between 1 and {MAX_CLASSES}"), codes.len()));
    }
    let mut seen = HashSet::new();
    for (line, code) in (1..).zip(&codes) {
        if code.is_empty() || !code.bytes().all(|byte| byte.is_ascii_alphanumeric()) || !seen.insert(code) {
            let got = format!("{code:?} in line {line}");
            return Err(wrong(
                file,
                "code of a class",
                "letters and digits, different from all earlier lines",
                got,
            ));
        }
    }
    Ok(codes)
}

/// The first word of each code in `words.txt`, in the order of the codes.
fn parse_words(file: &str, text: &str, codes: &[String]) -> Result<Vec<String>> {
    let words: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once('\t')).collect();
    let first = |code: &String| {
        let word = words.get(code.as_str()).and_then(|words| words.split(',').next()).map(str::trim);
        word.filter(|word| !word.is_empty()).map(str::to_owned)
    };
    let name = |code| first(code).ok_or_else(|| wrong(file, "words", format!("a line for `{code}`"), "none"));
    codes.iter().map(name).collect()
}

/// The validation images in file order, with paths relative to `val/images`.
fn parse_annotations(file: &str, text: &str, codes: &[String]) -> Result<Vec<ImageFile>> {
    let labels: HashMap<&str, u8> = codes.iter().map(String::as_str).zip(0..=u8::MAX).collect();
    let mut seen = HashSet::new();
    let mut image_files = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let (name, rest) = text.split_once('\t').unwrap_or((text, ""));
        let path = Path::new(name);
        let is_plain = path.components().eq([Component::Normal(path.as_os_str())]);
        if !is_plain || !seen.insert(name) {
            let got = format!("{name:?} in line {line}");
            return Err(wrong(file, "image", "a file name different from all earlier lines", got));
        }
        let code = rest.split('\t').next().unwrap_or_default();
        let label = *labels.get(code).ok_or_else(|| {
            wrong(
                file,
                "class of an image",
                format!("a code of `{CODES}`"),
                format!("{code:?} in line {line}"),
            )
        })?;
        image_files.push(ImageFile { path: path.to_owned(), label });
    }
    if image_files.is_empty() {
        return Err(wrong(file, "images", "a line for each", "no line"));
    }
    Ok(image_files)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use image::{GrayImage, Luma, Rgb, RgbImage};

    use super::*;
    use crate::{folder, specs::TINY_IMAGENET};

    const CODES_OF_TWO: &str = "n02\nn01\n";
    const WORDS_OF_TWO: &str = "n01\tgoldfish, Carassius auratus\nn02\tEgyptian cat\nn03\treel\n";
    const ANNOTATIONS_OF_TWO: &str = "val_0.JPEG\tn01\t0\t32\t44\t62\nval_1.JPEG\tn02\t0\t0\t63\t63\n";

    /// Writes ten training images for each of two classes and two test images; each image is of a single value.
    fn write_tiny(root: &Path) {
        fs::create_dir_all(root.join("val/images")).unwrap();
        for (name, text) in [(CODES, CODES_OF_TWO), (WORDS, WORDS_OF_TWO), (ANNOTATIONS, ANNOTATIONS_OF_TWO)]
        {
            fs::write(root.join(name), text).unwrap();
        }
        for (class, code) in ["n02", "n01"].into_iter().enumerate() {
            let folder = root.join("train").join(code).join("images");
            fs::create_dir_all(&folder).unwrap();
            for number in 0..10 {
                let value = (100 * class + 10 * number) as u8;
                let path = folder.join(format!("{code}_{number}.JPEG"));
                RgbImage::from_pixel(64, 64, Rgb([value; 3])).save(path).unwrap();
            }
        }
        RgbImage::from_pixel(64, 64, Rgb([200, 100, 50])).save(root.join("val/images/val_0.JPEG")).unwrap();
        GrayImage::from_pixel(64, 64, Luma([70])).save(root.join("val/images/val_1.JPEG")).unwrap();
    }

    fn complaint(change: impl FnOnce(&Path)) -> String {
        let folder = tempfile::tempdir().unwrap();
        write_tiny(folder.path());
        change(folder.path());
        let message = folder::read(&TINY_IMAGENET, folder.path()).unwrap_err().to_string();
        message.replace(&format!("{}/", folder.path().display()), "")
    }

    #[test]
    fn classes_have_the_order_of_the_codes_and_their_first_word() {
        let folder = tempfile::tempdir().unwrap();
        write_tiny(folder.path());
        let set = folder::read(&TINY_IMAGENET, folder.path()).unwrap().unwrap();
        assert_eq!(set.classes, ["Egyptian cat", "goldfish"]);
        assert_eq!(set.train.class_counts(), [10, 10]);
        assert_eq!((set.train.image_shape(), set.test.labels()), ([3, 64, 64], &[1, 0][..]));
        let middle = |row| [0, 1, 2].map(|channel| set.test.images()[[row, channel, 32, 32]]);
        // JPEG stores colours as luma and chroma in eight bits each, which costs a level or two.
        for (got, expected) in middle(0).into_iter().zip([200_u8, 100, 50]) {
            assert!(got.abs_diff(expected) <= 2, "{:?}", middle(0));
        }
        assert_eq!(middle(1), [70; 3]);
        assert!(
            set.provenance
                .origin
                .selection
                .starts_with("20 of the 100000 published training images, 10 to 10")
        );
        assert_eq!(set.provenance.origin.files.len(), 3 + 20 + 2);
    }

    #[test]
    fn training_images_are_shuffled_by_a_fixed_stream_and_keep_their_labels() {
        let folder = tempfile::tempdir().unwrap();
        write_tiny(folder.path());
        let read = || folder::read(&TINY_IMAGENET, folder.path()).unwrap().unwrap().train;
        let train = read();
        let values: Vec<u8> = train.pixels().chunks(3 * 64 * 64).map(|image| image[0]).collect();
        assert!(values.iter().zip(train.labels()).all(|(&value, &label)| (value >= 98) == (label == 1)));
        assert!(!values.is_sorted());
        assert_eq!(train.first(6).unwrap().class_counts().iter().filter(|&&n| n > 0).count(), 2);
        assert_eq!(read(), train);
    }

    #[test]
    fn missing_parts_are_named() {
        let message = complaint(|root| fs::remove_dir_all(root.join("val")).unwrap());
        assert!(
            message.contains("only a part of `tiny-imagenet`: val/images, val/val_annotations.txt missing"),
            "{message}"
        );
    }

    #[test]
    fn a_broken_image_is_an_error_that_names_it() {
        let path = "train/n01/images/n01_3.JPEG";
        let cut = |root: &Path| {
            let whole = fs::read(root.join(path)).unwrap();
            fs::write(root.join(path), &whole[..whole.len() - 2]).unwrap();
        };
        let expected = "JPEG image: expected an end-of-image marker after the last scan, got none";
        assert_eq!(complaint(cut), format!("`{path}`: {expected}"));
        let small = |root: &Path| RgbImage::new(64, 63).save(root.join(path)).unwrap();
        assert_eq!(
            complaint(small),
            format!("`{path}`: size of the image: expected 64 x 64 pixels, got 64 x 63")
        );
    }

    #[test]
    fn malformed_text_files_are_refused_with_the_line() {
        let with = |name: &'static str, text: &'static [u8]| {
            complaint(move |root| fs::write(root.join(name), text).unwrap())
        };
        for (name, text, expected) in [
            (
                CODES,
                &b"n02\n../n01\n"[..],
                "code of a class: expected letters and digits, different from all earlier lines, got \"../n01\" in line 2",
            ),
            (
                CODES,
                b"n02\nn02\n",
                "code of a class: expected letters and digits, different from all earlier lines, got \"n02\" in line 2",
            ),
            (CODES, b"", "classes: expected between 1 and 256, got 0"),
            (WORDS, b"n01\tgoldfish\n", "words: expected a line for `n02`, got none"),
            (WORDS, b"\xff", "text: expected UTF-8, got invalid utf-8 sequence of 1 bytes from index 0"),
            (
                ANNOTATIONS,
                b"../a\tn01\n",
                "image: expected a file name different from all earlier lines, got \"../a\" in line 1",
            ),
            (
                ANNOTATIONS,
                b"a\tn03\t0\n",
                "class of an image: expected a code of `wnids.txt`, got \"n03\" in line 1",
            ),
            (ANNOTATIONS, b"", "images: expected a line for each, got no line"),
            (ANNOTATIONS, b"a", "class of an image: expected a code of `wnids.txt`, got \"\" in line 1"),
        ] {
            assert_eq!(with(name, text), format!("`{name}`: {expected}"));
        }
    }

    /// All truncations and single-bit changes of a text that are valid UTF-8.
    fn damaged(text: &str) -> Vec<String> {
        let cuts = (0..text.len()).map(|end| text.as_bytes()[..end].to_vec());
        let flips = (0..8 * text.len()).map(|bit| {
            let mut bytes = text.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        });
        cuts.chain(flips).filter_map(|bytes| String::from_utf8(bytes).ok()).collect()
    }

    #[test]
    fn damaged_text_files_are_refused_or_name_valid_files_and_classes() {
        let codes = parse_codes(CODES, CODES_OF_TWO).unwrap();
        for text in damaged(CODES_OF_TWO) {
            let codes = parse_codes(CODES, &text).unwrap_or_default();
            assert!(codes.len() <= 3 && !codes.iter().any(|code| code.contains(['/', '.'])), "{text:?}");
        }
        for text in damaged(WORDS_OF_TWO) {
            let names = parse_words(WORDS, &text, &codes);
            assert!(names.is_err() || names.is_ok_and(|names| names.len() == 2), "{text:?}");
        }
        for text in damaged(ANNOTATIONS_OF_TWO) {
            for ImageFile { path, label } in parse_annotations(ANNOTATIONS, &text, &codes).unwrap_or_default()
            {
                assert!(
                    label < 2 && path.components().count() == 1 && path.file_name().is_some(),
                    "{text:?}"
                );
            }
        }
    }
}
