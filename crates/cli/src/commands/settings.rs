//! Resolves presets and settings to the config of a run, and checks that it fits its images.

use clap::builder::{PossibleValue, PossibleValuesParser};
use data::Dataset;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use experiments::presets::{self, InputSpec};
use runs::images::{DataConfig, Images};
use runs::learners::RunConfig;
use runs::settings::{self, Setting, is_of_other_type, plain, with_settings};
use system::nearest::nearest;

/// An option that sets the value of a key: its name, whether it is given, and the key.
pub(super) type OptionOfKey = (&'static str, bool, &'static str);

/// Parses the names of presets.
pub(super) fn models() -> PossibleValuesParser {
    PossibleValuesParser::new(
        presets::ALL.iter().map(|preset| PossibleValue::new(preset.name).help(preset.what)),
    )
}

/// The config of a preset as a table.
///
/// # Errors
/// [`Error::Usage`] if the preset does not take such images.
pub(super) fn preset(name: &str, data: DataConfig, kind: &InputSpec) -> Result<Map<String, Value>> {
    let preset = presets::ALL
        .iter()
        .find(|preset| preset.name == name)
        .expect("the command line has checked the names");
    match serde_json::to_value(preset.config(data, kind)?) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => unreachable!("a config serialises to a map"),
    }
}

/// Shape and classes of these images.
pub(super) fn kind(images: &Images) -> InputSpec {
    InputSpec { image: images.train.image_shape(), classes: images.classes.len() }
}

/// The images of a config, if the config is valid and fits them.
///
/// # Errors
/// [`Error::Usage`] with what is expected if not.
pub(super) fn checked(config: &RunConfig, set: &Dataset) -> Result<Images> {
    config.check()?;
    let (images, name) = (Images::of(&config.data, set)?, &config.data.name);
    if images.classes.len() < 2 && config.learner.classifies() {
        return Err(Error::Usage(format!(
            "{name}: expected at least two classes, got one; add a folder of another class, or train an \
             autoencoder"
        )));
    }
    kind(&images)
        .fits(&config.learner, name)
        .map_err(|why| Error::Usage(format!("{why}; choose another preset with `--model NAME`")))?;
    config.check_memory(&images)?;
    Ok(images)
}

/// Applies these values. A unique suffix of a key suffices, as in `lambda=0.5`.
///
/// # Errors
/// [`Error::Usage`] for unknown, ambiguous or contradicting keys and for values of another type.
pub(super) fn set_all(
    config: RunConfig,
    mut settings: Vec<Setting>,
    options: &[OptionOfKey],
) -> Result<RunConfig> {
    if let Some(Setting { value, .. }) = settings.iter().find(|setting| setting.key == "seed") {
        return Err(Error::Usage(format!("the seed is not part of the config; give it as `--seed {value}`")));
    }
    let whole = serde_json::to_value(&config).expect("a config is serialisable");
    let keys = settings::keys(&whole);
    // A suffix of a key never stands for an optimiser that the learner does not use.
    let unused = |key: &str| config.learner.optimiser_key() != "optimiser" && key.starts_with("optimiser.");
    let mut unknown = None;
    for setting in &mut settings {
        let end = format!(".{}", setting.key);
        let ends: Vec<&String> = keys.iter().filter(|key| key.ends_with(&end) && !unused(key)).collect();
        match ends[..] {
            _ if keys.contains(&setting.key) => {}
            [one] => setting.key.clone_from(one),
            // It may be a key that the config omits.
            [] => unknown = unknown.or_else(|| Some(setting.key.clone())),
            _ => {
                let listed: Vec<&str> = ends.iter().map(|key| key.as_str()).collect();
                let what =
                    format!("`{}` is ambiguous: {}; write the full key", setting.key, listed.join(" or "));
                return Err(Error::Usage(what));
            }
        }
    }
    for (option, _, key) in options.iter().filter(|(_, given, _)| *given) {
        if settings.iter().any(|setting| setting.key == *key) {
            return Err(Error::Usage(format!("`{key}=` and {option} set the same value; give one of them")));
        }
    }
    for Setting { key, value } in &settings {
        let old = whole.pointer(&format!("/{}", key.replace('.', "/")));
        if let (Some(range), Some(old)) = (config.range_of(key), old) {
            let what = match is_of_other_type(old, value) {
                None => continue,
                Some(_) if value.is_null() => format!("`{key}` is not finite: expected a number {range}"),
                Some(expected) => format!("`{key}` is {}: expected {expected} {range}", plain(value)),
            };
            return Err(Error::Usage(what));
        }
    }
    with_settings(config, &settings).map_err(Error::from).map_err(|error| match unknown {
        // For an unknown suffix, suggest the suffixes of all keys.
        Some(key) if !key.contains('.') && refuses(&error, &key) => {
            let mut ends: Vec<&str> = keys.iter().filter_map(|key| key.rsplit('.').next()).collect();
            ends.sort_unstable();
            ends.dedup();
            let hint = nearest(&key, &ends);
            Error::Usage(format!("no config key `{key}`{hint}; the keys are {}", keys.join(", ")))
        }
        _ => error,
    })
}

/// Whether the error is about an unknown key, not an invalid value.
fn refuses(error: &Error, key: &str) -> bool {
    error.to_string().starts_with(&format!("no config key `{key}`"))
}
