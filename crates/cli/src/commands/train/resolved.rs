//! From what `agon train` is asked to a run and its images.

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

/// What is trained where nothing is named.
const MODEL: &str = "fc-m";
const DATA_SET: &str = "fashion-mnist-embedded";

/// The run that is asked for, its images, and the device.
///
/// # Errors
/// [`Error::Usage`] for whatever does not exist or does not fit, with what does; or if the images cannot be read.
pub(super) fn resolve(asked: &Train) -> Result<(Run, Images, String)> {
    asked.pictures.check_one_source()?;
    let mut fields = asked.config.as_deref().map(file::read).transpose()?.unwrap_or_default();
    let seed = match fields.remove("seed") {
        None => 0,
        Some(seed) => seed.as_u64().ok_or_else(|| {
            Error::Usage(format!("`seed` of the config is {seed}: wanted a whole number from 0 on"))
        })?,
    };
    let settings: Vec<Setting> =
        (asked.settings.iter().chain(&asked.set).map(|text| text.parse().map_err(Error::Usage)))
            .collect::<Result<_>>()?;

    let in_file = data_set(fields.get("data"));
    let in_settings = settings.iter().find_map(|Setting { key, value }| match key.as_str() {
        "data.name" | "name" => value.as_str(),
        "data" => data_set(Some(value)),
        _ => None,
    });
    let (name, set) = asked.pictures.open(in_settings.or(in_file).unwrap_or(DATA_SET))?;
    let data = match fields.get("data") {
        Some(data) => serde_json::from_value(data.clone()).map_err(|error| refused(asked, &error))?,
        None => presets::whole(&name, &set),
    };
    if let Some(other) = in_file.filter(|other| *other != name && asked.pictures.named()) {
        return Err(Error::Usage(format!(
            "the config is for {other}, and the command line names {name}; leave one of them out (a config without \
             `data` is for any set)"
        )));
    }
    let kind = match data.changes.is_empty() {
        true => InputSpec { image: set.train.image_shape(), classes: set.classes.len() },
        false => kind(&Images::of(&data, &set)?),
    };
    if let (Some(model), Some(file), true) = (&asked.model, &asked.config, fields.contains_key("learner")) {
        return Err(Error::Usage(format!(
            "`--model {model}` and the `learner` of {} both say what is trained; leave one of them out",
            file.display()
        )));
    }
    let mut whole = match (&asked.model, &asked.config) {
        (None, Some(_)) => Map::new(),
        (model, _) => preset(model.as_deref().unwrap_or(MODEL), data.clone(), &kind)?,
    };
    whole.extend(fields);
    whole.insert("data".into(), serde_json::to_value(data).expect("a config is plain data"));
    if let Some(epochs) = asked.epochs {
        whole.insert("epochs".into(), epochs.into());
    }
    let config = serde_json::from_value(Value::Object(whole)).map_err(|error| refused(asked, &error))?;
    let config: RunConfig = set_all(config, settings, asked)?;
    config.check()?;
    if config.data.name != name {
        return Err(Error::Usage(format!(
            "`data.name` is {}, and the images are those of {name}; name them once",
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
        .map_err(|why| Error::Usage(format!("{why}; `--model NAME` starts from one that fits")))?;
    config.check_room(&images)?;

    let device = device(asked.device.as_deref(), config.hardware)?;
    let hardware = if device == "cpu" { Hardware::Cpu } else { Hardware::Cuda };
    Ok((Run { config, seed: asked.seed.unwrap_or(seed) }.on(hardware), images, device))
}

/// The name of the set that a config of data names.
fn data_set(data: Option<&Value>) -> Option<&str> {
    data?.get("name")?.as_str()
}

fn kind(images: &Images) -> InputSpec {
    InputSpec { image: images.train.image_shape(), classes: images.classes.len() }
}

/// What is said of a config that does not fit.
fn refused(asked: &Train, error: &serde_json::Error) -> Error {
    let file = asked.config.clone().unwrap_or_else(|| "the config".into());
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

/// The config with these values. Where only one key ends in what is written, its end is enough, as in `lambda=0.5`.
fn set_all(config: RunConfig, mut settings: Vec<Setting>, asked: &Train) -> Result<RunConfig> {
    if let Some(Setting { value, .. }) = settings.iter().find(|setting| setting.key == "seed") {
        return Err(Error::Usage(format!("the seed is no part of the config; give it as `--seed {value}`")));
    }
    let keys = settings::keys(&serde_json::to_value(&config).expect("a config is plain data"));
    // An optimiser that does not train the learner is never the one that is meant.
    let unused = |key: &str| config.learner.optimiser_key() != "optimiser" && key.starts_with("optimiser.");
    let mut unknown = None;
    for setting in &mut settings {
        let end = format!(".{}", setting.key);
        let ends: Vec<&String> = keys.iter().filter(|key| key.ends_with(&end) && !unused(key)).collect();
        match ends[..] {
            _ if keys.contains(&setting.key) => {}
            [one] => setting.key.clone_from(one),
            // It may be one that a config leaves out.
            [] => unknown = unknown.or_else(|| Some(setting.key.clone())),
            _ => {
                let listed: Vec<&str> = ends.iter().map(|key| key.as_str()).collect();
                let what =
                    format!("`{}` may be {}; write the one that is meant", setting.key, listed.join(" or "));
                return Err(Error::Usage(what));
            }
        }
    }
    let options = [
        ("--epochs", asked.epochs.is_some(), "epochs"),
        ("--device", asked.device.is_some(), "hardware"),
        ("--data-set or --images", asked.pictures.named(), "data.name"),
        ("--data-set or --images", asked.pictures.named(), "data"),
    ];
    for (option, _, key) in options.iter().filter(|(_, given, _)| *given) {
        if settings.iter().any(|setting| setting.key == *key) {
            return Err(Error::Usage(format!("`{key}=` and {option} say the same; give one of them")));
        }
    }
    for Setting { key, .. } in settings.iter().filter(|setting| setting.value.is_null()) {
        if let Some(range) = config.range_of(key) {
            return Err(Error::Usage(format!("`{key}` is no finite number: wanted a number {range}")));
        }
    }
    with_settings(config, &settings).map_err(Error::from).map_err(|error| match unknown {
        // Somebody who leaves out the beginning of a key hears of all ends.
        Some(key) if !key.contains('.') && refuses(&error, &key) => {
            let mut ends: Vec<&str> = keys.iter().filter_map(|key| key.rsplit('.').next()).collect();
            ends.sort_unstable();
            ends.dedup();
            let hint = nearest(&key, &ends);
            Error::Usage(format!("no config key `{key}`{hint}; there are {}", keys.join(", ")))
        }
        _ => error,
    })
}

/// Whether it is the name of this key that is wrong, and not a value.
fn refuses(error: &Error, key: &str) -> bool {
    error.to_string().starts_with(&format!("no config key `{key}`"))
}
