//! Opens the data sets that runs read, each once.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use crate::Result;
use crate::images::{DataConfig, Images, OpenData};
use crate::run::Run;

/// The data sets that were found, and why others were not.
pub struct Data {
    /// Those that are here.
    pub open: OpenData,
    /// Those that are nowhere, by name.
    pub missing: BTreeMap<String, Missing>,
}

/// Why a data set is not here.
pub struct Missing {
    /// Everything, with the folders of this machine that were looked into.
    pub message: String,
    /// What results record, which others read: what is missing and what to do.
    pub recorded: String,
}

impl Missing {
    /// `None` for errors of a set that is there.
    fn of(error: &::data::Error) -> Option<Self> {
        let recorded = match error {
            ::data::Error::NotFound { hint, .. } => format!("not here; {hint}"),
            ::data::Error::Incomplete { missing, hint, .. } => {
                format!("{} missing; {hint}", missing.join(", "))
            }
            _ => return None,
        };
        Some(Self { message: error.to_string(), recorded })
    }
}

/// Opens every data set that the runs read, each once. A set that is nowhere is no error: whatever needs it is not
/// run, and says so.
///
/// # Errors
/// If one is there and cannot be read, or has too few images.
pub fn open_data<'r>(runs: impl IntoIterator<Item = &'r Run>, folder: Option<&Path>) -> Result<Data> {
    let mut data = Data { open: OpenData::new(), missing: BTreeMap::new() };
    // Several configs take parts of one set, and some sets take seconds to read.
    let mut sets: HashMap<&str, ::data::Dataset> = HashMap::new();
    for run in runs {
        let config: &DataConfig = &run.config.data;
        if data.open.contains_key(config) || data.missing.contains_key(&config.name) {
            continue;
        }
        if !sets.contains_key(config.name.as_str()) {
            match ::data::open(&config.name, folder) {
                Ok(set) => drop(sets.insert(&config.name, set)),
                Err(error) => {
                    let missing = Missing::of(&error).ok_or(error)?;
                    data.missing.insert(config.name.clone(), missing);
                    continue;
                }
            }
        }
        data.open.insert(config.clone(), Arc::new(Images::of(config, &sets[config.name.as_str()])?));
    }
    Ok(data)
}
