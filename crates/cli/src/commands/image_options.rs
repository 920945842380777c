//! The options that choose the images of a command: a known data set, or a folder of the user's own.

use std::path::PathBuf;

use clap::Args;
use data::Dataset;

use super::own_images::{OwnImages, ReadFolder, SIDE};
use super::values::{existing_folder, side};
use crate::error::{Error, Result};
use runs::shell;

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
    /// The side in pixels to which your own images are resized; 32, or that of the evaluated run
    #[arg(long, value_name = "PIXELS", value_parser = side, requires = "images")]
    side: Option<usize>,
    /// Keep the colour channels of your own images; by default as in the evaluated run
    #[arg(long, requires = "images")]
    colour: bool,
}

impl ImageOptions {
    /// The options that name the same images, each preceded by a space, for another command.
    pub(super) fn arguments(&self) -> String {
        let mut text =
            self.data_set.as_ref().map_or(String::new(), |name| shell::option("--data-set", name.as_ref()));
        if let Some(folder) = &self.data {
            text += &shell::option("--data", folder.as_os_str());
        }
        text + &self.own(None).map_or(String::new(), |own| own.arguments())
    }

    /// The folder of the user's own images, if one is named. Options that are not given are those of `remembered`.
    pub(super) fn own(&self, remembered: Option<&OwnImages>) -> Option<OwnImages> {
        let side = self.side.or(remembered.map(|own| own.side)).unwrap_or(SIDE);
        let colour = self.colour || remembered.is_some_and(|own| own.colour);
        Some(OwnImages { folder: self.images.clone()?, side, colour })
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

    /// Opens the named images, else those recorded with a run or in a config, else this data set; also returns its
    /// name.
    ///
    /// # Errors
    /// [`Error::Usage`] for an unknown or missing set; or if it cannot be read.
    pub(super) fn open(
        &self,
        otherwise: &str,
        remembered: Option<&OwnImages>,
        read: ReadFolder,
    ) -> Result<(String, Dataset)> {
        if let Some(own) = self.own(remembered) {
            return own.open(read);
        }
        match (&self.data_set, remembered) {
            (None, Some(own)) if own.folder.is_dir() => own.open(read),
            (None, Some(own)) => Err(Error::Usage(format!(
                "the images of {otherwise} were in {}, which is not there; name them with --images DIR",
                own.folder.display()
            ))),
            (name, _) => {
                let name = name.as_deref().unwrap_or(otherwise);
                Ok((name.to_owned(), self.open_set(name)?))
            }
        }
    }

    /// Opens the data set of this name.
    ///
    /// # Errors
    /// As [`ImageOptions::open`].
    pub(super) fn open_set(&self, name: &str) -> Result<Dataset> {
        open_set(name, self.data.as_deref())
    }
}

/// Opens the data set of this name, searched for in this folder first.
///
/// # Errors
/// [`Error::Usage`] for an unknown or missing set; or if it cannot be read.
pub(super) fn open_set(name: &str, folder: Option<&std::path::Path>) -> Result<Dataset> {
    data::open(name, folder).map_err(|error| match error {
        data::Error::UnknownSet { .. } => {
            Error::Usage(format!("{error}; for your own images use --images DIR"))
        }
        data::Error::NotFound { .. } | data::Error::Incomplete { .. } => Error::Usage(error.to_string()),
        error => error.into(),
    })
}
