//! Folders of the user's own images for commands that read several sets.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use data::Dataset;

use super::own_images::{OwnImages, SIDE};
use super::values::side;
use crate::error::{Error, Result};
use runs::images::Images;
use runs::local::{self, Data};
use runs::run::Run;

#[derive(Debug, Args)]
pub(crate) struct Folders {
    /// Your own images: a folder with one subfolder of JPEG or PNG images per class; can be repeated
    #[arg(long, value_name = "DIR")]
    images: Vec<PathBuf>,
    /// The side in pixels to which your own images are resized
    #[arg(long, value_name = "PIXELS", default_value_t = SIDE, value_parser = side, requires = "images")]
    side: usize,
    /// Use the colour channels of your own images
    #[arg(long, requires = "images")]
    colour: bool,
}

/// A folder of the user's own images that was read.
pub(super) struct OpenFolder {
    /// The name of the set.
    pub(super) name: String,
    pub(super) own: OwnImages,
    pub(super) set: Dataset,
}

impl Folders {
    /// Reads the folders.
    ///
    /// # Errors
    /// [`Error::Usage`] if a folder does not exist or two have the same name; an error of `data` if one cannot be read.
    pub(super) fn open(&self) -> Result<Vec<OpenFolder>> {
        let mut all: Vec<OpenFolder> = vec![];
        for folder in &self.images {
            let own = OwnImages { folder: folder.clone(), side: self.side, colour: self.colour };
            let (name, set) = own.open(data::image_folder)?;
            if all.iter().any(|other| other.name == name) {
                return Err(Error::Usage(format!(
                    "two folders of images have the name {name}, which identifies a data set; rename one of \
                     them"
                )));
            }
            all.push(OpenFolder { name, own, set });
        }
        Ok(all)
    }

    /// Whether any is named.
    pub(super) fn named(&self) -> bool {
        !self.images.is_empty()
    }

    /// The options that name these folders, for the tasks of a cluster.
    ///
    /// # Errors
    /// [`Error::Usage`] for a path that is not UTF-8.
    pub(super) fn arguments(&self) -> Result<Vec<String>> {
        let mut arguments = vec![];
        for folder in &self.images {
            let whole = folder.canonicalize().unwrap_or_else(|_| folder.clone());
            let Some(text) = whole.to_str() else {
                let what = format!(
                    "{}: expected a UTF-8 path, which a batch script requires; rename the folder",
                    folder.display()
                );
                return Err(Error::Usage(what));
            };
            arguments.extend(["--images".to_owned(), text.to_owned()]);
        }
        if self.named() {
            arguments.extend(["--side".to_owned(), self.side.to_string()]);
            arguments.extend(self.colour.then(|| "--colour".to_owned()));
        }
        Ok(arguments)
    }
}

/// Opens the data sets of these runs: a folder of images with the name of the set, or else the known set of that name.
///
/// # Errors
/// If a set exists and cannot be read, or has too few images.
pub(super) fn open_data(
    runs: &[Run],
    folder: Option<&std::path::Path>,
    folders: &[OpenFolder],
) -> Result<Data> {
    let own = |run: &Run| folders.iter().find(|folder| folder.name == run.config.data.name);
    let mut data = local::open_data(runs.iter().filter(|run| own(run).is_none()), folder)?;
    for run in runs {
        let config = &run.config.data;
        if let (Some(folder), false) = (own(run), data.open.contains_key(config)) {
            data.open.insert(config.clone(), Arc::new(Images::of(config, &folder.set)?));
        }
    }
    Ok(data)
}
