//! Decodes image files in parallel into one split, in a deterministic order.

pub(crate) mod decode;
mod jpeg;

use std::{
    ffi::OsStr,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use ndarray::Array4;
use rayon::prelude::*;
use tensor::random::Stream;

use self::decode::Form;
use super::stored::wrong;
use crate::{Error, Result, Split, dataset::StoredFile, memory};

/// The largest number of pixel bytes of a split.
const MAX_BYTES: usize = 1 << 34;

/// The largest number of entries of one folder.
const MAX_ENTRIES: usize = 1 << 24;

/// An image file and its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageFile {
    pub(crate) path: PathBuf,
    pub(crate) label: u8,
}

/// The result of decoding a list of image files.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// The decoded images, `[n, c, h, w]`, in the order of the list.
    pub(crate) images: Array4<u8>,
    pub(crate) labels: Vec<u8>,
    /// The decoded files, relative to the set's folder.
    pub(crate) files: Vec<StoredFile>,
    /// The files that could not be decoded, with their errors.
    pub(crate) broken: Vec<(ImageFile, Error)>,
}

/// Shuffles image files with the stream `"order"` of seed 0, so that any long enough prefix contains all classes.
///
/// `epoch` distinguishes the splits of a set.
pub(crate) fn shuffled(image_files: &[ImageFile], epoch: u64) -> Vec<ImageFile> {
    let order = Stream::new(0, "order").permutation(image_files.len(), epoch);
    order.into_iter().map(|at| image_files[at as usize].clone()).collect()
}

/// Decodes image files whose paths start with the set's folder `root`.
///
/// Fails only if the images would take too much memory; other errors are returned per file.
pub(crate) fn decode_all(root: &Path, image_files: &[ImageFile], form: Form) -> Result<Decoded> {
    let (size, [c, h, w]) = (form.bytes(), form.shape());
    let total = image_files.len().checked_mul(size).filter(|&total| total <= MAX_BYTES).ok_or_else(|| {
        let got = format!("{} of {size} bytes", image_files.len());
        wrong(&root.display().to_string(), "images", format!("at most {MAX_BYTES} bytes"), got)
    })?;
    let what = || format!("{} images in `{}`", image_files.len(), root.display());
    memory::check(what, total)?;
    let mut pixels = memory::bytes(what, total)?;
    pixels.resize(total, 0);
    let outcomes: Vec<Result<String>> = pixels
        .par_chunks_mut(size)
        .zip(image_files)
        .map(|(planes, image_file)| decode::read(&image_file.path, form, planes))
        .collect();

    let (mut labels, mut files, mut broken) = (Vec::new(), Vec::new(), Vec::new());
    for (row, (image_file, outcome)) in image_files.iter().zip(outcomes).enumerate() {
        match outcome {
            Ok(sha256) => {
                // Images are moved to the positions of those that could not be decoded.
                pixels.copy_within(row * size..(row + 1) * size, labels.len() * size);
                labels.push(image_file.label);
                let name =
                    image_file.path.strip_prefix(root).unwrap_or(&image_file.path).display().to_string();
                files.push(StoredFile { name, sha256 });
            }
            Err(error) => broken.push((image_file.clone(), error)),
        }
    }
    pixels.truncate(labels.len() * size);
    let images = Array4::from_shape_vec((labels.len(), c, h, w), pixels)
        .expect("the buffer has the pixels of one image for each label");
    Ok(Decoded { images, labels, files, broken })
}

/// Decodes the files of a split. Fails at the first broken file.
pub(crate) fn split(
    root: &Path,
    image_files: &[ImageFile],
    form: Form,
    n_classes: usize,
) -> Result<(Split, Vec<StoredFile>)> {
    let decoded = decode_all(root, image_files, form)?;
    match decoded.broken.into_iter().next() {
        Some((_, error)) => Err(error),
        None => Ok((Split::new(decoded.images, decoded.labels, n_classes)?, decoded.files)),
    }
}

/// Lists the image files in the folder of a class. Fails if there are none.
pub(crate) fn of_class(root: &Path, folder: &Path, label: u8) -> Result<Vec<ImageFile>> {
    let images = images_in(root, folder)?.images;
    if images.is_empty() {
        let expected = "at least one file with the extension .jpg, .jpeg or .png";
        return Err(wrong(&folder.display().to_string(), "images of a class", expected, "none"));
    }
    Ok(images.into_iter().map(|path| ImageFile { path, label }).collect())
}

/// The content of a folder of images.
#[derive(Debug)]
pub(crate) struct InFolder {
    /// The image files, sorted by name: those with a [supported extension](READ) that are not [hidden](is_hidden).
    pub(crate) images: Vec<PathBuf>,
    /// The image files that are not read, because their format is not supported or their extension does not match.
    pub(crate) others: Vec<PathBuf>,
    /// The folders.
    pub(crate) folders: Vec<PathBuf>,
}

pub(crate) fn images_in(root: &Path, folder: &Path) -> Result<InFolder> {
    let of = |path: &Path, endings: &[&str]| {
        let ending = path.extension().unwrap_or_default();
        endings.iter().any(|known| ending.eq_ignore_ascii_case(known))
    };
    let (images, rest): (Vec<_>, Vec<_>) =
        entries(root, folder)?.into_iter().partition(|path| of(path, &READ));
    let (folders, mut others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|path| path.is_dir());
    others.retain(|path| path.is_file() && (of(path, &NOT_READ) || is_image(path)));
    Ok(InFolder { images, others, folders })
}

/// File extensions of JPEG and PNG images; the format is detected from the content.
const READ: [&str; 7] = ["jpg", "jpeg", "jpe", "jfif", "pjpeg", "pjp", "png"];

/// File extensions of unsupported image formats.
const NOT_READ: [&str; 21] = [
    "webp", "gif", "apng", "bmp", "tif", "tiff", "heic", "heif", "avif", "jxl", "jp2", "svg", "ico", "tga",
    "ppm", "pgm", "pnm", "psd", "dng", "cr2", "nef",
];

/// Whether a file has the signature of a JPEG or PNG image.
fn is_image(path: &Path) -> bool {
    let mut start = [0; 8];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && (start.starts_with(b"\xff\xd8\xff") || start == *b"\x89PNG\r\n\x1a\n")
}

/// The subfolders of a folder, sorted by name, without [hidden](is_hidden) ones.
pub(crate) fn folders_in(root: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut listed = entries(root, folder)?;
    listed.retain(|path| path.is_dir());
    Ok(listed)
}

/// The hidden subfolders of a folder, sorted by name.
pub(crate) fn hidden_folders_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let io = |cause| Error::Io { file: folder.display().to_string(), cause };
    let mut hidden = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        // Links are not followed.
        if is_hidden(&entry.file_name()) && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            hidden.push(entry.path());
        }
    }
    hidden.sort();
    Ok(hidden)
}

/// Whether a file or folder is hidden: its name starts with a dot or is one that macOS adds to archives.
fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".") || name == "__MACOSX"
}

/// The entries of a folder, sorted by name. Fails at a link that points outside of the set's folder `root`.
fn entries(root: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let io = |at: &Path| {
        let file = at.display().to_string();
        move |cause| Error::Io { file, cause }
    };
    let mut listed = Vec::new();
    for entry in fs::read_dir(folder).map_err(io(folder))? {
        let entry = entry.map_err(io(folder))?;
        let path = entry.path();
        if is_hidden(&entry.file_name()) {
            continue;
        }
        if listed.len() == MAX_ENTRIES {
            let most = format!("at most {MAX_ENTRIES}");
            return Err(wrong(&folder.display().to_string(), "entries of the folder", most, "more"));
        }
        if entry.file_type().map_err(io(&path))?.is_symlink() {
            let [target, root] = [path.as_path(), root].map(|at| at.canonicalize().map_err(io(at)));
            let (target, root) = (target?, root?);
            if !target.starts_with(&root) {
                let [within, got] = [root, target].map(|at| format!("`{}`", at.display()));
                return Err(wrong(
                    &path.display().to_string(),
                    "link",
                    format!("a target within {within}"),
                    got,
                ));
            }
        }
        listed.push(path);
    }
    listed.sort();
    Ok(listed)
}
