//! Descriptions of the files and folders that are skipped in a folder of images.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use system::text::count;

use super::{Skipped, name_of};
use crate::{
    Result,
    formats::images::{self, InFolder},
};

/// The hidden folders in a folder, which are not treated as classes.
pub(super) fn hidden(folder: &Path) -> Result<Vec<Skipped>> {
    let skipped = |file| Skipped { file, reason: "not a class, since hidden".to_owned() };
    Ok(images::hidden_folders_in(folder)?.into_iter().map(skipped).collect())
}

/// The images next to the folders of the classes.
pub(super) fn loose(dir: &Path, folder: &Path) -> Result<Option<Skipped>> {
    let InFolder { images, others, .. } = images::images_in(dir, folder)?;
    let first = images.iter().chain(&others).next().map(|path| name_of(path));
    let n = images.len() + others.len();
    Ok(first.map(|first| Skipped {
        file: folder.to_owned(),
        reason: format!(
            "{} outside of the class folders, the first is `{first}`; move the images of a class into its \
             folder",
            count(n, "image")
        ),
    }))
}

/// A description of the folders within the folder of a class; `None` if there are none.
pub(super) fn deeper(folders: &[PathBuf]) -> Option<String> {
    let first = name_of(folders.first()?);
    let n = count(folders.len(), "folder");
    Some(format!("{n} not searched, the first is `{first}`; move its images into the class folder"))
}

/// A description of the images of unsupported formats, with counts; `None` if there are none.
pub(super) fn kinds(others: &[PathBuf]) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for path in others {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let kind = match ending.as_str() {
            "" => "without an extension".to_owned(),
            ending if ending.chars().all(char::is_alphanumeric) => ending.to_owned(),
            ending => format!("`{}`", ending.escape_debug()),
        };
        *counts.entry(kind).or_default() += 1;
    }
    let first = name_of(others.first()?);
    let is_misnamed = counts.keys().any(|kind| !kind.chars().all(char::is_alphanumeric));
    let rename = if is_misnamed { " with the extension .jpg or .png" } else { "" };
    let counts: Vec<String> = counts.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    Some(format!(
        "{} in unsupported formats ({}), the first is `{first}`; convert them to JPEG or PNG{rename}",
        others.len(),
        counts.join(", ")
    ))
}
