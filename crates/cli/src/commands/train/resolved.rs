//! Resolves the arguments of `agon train` to a run, its images and a device.

use serde_json::{Map, Value};

use super::{Train, device, file};
use crate::error::{Error, Result};
use experiments::presets::{self, InputSpec};
use runs::images::Images;
use runs::learners::RunConfig;
use runs::run::Run;
use runs::settings::{self, Setting, with_settings};
use runs::training::Hardware;
use system::nearest::nearest;

/// The defaults.
const MODEL: &str = "fc-m";
const DATA_SET: &str = "fashion-mnist-embedded";

/// The run, its images, and the device.
///
/// # Errors
/// [`Error::Usage`], with the valid choices, for unknown names and for values that do not fit; or if the images cannot be
/// read.
pub(super) fn resolve(args: &Train) -> Result<(Run, Images, String)> {
    args.image_options.check_one_source()?;
    let mut fields = args.config.as_deref().map(file::read).transpose()?.unwrap_or_default();
    let seed = match fields.remove("seed") {
        None => 0,
        Some(seed) => seed.as_u64().ok_or_else(|| {
            Error::Usage(format!("`seed` of the config is {seed}: wanted a non-negative integer"))
        })?,
    };
    let settings: Vec<Setting> =
        (args.settings.iter().chain(&args.set).map(|text| text.parse().map_err(Error::Usage)))
            .collect::<Result<_>>()?;

    let in_file = data_set(fields.get("data"));
    let in_settings = settings.iter().find_map(|Setting { key, value }| match key.as_str() {
        "data.name" | "name" => value.as_str(),
        "data" => data_set(Some(value)),
        _ => None,
    });
    let (name, set) = args.image_options.open(in_settings.or(in_file).unwrap_or(DATA_SET))?;
    let data = match fields.get("data") {
        Some(data) => serde_json::from_value(data.clone()).map_err(|error| refused(args, &error))?,
        None => presets::whole(&name, &set),
    };
    if let Some(other) = in_file.filter(|other| *other != name && args.image_options.named()) {
        return Err(Error::Usage(format!(
            "the config is for {other}, and the command line names {name}; omit one of them (a config without \
             `data` applies to any set)"
        )));
    }
    let kind = match data.changes.is_empty() {
        true => InputSpec { image: set.train.image_shape(), classes: set.classes.len() },
        false => kind(&Images::of(&data, &set)?),
    };
    if let (Some(model), Some(file), true) = (&args.model, &args.config, fields.contains_key("learner")) {
        return Err(Error::Usage(format!(
            "`--model {model}` and the `learner` of {} both name a model; omit one of them",
            file.display()
        )));
    }
    let mut whole = match (&args.model, &args.config) {
        (None, Some(_)) => Map::new(),
        (model, _) => preset(model.as_deref().unwrap_or(MODEL), data.clone(), &kind)?,
    };
    whole.extend(fields);
    whole.insert("data".into(), serde_json::to_value(data).expect("a config is plain data"));
    if let Some(epochs) = args.epochs {
        whole.insert("epochs".into(), epochs.into());
    }
    let config = serde_json::from_value(Value::Object(whole)).map_err(|error| refused(args, &error))?;
    let config: RunConfig = set_all(config, settings, args)?;
    config.check()?;
    if config.data.name != name {
        return Err(Error::Usage(format!(
            "`data.name` is {}, and the command line names the images of {name}; omit one of them",
            config.data.name
        )));
    }
    let images = Images::of(&config.data, &set)?;
    if images.classes.len() < 2 && config.learner.classifies() {
        return Err(Error::Usage(format!(
            "{name} has one class only, and nothing to classify; add a folder of another class, or train an autoencoder"
        )));
    }
    self::kind(&images)
        .fits(&config.learner, &name)
        .map_err(|why| Error::Usage(format!("{why}; choose another preset with `--model NAME`")))?;
    config.check_memory(&images)?;

    let device = device(args.device.as_deref(), config.hardware)?;
    let hardware = if device == "cpu" { Hardware::Cpu } else { Hardware::Cuda };
    Ok((Run { config, seed: args.seed.unwrap_or(seed) }.on(hardware), images, device))
}

/// The data set named by a `data` section.
fn data_set(data: Option<&Value>) -> Option<&str> {
    data?.get("name")?.as_str()
}

fn kind(images: &Images) -> InputSpec {
    InputSpec { image: images.train.image_shape(), classes: images.classes.len() }
}

/// The error for an invalid config.
fn refused(args: &Train, error: &serde_json::Error) -> Error {
    let file = args.config.clone().unwrap_or_else(|| "the config".into());
    Error::Config { file, why: settings::with_nearest(&error.to_string()) }
}

fn preset(name: &str, data: runs::images::DataConfig, kind: &InputSpec) -> Result<Map<String, Value>> {
    let preset =
        presets::ALL.iter().find(|preset| preset.name == name).expect("the command line knows the names");
    match serde_json::to_value(preset.config(data, kind)?) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => unreachable!("a config is a struct of plain data"),
    }
}

/// Applies these values. A unique suffix of a key suffices, as in `lambda=0.5`.
fn set_all(config: RunConfig, mut settings: Vec<Setting>, args: &Train) -> Result<RunConfig> {
    if let Some(Setting { value, .. }) = settings.iter().find(|setting| setting.key == "seed") {
        return Err(Error::Usage(format!("the seed is not part of the config; give it as `--seed {value}`")));
    }
    let keys = settings::keys(&serde_json::to_value(&config).expect("a config is plain data"));
    // An optimiser that the learner does not use is never meant.
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
    let options = [
        ("--epochs", args.epochs.is_some(), "epochs"),
        ("--device", args.device.is_some(), "hardware"),
        ("--data-set or --images", args.image_options.named(), "data.name"),
        ("--data-set or --images", args.image_options.named(), "data"),
    ];
    for (option, _, key) in options.iter().filter(|(_, given, _)| *given) {
        if settings.iter().any(|setting| setting.key == *key) {
            return Err(Error::Usage(format!("`{key}=` and {option} set the same value; give one of them")));
        }
    }
    for Setting { key, .. } in settings.iter().filter(|setting| setting.value.is_null()) {
        if let Some(range) = config.range_of(key) {
            return Err(Error::Usage(format!("`{key}` is not finite: wanted a number {range}")));
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
