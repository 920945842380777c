//! The config of a run as a TOML file: the fields of [`RunConfig`](runs::learners::RunConfig), `seed`, and
//! `images` for a folder of the user's own.

use std::path::Path;

use serde_json::{Map, Value};
use system::files;

use super::super::own_images::{ENTRY, OwnImages};
use crate::error::{Error, Result};
use runs::run::Run;
use runs::run::ranges::check_finite;

/// The maximum size of a config in bytes; ours have a few hundred.
const MAX_BYTES: u64 = 1 << 20;

/// The run as a config file that [`read`] accepts.
///
/// # Errors
/// [`Error::Usage`] for a seed that TOML cannot represent.
pub(super) fn text(run: &Run, own: Option<&OwnImages>) -> Result<String> {
    let mut whole = serde_json::to_value(&run.config).expect("a config is serialisable");
    whole["seed"] = run.seed.into();
    if let Some(own) = own.and_then(OwnImages::absolute) {
        let own = serde_json::to_value(own).expect("a path that is UTF-8");
        // A name that is escaped on the terminal could not be read back.
        if own["folder"].as_str().is_some_and(|folder| system::text::line(folder) == folder) {
            whole[ENTRY] = own;
        }
    }
    toml::to_string(&whole).map_err(|error| {
        Error::Usage(format!("cannot write the config as TOML, whose integers end at 2^63 - 1: {error}"))
    })
}

/// Reads the fields of a config file, without interpreting them.
///
/// # Errors
/// [`Error::Config`] with the line if it cannot be read or is not TOML.
pub(super) fn read(path: &Path) -> Result<Map<String, Value>> {
    let refused = |error: &dyn std::fmt::Display| Error::Config {
        file: path.into(),
        why: error.to_string().trim_end().into(),
    };
    let text = files::read_text(path, MAX_BYTES).map_err(|error| refused(&error))?;
    let fields: Map<String, Value> = toml::from_str(&text).map_err(|error| refused(&error))?;
    for (key, value) in &fields {
        check_finite(value, key).map_err(|error| refused(&error))?;
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use experiments::presets::{ALL, InputSpec};
    use runs::images::DataConfig;
    use runs::learners::RunConfig;
    use runs::training::Rotation;

    #[test]
    fn every_preset_round_trips_through_its_file_with_the_same_json_and_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        for preset in ALL {
            let config = [[1, 28, 28], [3, 32, 32]].into_iter().find_map(|image| {
                preset.config(DataConfig::new("set", 100, 10, 10), &InputSpec { image, classes: 10 }).ok()
            });
            let mut config = config.unwrap();
            config.rotation = Some(Rotation::PAPER);
            let run = Run { config, seed: 7 };
            std::fs::write(&path, text(&run, None).unwrap()).unwrap();
            let mut fields = read(&path).unwrap();
            assert_eq!(fields.remove("seed"), Some(Value::from(7)), "{}", preset.name);
            let again: RunConfig = serde_json::from_value(Value::Object(fields)).unwrap();
            let json = |config: &RunConfig| serde_json::to_value(config).unwrap();
            assert_eq!(json(&again), json(&run.config), "{}", preset.name);
        }
    }

    #[test]
    fn a_file_that_is_not_toml_is_refused_with_its_line_and_a_next_step() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        std::fs::write(&path, "epochs = 3\nbatch = = 4\n").unwrap();
        let message = read(&path).unwrap_err().to_string();
        assert!(message.contains("run.toml") && message.contains("line 2"), "{message}");
        assert!(message.contains("--print-config") && message.lines().count() < 10, "{message}");
    }
}
