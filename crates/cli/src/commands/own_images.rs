//! A folder of the user's own images and how it is read, recorded in the provenance of a run.

use std::path::{Path, PathBuf};

use data::{Dataset, FolderOptions, Skipped};
use runs::shell;
use runs::store::FinishedRun;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use system::{note, text};

use crate::error::{Error, Result};

/// The default side of images of a folder.
pub(super) const SIDE: usize = 32;

/// The name of this entry in the provenance of a run, and in a config file.
pub(super) const ENTRY: &str = "images";

/// A function that reads a folder of images and returns the set and the skipped files.
pub(super) type ReadFolder = fn(&Path, &FolderOptions) -> data::Result<(Dataset, Vec<Skipped>)>;

/// A folder of images and the form they are read in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnImages {
    /// The folder.
    pub(super) folder: PathBuf,
    /// The side of the resized images.
    pub(super) side: usize,
    /// Whether their colour channels are used.
    pub(super) colour: bool,
}

impl OwnImages {
    /// The images that a run was trained on, if they were the user's own; `None` for runs of versions that did not
    /// record them.
    pub(super) fn of_run(run: &FinishedRun) -> Option<Self> {
        serde_json::from_value(run.provenance.get(ENTRY)?.get(&run.spec.data.name)?.clone()).ok()
    }

    /// These images with the absolute path of the folder, for other working directories; `None` if it is not valid UTF-8.
    pub(super) fn absolute(&self) -> Option<Self> {
        let folder = self.folder.canonicalize().ok()?;
        folder.to_str()?;
        Some(Self { folder, ..self.clone() })
    }

    /// Adds images to the provenance of runs, each under the name of its set.
    pub(super) fn remembered_in<'o>(
        mut provenance: Map<String, Value>,
        sets: impl IntoIterator<Item = (&'o str, &'o Self)>,
    ) -> Map<String, Value> {
        let entry = |(name, own): (&str, &Self)| {
            let own = serde_json::to_value(own.absolute()?).expect("a path that is UTF-8");
            Some((name.to_owned(), own))
        };
        let sets: Map<String, Value> = sets.into_iter().filter_map(entry).collect();
        if !sets.is_empty() {
            provenance.insert(ENTRY.into(), sets.into());
        }
        provenance
    }

    /// Reads the images; returns the name of the set, which is that of the folder.
    ///
    /// # Errors
    /// [`Error::Usage`] without such a folder; or if it cannot be read.
    pub(super) fn open(&self, read: ReadFolder) -> Result<(String, Dataset)> {
        // A folder such as `.` has no name of its own.
        let whole = self.folder.canonicalize().ok().filter(|dir| dir.is_dir());
        let Some(name) = whole.as_deref().and_then(|dir| Some(dir.file_name()?.to_string_lossy())) else {
            let folder = self.folder.display();
            let what = format!("no folder {folder}; --images takes a folder with one subfolder per class");
            return Err(Error::Usage(what));
        };
        let (set, skipped) = read(&self.folder, &FolderOptions { side: self.side, colour: self.colour })?;
        skipped.iter().for_each(|image| note!("skipped: {image}"));
        // The set is named after its folder, in configs and logs too.
        Ok((text::line(&name).into_owned(), set))
    }

    /// The options that name these images, each preceded by a space, for another command.
    pub(super) fn arguments(&self) -> String {
        let mut text = shell::option("--images", self.folder.as_os_str());
        if self.side != SIDE {
            text += &format!(" --side {}", self.side);
        }
        text + if self.colour { " --colour" } else { "" }
    }
}
