//! The options that choose the images of a command: a known data set, or a folder of the user's own.

use std::path::{Path, PathBuf};

use clap::Args;
use data::{Dataset, FolderOptions, Skipped};
use system::{note, text};

use super::values::existing_folder;
use crate::error::{Error, Result};
use runs::shell;

/// The default side of images of a folder.
const SIDE: usize = 32;

/// A function that reads a folder of images and returns the set and the skipped files.
type ReadFolder = fn(&Path, &FolderOptions) -> data::Result<(Dataset, Vec<Skipped>)>;

#[derive(Debug, Args)]
pub(crate) struct ImageOptions {
    /// The data set, as named by `agon data list`
    #[arg(long, value_name = "NAME", conflicts_with = "images")]
    data_set: Option<String>,
    /// The folder to search first for data sets
    #[arg(long, value_name = "DIR", value_parser = existing_folder)]
    data: Option<PathBuf>,
    /// Your own images: a folder with one subfolder of JPEG or PNG images per class
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// The side in pixels to which your own images are resized
    #[arg(long, value_name = "PIXELS", default_value_t = SIDE, requires = "images")]
    side: usize,
    /// Use the colour channels of your own images
    #[arg(long, requires = "images")]
    colour: bool,
}

impl ImageOptions {
    /// The options that name the same images, each preceded by a space, for another command.
    pub(super) fn arguments(&self) -> String {
        let Self { data_set, data, images, side, colour } = self;
        let mut text = String::new();
        if let Some(name) = data_set {
            text += &shell::option("--data-set", name.as_ref());
        }
        for (name, folder) in [("--data", data), ("--images", images)] {
            if let Some(folder) = folder {
                text += &shell::option(name, folder.as_os_str());
            }
        }
        if *side != SIDE {
            text += &format!(" --side {side}");
        }
        text + if *colour { " --colour" } else { "" }
    }

    /// Checks that --data is not combined with --images.
    ///
    /// # Errors
    /// [`Error::Usage`] if both are.
    pub(super) fn check_one_source(&self) -> Result<()> {
        match self.images.is_some() && self.data.is_some() {
            true => Err(Error::Usage(
                "--data names a folder of data sets, and --images a folder of your own images; give one of them"
                    .into(),
            )),
            false => Ok(()),
        }
    }

    /// Whether any images are named.
    pub(super) fn named(&self) -> bool {
        self.data_set.is_some() || self.images.is_some()
    }

    /// Opens the named images, or else this data set; returns its name too.
    ///
    /// # Errors
    /// [`Error::Usage`] for an unknown or missing set; or if it cannot be read.
    pub(super) fn open(&self, otherwise: &str) -> Result<(String, Dataset)> {
        self.open_by(otherwise, data::image_folder)
    }

    /// Like [`ImageOptions::open`], for evaluation: a folder may contain test images only.
    ///
    /// # Errors
    /// As [`ImageOptions::open`].
    pub(super) fn open_for_evaluation(&self, otherwise: &str) -> Result<(String, Dataset)> {
        self.open_by(otherwise, data::test_folder)
    }

    fn open_by(&self, otherwise: &str, read: ReadFolder) -> Result<(String, Dataset)> {
        let Some(dir) = &self.images else {
            let name = self.data_set.as_deref().unwrap_or(otherwise);
            return Ok((name.to_owned(), self.open_set(name)?));
        };
        // A folder such as `.` has no name of its own.
        let whole = dir.canonicalize().ok().filter(|dir| dir.is_dir());
        let Some(name) = whole.as_deref().and_then(|dir| Some(dir.file_name()?.to_string_lossy())) else {
            let what =
                format!("no folder {}; --images takes a folder with one subfolder per class", dir.display());
            return Err(Error::Usage(what));
        };
        let (set, skipped) = read(dir, &FolderOptions { side: self.side, colour: self.colour })?;
        skipped.iter().for_each(|image| note!("skipped: {image}"));
        // The set is named after its folder, in configs and logs too.
        Ok((text::line(&name).into_owned(), set))
    }

    /// Opens the data set of this name.
    ///
    /// # Errors
    /// As [`ImageOptions::open`].
    pub(super) fn open_set(&self, name: &str) -> Result<Dataset> {
        data::open(name, self.data.as_deref()).map_err(|error| match error {
            data::Error::UnknownSet { .. } => {
                Error::Usage(format!("{error}; for your own images use --images DIR"))
            }
            data::Error::NotFound { .. } | data::Error::Incomplete { .. } => Error::Usage(error.to_string()),
            error => error.into(),
        })
    }
}
