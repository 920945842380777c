//! Anybody's images: a folder for each class.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::{
    Dataset, Error, Origin, Result, Split,
    picture::{self, Fit, Form},
    pictures::{self, Picture},
    stored::wrong,
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

/// An image file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it, without its name.
    pub reason: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.file.display(), self.reason)
    }
}

/// Reads the JPEG and PNG files `DIR/CLASS/*.{jpg,jpeg,png}`; also gives those that could not be read, by name.
///
/// Classes are the folders in the order of their names. If there is a folder `train` and a folder `test` or `val`,
/// classes are the folders in `train`, and the other holds the test images; else every fifth image of each class, in
/// the order of the names, is a test image. What starts with a dot is left out.
///
/// An image is turned upright as its Exif data say, its shorter side is resized to `side` with a triangle filter, and
/// the square in the middle is taken. Grey is the Rec. 709 luma; transparency is left out. Both splits are in a fixed
/// random order, `Stream::new(0, "order").permutation(n, epoch)` over the images sorted by class and name, with
/// epoch 0 for training and 1 for test images, so that the first few of them show all classes. Images are given in
/// memory; `side` and their number must fit into 16 GiB.
///
/// Errs if there are no classes or more than 256, if a folder holds no images, if none of a class's training images
/// or no test image at all can be read, if a class has test images alone, or if a link leads out of the folder.
pub fn image_folder(dir: &Path, options: &FolderOptions) -> Result<(Dataset, Vec<Skipped>)> {
    let form = form(options)?;
    let Listed { classes, train, test, how } = list(dir)?;
    let found = train.len() + test.len();
    let train = pictures::decode(dir, &pictures::shuffled(&train, 0), form)?;
    let test = pictures::decode(dir, &pictures::shuffled(&test, 1), form)?;
    if let Some(label) =
        (0..classes.len()).find(|&label| !train.labels.iter().any(|&of| usize::from(of) == label))
    {
        let expected = format!("at least one of class `{}` that can be read", classes[label]);
        let first = train.broken.iter().find(|(picture, _)| usize::from(picture.label) == label);
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

    let broken = train.broken.into_iter().chain(test.broken);
    let mut skipped: Vec<_> =
        broken.map(|(picture, error)| Skipped { file: picture.path, reason: reason(error) }).collect();
    skipped.sort_by(|one, other| one.file.cmp(&other.file));
    let read = found - skipped.len();
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
    picture::parse(name, bytes, form, &mut planes)?;
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

/// The pictures of a folder, sorted by class and name.
struct Listed {
    classes: Vec<String>,
    train: Vec<Picture>,
    test: Vec<Picture>,
    /// Which of them are test images.
    how: String,
}

fn list(dir: &Path) -> Result<Listed> {
    let folders = pictures::folders_in(dir, dir)?;
    let called = |name| folders.iter().find(|folder| folder.ends_with(name));
    match (called("train"), called("test").or_else(|| called("val"))) {
        (Some(train), Some(test)) => list_splits(dir, train, test),
        _ => list_classes(dir, &folders),
    }
}

/// Training and test images in folders of their own.
fn list_splits(dir: &Path, train: &Path, test: &Path) -> Result<Listed> {
    let folders = pictures::folders_in(dir, train)?;
    let how = format!("those in `{}` test images", name_of(test));
    let mut listed = Listed { classes: names(train, &folders)?, train: vec![], test: vec![], how };
    for (label, folder) in (0..=u8::MAX).zip(&folders) {
        listed.train.extend(pictures::of_class(dir, folder, label)?);
    }
    for folder in pictures::folders_in(dir, test)? {
        let known = (0..=u8::MAX).zip(&folders).find(|(_, known)| known.file_name() == folder.file_name());
        let Some((label, _)) = known else {
            let expected = format!("a folder of the same name in `{}`", train.display());
            return Err(wrong(&folder.display().to_string(), "class of test images", expected, "none"));
        };
        listed.test.extend(pictures::of_class(dir, &folder, label)?);
    }
    Ok(listed)
}

/// Training and test images in the same folders.
fn list_classes(dir: &Path, folders: &[PathBuf]) -> Result<Listed> {
    let how = format!("every {TEST_OF}th of each class a test image");
    let mut listed = Listed { classes: names(dir, folders)?, train: vec![], test: vec![], how };
    for (label, folder) in (0..=u8::MAX).zip(folders) {
        for (number, picture) in (1..).zip(pictures::of_class(dir, folder, label)?) {
            let split = if number % TEST_OF == 0 { &mut listed.test } else { &mut listed.train };
            split.push(picture);
        }
    }
    if listed.test.is_empty() {
        let expected = format!("folders `train` and `test`, or a class of at least {TEST_OF} images");
        return Err(wrong(&dir.display().to_string(), "test images", expected, "neither"));
    }
    Ok(listed)
}

/// The names of the classes whose folders these are.
fn names(dir: &Path, folders: &[PathBuf]) -> Result<Vec<String>> {
    if !(1..=MAX_CLASSES).contains(&folders.len()) {
        let expected = format!("between 1 and {MAX_CLASSES} folders of images");
        return Err(wrong(&dir.display().to_string(), "classes", expected, folders.len()));
    }
    Ok(folders.iter().map(|folder| name_of(folder)).collect())
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
