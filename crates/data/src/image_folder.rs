//! Anybody's images: a folder for each class.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use crate::{
    Dataset, Error, Origin, Result, Split,
    formats::images::decode::{self, Fit, Form},
    formats::images::{self, ImageFile, InFolder},
    formats::stored::wrong,
};

/// The most classes, as a label is a byte.
const MAX_CLASSES: usize = 256;

/// The largest side that images are brought to.
const MAX_SIDE: usize = 1024;

/// One image of so many of each class, in the order of their names, is a test image.
const TEST_OF: usize = 5;

/// What is made of the images of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderOptions {
    /// Height and width that the images get, between 1 and 1,024.
    pub side: usize,
    /// Whether they get three channels, red, green and blue, or one of grey.
    pub colour: bool,
}

/// Grey images of 32x32 pixels.
impl Default for FolderOptions {
    fn default() -> Self {
        Self { side: 32, colour: false }
    }
}

/// A file or a folder that was left out: an image that could not be read, images of a kind that is not read, or a
/// folder that is no class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file or folder.
    pub file: PathBuf,
    /// Why, without its name.
    pub reason: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.file.display(), self.reason)
    }
}

/// Reads the JPEG and PNG files `DIR/CLASS/*.{jpg,jpeg,png}`; also gives what was left out, by name.
///
/// Classes are the folders that hold an image, in the order of their names. If there is a folder `train` and a folder
/// `test` or `val`, classes are the folders in `train`, and the other holds the test images; else every fifth image of
/// each class, in the order of the names, is a test image. What starts with a dot and `__MACOSX` are left out.
///
/// An image is turned upright as its Exif data say, its shorter side is resized to `side` with a triangle filter, and
/// the square in the middle is taken. Grey is the Rec. 709 luma; transparency is left out. Both splits are in a fixed
/// random order, `Stream::new(0, "order").permutation(n, epoch)` over the images sorted by class and name, with
/// epoch 0 for training and 1 for test images, so that the first few of them show all classes. Images are given in
/// memory; `side` and their number must fit into 16 GiB.
///
/// Errs if there are no classes or more than 256, if none of a class's training images or no test image at all can be
/// read, if a class has test images alone, or if a link leads out of the folder.
pub fn image_folder(dir: &Path, options: &FolderOptions) -> Result<(Dataset, Vec<Skipped>)> {
    let form = form(options)?;
    let Listed { classes, train, test, how, skipped } = list(dir)?;
    let found = train.len() + test.len();
    let train = images::decode_all(dir, &images::shuffled(&train, 0), form)?;
    let test = images::decode_all(dir, &images::shuffled(&test, 1), form)?;
    if let Some(label) =
        (0..classes.len()).find(|&label| !train.labels.iter().any(|&of| usize::from(of) == label))
    {
        let expected = format!("at least one of class `{}` that can be read", classes[label]);
        let first = train.broken.iter().find(|(image_file, _)| usize::from(image_file.label) == label);
        let got = first.map_or("none".to_owned(), |(_, error)| format!("none, the first error is: {error}"));
        return Err(wrong(&dir.display().to_string(), "training images", expected, got));
    }
    if test.labels.is_empty() {
        return Err(wrong(
            &dir.display().to_string(),
            "test images",
            "at least one that can be read",
            "none",
        ));
    }

    let read = train.labels.len() + test.labels.len();
    let broken = train.broken.into_iter().chain(test.broken);
    let broken = broken.map(|(image_file, error)| Skipped { file: image_file.path, reason: reason(error) });
    let mut skipped: Vec<_> = skipped.into_iter().chain(broken).collect();
    skipped.sort_by(|one, other| one.file.cmp(&other.file));
    let origin = Origin {
        source: dir.display().to_string(),
        files: [train.files, test.files].concat(),
        selection: format!(
            "{read} of {found} images, {how}, in a fixed random order; the others cannot be read"
        ),
        licence: "that of the images".to_owned(),
    };
    let train = Split::new(train.images, train.labels, classes.len())?;
    let test = Split::new(test.images, test.labels, classes.len())?;
    let path = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    Ok((Dataset::new(&name_of(&path), &classes, train, test, origin)?, skipped))
}

/// One image as [`image_folder`] reads it, from a file that is already in memory: its planes `[c, side, side]`, where `c`
/// is three or one. `name` is what errors call it.
///
/// # Errors
/// [`Error::Mismatch`] for another `side` than [`FolderOptions`] allow; [`Error::Format`] if it is neither a JPEG nor a
/// PNG image that is whole, or too large for the size of its file.
pub fn parse_image(name: &str, bytes: &[u8], options: &FolderOptions) -> Result<Vec<u8>> {
    let form = form(options)?;
    let mut planes = vec![0; form.bytes()];
    decode::parse(name, bytes, form, &mut planes)?;
    Ok(planes)
}

/// The form that images get.
fn form(&FolderOptions { side, colour }: &FolderOptions) -> Result<Form> {
    if !(1..=MAX_SIDE).contains(&side) {
        let expected = format!("between 1 and {MAX_SIDE}");
        return Err(Error::Mismatch { what: "side of the images", expected, got: side.to_string() });
    }
    Ok(Form { fit: Fit::Middle { shorter: side as u32, side: side as u32 }, colour })
}

/// What is wrong with a file, without its name.
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
    train: Vec<ImageFile>,
    test: Vec<ImageFile>,
    /// Which of them are test images.
    how: String,
    /// What is no class or of a kind that is not read.
    skipped: Vec<Skipped>,
}

/// The images of a folder within the set.
struct Class {
    folder: PathBuf,
    images: Vec<PathBuf>,
}

fn list(dir: &Path) -> Result<Listed> {
    let folders = images::folders_in(dir, dir)?;
    let called = |name| folders.iter().find(|folder| folder.ends_with(name));
    match (called("train"), called("test").or_else(|| called("val"))) {
        (Some(train), Some(test)) => list_splits(dir, train, test),
        _ => list_classes(dir),
    }
}

/// Training and test images in folders of their own.
fn list_splits(dir: &Path, train: &Path, test: &Path) -> Result<Listed> {
    let mut skipped = hidden(dir)?;
    let classes = classes(dir, train, &mut skipped)?;
    let how = format!("those in `{}` test images", name_of(test));
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

/// Training and test images in the same folders.
fn list_classes(dir: &Path) -> Result<Listed> {
    let mut skipped = vec![];
    let classes = classes(dir, dir, &mut skipped)?;
    let how = format!("every {TEST_OF}th of each class a test image");
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

/// The folders in `folder` that hold an image, by name; what is left out goes to `skipped`.
fn classes(dir: &Path, folder: &Path, skipped: &mut Vec<Skipped>) -> Result<Vec<Class>> {
    skipped.extend(hidden(folder)?);
    let mut classes = vec![];
    for folder in images::folders_in(dir, folder)? {
        let InFolder { images, others } = images::images_in(dir, &folder)?;
        let others = kinds(&others);
        let reason = match (images.is_empty(), others) {
            (false, None) => None,
            (false, Some(others)) => Some(others),
            (true, None) => Some("no class: it holds no JPEG or PNG image".to_owned()),
            (true, Some(others)) => Some(format!("no class: it holds no JPEG or PNG image, but {others}")),
        };
        skipped.extend(reason.map(|reason| Skipped { file: folder.clone(), reason }));
        if !images.is_empty() {
            classes.push(Class { folder, images });
        }
    }
    Ok(classes)
}

/// The hidden folders in a folder, which are no classes.
fn hidden(folder: &Path) -> Result<Vec<Skipped>> {
    let skipped = |file| Skipped { file, reason: "no class: a hidden folder".to_owned() };
    Ok(images::hidden_folders_in(folder)?.into_iter().map(skipped).collect())
}

/// How many images of each kind that is not read, in words; `None` if there are none.
fn kinds(others: &[PathBuf]) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for path in others {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        *counts.entry(ending).or_default() += 1;
    }
    let first = name_of(others.first()?);
    let counts: Vec<String> = counts.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    Some(format!(
        "{} of kinds that are not read ({}), the first is `{first}`; convert them to JPEG or PNG",
        others.len(),
        counts.join(", ")
    ))
}

fn files_of(class: &Class, label: u8) -> impl Iterator<Item = ImageFile> {
    class.images.iter().map(move |path| ImageFile { path: path.clone(), label })
}

/// The names of these classes.
fn names(dir: &Path, classes: &[Class], skipped: &[Skipped]) -> Result<Vec<String>> {
    if !(1..=MAX_CLASSES).contains(&classes.len()) {
        let expected = format!("between 1 and {MAX_CLASSES} folders of JPEG or PNG images");
        let got = match skipped.first() {
            Some(first) => format!("{}; the first that is left out is {first}", classes.len()),
            None => classes.len().to_string(),
        };
        return Err(wrong(&dir.display().to_string(), "classes", expected, got));
    }
    // Different names that are not UTF-8 would be shown as one name.
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
