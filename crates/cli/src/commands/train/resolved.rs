//! Resolves the arguments of `agon train` to a run, its images and a device.

use serde_json::{Map, Value};

use super::super::own_images::{self, OwnImages};
use super::super::settings::{checked, kind, preset, set_all};
use super::{Train, device, file};
use crate::error::{Error, Result};
use experiments::presets::{self, InputSpec};
use runs::images::Images;
use runs::learners::RunConfig;
use runs::run::Run;
use runs::settings::{Setting, in_words};
use runs::training::Hardware;

/// The defaults.
pub(in super::super) const MODEL: &str = "fc-m";
pub(in super::super) const DATA_SET: &str = "fashion-mnist-embedded";

/// The run, images and device that a command line of `agon train` resolves to.
pub(super) struct Resolved {
    pub(super) run: Run,
    pub(super) images: Images,
    /// The folder of the images, if they are the user's own.
    pub(super) own: Option<OwnImages>,
    pub(super) device: String,
}

/// The run, its images, and the device.
///
/// # Errors
/// [`Error::Usage`], with the valid choices, for unknown names and for values that do not fit; or if the images cannot be
/// read.
pub(super) fn resolve(args: &Train) -> Result<Resolved> {
    args.image_options.check_one_source()?;
    let mut fields = args.config.as_deref().map(file::read).transpose()?.unwrap_or_default();
    let seed = match fields.remove("seed") {
        None => 0,
        Some(seed) => seed.as_u64().ok_or_else(|| {
            Error::Usage(format!("`seed` of the config is {seed}: expected a non-negative integer"))
        })?,
    };
    let in_config: Option<OwnImages> = match fields.remove(own_images::ENTRY) {
        None => None,
        Some(own) => Some(read(args, own)?),
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
    let remembered = in_config.as_ref().filter(|_| in_settings.is_none());
    let otherwise = in_settings.or(in_file).unwrap_or(DATA_SET);
    let (name, set) = args.image_options.open(otherwise, remembered, data::image_folder)?;
    let own = match args.image_options.named() {
        true => args.image_options.own(None),
        false => remembered.cloned(),
    };
    let data = match fields.get("data") {
        Some(data) => read(args, data.clone())?,
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
    whole.insert("data".into(), serde_json::to_value(data).expect("a config is serialisable"));
    if let Some(epochs) = args.epochs {
        whole.insert("epochs".into(), epochs.into());
    }
    let config: RunConfig = read(args, Value::Object(whole))?;
    let named = args.image_options.named();
    let options = [
        ("--epochs", args.epochs.is_some(), "epochs"),
        ("--device", args.device.is_some(), "hardware"),
        ("--data-set or --images", named, "data.name"),
        ("--data-set or --images", named, "data"),
    ];
    let config = set_all(config, settings, &options)?;
    if config.data.name != name {
        return Err(Error::Usage(format!(
            "`data.name` is {}, and the command line names the images of {name}; omit one of them",
            config.data.name
        )));
    }
    let images = checked(&config, &set)?;
    let device = device(args.device.as_deref(), config.hardware)?;
    let hardware = if device == "cpu" { Hardware::Cpu } else { Hardware::Cuda };
    let run = Run { config, seed: args.seed.unwrap_or(seed) }.on(hardware);
    Ok(Resolved { run, images, own, device })
}

/// The data set named by a `data` section.
fn data_set(data: Option<&Value>) -> Option<&str> {
    data?.get("name")?.as_str()
}

/// A part of the config as plain data.
fn read<T: serde::de::DeserializeOwned>(args: &Train, value: Value) -> Result<T> {
    T::deserialize(&value).map_err(|error| {
        let file = args.config.clone().unwrap_or_else(|| "the config".into());
        Error::Config { file, why: in_words(&error.to_string(), &value, &[]) }
    })
}
