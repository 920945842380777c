//! Reads a data set from a folder of your own images, with one subfolder per class.

mod left_out;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use self::left_out::{deeper, hidden, kinds, loose};
use crate::{
    Dataset, Error, Origin, Result, Split,
    formats::images::decode::{self, Fit, Form},
    formats::images::{self, Decoded, ImageFile, InFolder},
    formats::stored::wrong,
};

/// The largest number of classes, because a label is a byte.
const MAX_CLASSES: usize = 256;

/// The largest side of the resized images.
pub const MAX_SIDE: usize = 1024;

/// One of `TEST_OF` images of each class, sorted by name, is a test image.
const TEST_OF: usize = 5;

/// Options for reading a folder of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderOptions {
    /// The height and width of the resized images, between 1 and 1,024.
    pub side: usize,
    /// Whether images have three channels (RGB) or one (grey).
    pub colour: bool,
}

/// The default is grey images of 32x32 pixels.
impl Default for FolderOptions {
    fn default() -> Self {
        Self { side: 32, colour: false }
    }
}

/// A file or folder that was skipped: a broken image, images of an unsupported format, or a folder that is not a
/// class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file or folder.
    pub file: PathBuf,
    /// The reason, without the name.
    pub reason: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.file.display(), self.reason)
    }
}

/// Reads the JPEG and PNG files `DIR/CLASS/*.{jpg,jpeg,png}`. Also returns the skipped files and folders, sorted by
/// name. Other extensions of JPEG files are `jpe`, `jfif`, `pjpeg` and `pjp`; extensions are case-insensitive.
///
/// Classes are the folders that contain an image, sorted by name. If there are folders `train` and `test` (or `val`),
/// the classes are the folders in `train`, and the test images are in the other; otherwise every fifth image of each
/// class, sorted by name, is a test image. Images without classes, as for an autoencoder, are one class: `DIR/all/*.jpg`.
/// Names that start with a dot, and `__MACOSX`, are skipped.
///
/// The Exif orientation is applied, the shorter side is resized to `side` with a triangle filter, and the central
/// square is cropped. Grey is the Rec. 709 luma; the alpha channel is dropped. Both splits are shuffled with the fixed
/// permutation `Stream::new(0, "order").permutation(n, epoch)` over the images sorted by class and name, with
/// epoch 0 for training and 1 for test images, so that a prefix contains all classes. All images are held in
/// memory, at most 16 GiB.
///
/// Fails if there are no classes or more than 256, if no training image of a class or no test image at all can be
/// decoded, if a class has test images only, or if a link points outside of the folder.
///
/// ```no_run
/// use std::path::Path;
///
/// use agon_data::{FolderOptions, image_folder};
///
/// let (set, skipped) = image_folder(Path::new("photos"), &FolderOptions { side: 64, colour: true })?;
/// println!("{} images of {:?}, {} files skipped", set.train.len(), set.classes, skipped.len());
/// # Ok::<(), agon_data::Error>(())
/// ```
pub fn image_folder(dir: &Path, options: &FolderOptions) -> Result<(Dataset, Vec<Skipped>)> {
    read(dir, options, list(dir)?)
}

/// [`image_folder`] for evaluating a model that was trained on other images: a folder `test` or `val` without `train`
/// is sufficient. The first test image is then also used as the training split, which must not be empty.
pub fn test_folder(dir: &Path, options: &FolderOptions) -> Result<(Dataset, Vec<Skipped>)> {
    let top = images::folders_in(dir, dir)?;
    let listed = match (called(&top, "train"), of_tests(&top)) {
        (None, Some(test)) if is_split(dir, test)? => list_tests(dir, &top, test)?,
        _ => list(dir)?,
    };
    read(dir, options, listed)
}

/// Decodes the images of a folder.
fn read(dir: &Path, options: &FolderOptions, listed: Listed) -> Result<(Dataset, Vec<Skipped>)> {
    let form = form(options)?;
    let Listed { classes, train, test, how, skipped } = listed;
    let found = train.len() + test.len();
    let decode = |files: &[ImageFile], epoch| images::decode_all(dir, &images::shuffled(files, epoch), form);
    let train = (!train.is_empty()).then(|| decode(&train, 0)).transpose()?;
    let test = decode(&test, 1)?;
    let has = |train: &Decoded, label: usize| train.labels.iter().any(|&of| usize::from(of) == label);
    if let Some(train) = &train
        && let Some(label) = (0..classes.len()).find(|&label| !has(train, label))
    {
        let expected = format!("at least one readable image of class `{}`", classes[label]);
        let first = train.broken.iter().find(|(image_file, _)| usize::from(image_file.label) == label);
        let got = first.map_or("none".to_owned(), |(_, error)| format!("none, the first error is: {error}"));
        return Err(wrong(&dir.display().to_string(), "training images", expected, got));
    }
    if test.labels.is_empty() {
        return Err(wrong(&dir.display().to_string(), "test images", "at least one readable image", "none"));
    }

    let (mut files, mut broken) = (vec![], vec![]);
    let mut split = |of: Decoded| {
        files.extend(of.files);
        broken.extend(of.broken);
        Split::new(of.images, of.labels, classes.len())
    };
    let train = train.map(&mut split).transpose()?;
    let test = split(test)?;
    let train = match train {
        Some(train) => train,
        None => test.first(1)?,
    };
    let broken = broken.into_iter().map(|(image_file, error): (ImageFile, Error)| Skipped {
        file: image_file.path,
        reason: reason(error),
    });
    let mut skipped: Vec<_> = skipped.into_iter().chain(broken).collect();
    skipped.sort_by(|one, other| one.file.cmp(&other.file));
    let origin = Origin {
        source: dir.display().to_string(),
        selection: format!(
            "{} of {found} images, {how}, in a fixed random order; the others are unreadable",
            files.len()
        ),
        files,
        licence: "the licence of the images".to_owned(),
    };
    let path = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    Ok((Dataset::new(&name_of(&path), &classes, train, test, origin)?, skipped))
}

/// Decodes one image in memory as [`image_folder`] does, to the planes `[c, side, side]`, where `c` is three or one.
/// `name` is its name in errors.
///
/// # Errors
/// [`Error::Mismatch`] if `side` is out of range; [`Error::Format`] if it is not a complete JPEG or PNG image, or
/// declares more pixels than a file of its size can encode.
pub fn parse_image(name: &str, bytes: &[u8], options: &FolderOptions) -> Result<Vec<u8>> {
    let form = form(options)?;
    let mut planes = vec![0; form.bytes()];
    decode::parse(name, bytes, form, &mut planes)?;
    Ok(planes)
}

/// The form to which images are converted.
fn form(&FolderOptions { side, colour }: &FolderOptions) -> Result<Form> {
    if !(1..=MAX_SIDE).contains(&side) {
        let expected = format!("between 1 and {MAX_SIDE}");
        return Err(Error::Mismatch { what: "side of the images", expected, got: side.to_string() });
    }
    Ok(Form { fit: Fit::Middle { shorter: side as u32, side: side as u32 }, colour })
}

/// The message of a file's error, without the name of the file.
fn reason(error: Error) -> String {
    match error {
        Error::Format { field, expected, got, .. } => format!("{field}: expected {expected}, got {got}"),
        Error::Io { cause, .. } => cause.to_string(),
        other => other.to_string(),
    }
}

/// The image files of a folder, sorted by class and name.
struct Listed {
    classes: Vec<String>,
    /// The training images; empty if the folder has test images only.
    train: Vec<ImageFile>,
    test: Vec<ImageFile>,
    /// A description of which images are test images.
    how: String,
    /// Skipped files and folders.
    skipped: Vec<Skipped>,
}

/// The images of one class.
struct Class {
    folder: PathBuf,
    images: Vec<PathBuf>,
}

fn list(dir: &Path) -> Result<Listed> {
    let top = images::folders_in(dir, dir)?;
    match (called(&top, "train"), of_tests(&top)) {
        (Some(train), Some(test)) => list_splits(dir, &top, train, test),
        _ => {
            check_no_splits(dir, &top)?;
            list_classes(dir)
        }
    }
}

/// The folder with this name, if there is one.
fn called<'a>(folders: &'a [PathBuf], name: &str) -> Option<&'a PathBuf> {
    folders.iter().find(|folder| folder.ends_with(name))
}

/// The folder of test images.
fn of_tests(folders: &[PathBuf]) -> Option<&PathBuf> {
    called(folders, "test").or_else(|| called(folders, "val"))
}

/// Whether a folder contains folders and no images.
fn is_split(dir: &Path, folder: &Path) -> Result<bool> {
    let InFolder { images, folders, .. } = images::images_in(dir, folder)?;
    Ok(images.is_empty() && !folders.is_empty())
}

/// Common names of the folders of training and test images.
const CALLED_SPLITS: [&str; 8] =
    ["train", "training", "test", "testing", "val", "valid", "validation", "evaluation"];

/// Rejects folders that have the name of a split and contain folders, because they are probably misnamed splits.
fn check_no_splits(dir: &Path, top: &[PathBuf]) -> Result<()> {
    let mut found = vec![];
    for folder in top {
        let name = name_of(folder);
        if CALLED_SPLITS.contains(&name.to_lowercase().as_str()) && is_split(dir, folder)? {
            found.push(format!("`{name}`"));
        }
    }
    match found.is_empty() {
        true => Ok(()),
        false => {
            let expected = "`train`, and `test` or `val`; rename the folders";
            let dir = dir.display().to_string();
            Err(wrong(&dir, "folders of training and test images", expected.to_owned(), found.join(", ")))
        }
    }
}

/// Lists training and test images in separate folders.
fn list_splits(dir: &Path, top: &[PathBuf], train: &Path, test: &Path) -> Result<Listed> {
    let mut skipped = beside_splits(dir, top.iter().filter(|folder| **folder != *train), test)?;
    let classes = classes(dir, train, &mut skipped)?;
    let how = format!("test images from `{}`", name_of(test));
    let names = names(train, &classes, &skipped)?;
    let mut listed = Listed { classes: names, train: vec![], test: vec![], how, skipped };
    for (label, class) in (0..=u8::MAX).zip(&classes) {
        listed.train.extend(files_of(class, label));
    }
    for class in self::classes(dir, test, &mut listed.skipped)? {
        let name = class.folder.file_name();
        let known = (0..=u8::MAX).zip(&classes).find(|(_, known)| known.folder.file_name() == name);
        let Some((label, _)) = known else {
            let expected = format!("a folder of the same name with images in `{}`", train.display());
            return Err(wrong(&class.folder.display().to_string(), "class of test images", expected, "none"));
        };
        listed.test.extend(files_of(&class, label));
    }
    Ok(listed)
}

/// Lists test images in a folder without training images.
fn list_tests(dir: &Path, top: &[PathBuf], test: &Path) -> Result<Listed> {
    let mut skipped = beside_splits(dir, top.iter(), test)?;
    let classes = classes(dir, test, &mut skipped)?;
    let how = format!("test images from `{}`, no training images", name_of(test));
    let names = names(test, &classes, &skipped)?;
    let test = (0..=u8::MAX).zip(&classes).flat_map(|(label, class)| files_of(class, label)).collect();
    Ok(Listed { classes: names, train: vec![], test, how, skipped })
}

/// The skipped entries next to the folders of the splits: images, hidden folders, and those of `folders` that are not
/// the test folder.
fn beside_splits<'a>(
    dir: &Path,
    folders: impl Iterator<Item = &'a PathBuf>,
    test: &Path,
) -> Result<Vec<Skipped>> {
    let mut skipped = hidden(dir)?;
    skipped.extend(loose(dir, dir)?);
    let reason = format!("not read: test images are in `{}`", name_of(test));
    let others = folders.filter(|folder| **folder != *test);
    skipped.extend(others.map(|folder| Skipped { file: folder.clone(), reason: reason.clone() }));
    Ok(skipped)
}

/// Lists training and test images in the same folders.
fn list_classes(dir: &Path) -> Result<Listed> {
    let mut skipped = vec![];
    let classes = classes(dir, dir, &mut skipped)?;
    let how = format!("every {TEST_OF}th image of a class for testing");
    let names = names(dir, &classes, &skipped)?;
    let mut listed = Listed { classes: names, train: vec![], test: vec![], how, skipped };
    for (label, class) in (0..=u8::MAX).zip(&classes) {
        for (number, image_file) in (1..).zip(files_of(class, label)) {
            let split = if number % TEST_OF == 0 { &mut listed.test } else { &mut listed.train };
            split.push(image_file);
        }
    }
    if listed.test.is_empty() {
        let expected = format!("folders `train` and `test`, or a class of at least {TEST_OF} images");
        return Err(wrong(&dir.display().to_string(), "test images", expected, "neither"));
    }
    Ok(listed)
}

/// The subfolders of `folder` that contain an image, sorted by name; all others are added to `skipped`.
fn classes(dir: &Path, folder: &Path, skipped: &mut Vec<Skipped>) -> Result<Vec<Class>> {
    skipped.extend(hidden(folder)?);
    skipped.extend(loose(dir, folder)?);
    let mut classes = vec![];
    for folder in images::folders_in(dir, folder)? {
        let InFolder { images, others, folders } = images::images_in(dir, &folder)?;
        let left: Vec<String> = [kinds(&others), deeper(&folders)].into_iter().flatten().collect();
        let left = Some(left.join("; and ")).filter(|left| !left.is_empty());
        let reason = match (images.is_empty(), left) {
            (false, left) => left,
            (true, None) => Some("not a class, since it contains no JPEG or PNG image".to_owned()),
            (true, Some(left)) => {
                Some(format!("not a class, since it contains no JPEG or PNG image, but {left}"))
            }
        };
        skipped.extend(reason.map(|reason| Skipped { file: folder.clone(), reason }));
        if !images.is_empty() {
            classes.push(Class { folder, images });
        }
    }
    Ok(classes)
}

fn files_of(class: &Class, label: u8) -> impl Iterator<Item = ImageFile> {
    class.images.iter().map(move |path| ImageFile { path: path.clone(), label })
}

/// The names of these classes.
fn names(dir: &Path, classes: &[Class], skipped: &[Skipped]) -> Result<Vec<String>> {
    if !(1..=MAX_CLASSES).contains(&classes.len()) {
        let expected = format!("between 1 and {MAX_CLASSES} folders of JPEG or PNG images");
        let got = match skipped.first() {
            Some(first) => format!("{}; the first skipped entry is {first}", classes.len()),
            None => classes.len().to_string(),
        };
        return Err(wrong(&dir.display().to_string(), "classes", expected, got));
    }
    // Different names that are not valid UTF-8 could be displayed as the same name.
    let name = |class: &Class| match class.folder.file_name().and_then(|name| name.to_str()) {
        Some(name) => Ok(name.to_owned()),
        None => Err(wrong(
            &class.folder.display().to_string(),
            "name of a class",
            "UTF-8 text",
            "other bytes; rename it",
        )),
    };
    classes.iter().map(name).collect()
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
