//! Opens the data sets of runs, each once.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use crate::Result;
use crate::images::{DataConfig, Images, OpenData};
use crate::run::Run;

/// The open data sets, and the reasons why others are missing.
pub struct Data {
    /// The open data sets.
    pub open: OpenData,
    /// The missing data sets, by name.
    pub missing: BTreeMap<String, Missing>,
}

/// Why a data set is missing.
pub struct Missing {
    /// The full message, with the folders that were searched on this machine.
    pub message: String,
    /// The message stored in results, without paths: what is missing and what to do.
    pub recorded: String,
}

impl Missing {
    /// `None` for errors of a data set that exists.
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

/// Opens every data set of the runs once. A missing set is not an error: the runs that need it are reported as not run.
///
/// # Errors
/// If a set exists and cannot be read, or has too few images.
pub fn open_data<'r>(runs: impl IntoIterator<Item = &'r Run>, folder: Option<&Path>) -> Result<Data> {
    let mut data = Data { open: OpenData::new(), missing: BTreeMap::new() };
    // Several configs share one set, and some sets take seconds to read.
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
