//! The combinations of a sweep's presets, data sets and values, with their configs.

use data::Dataset;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::image_options::open_set;
use super::super::settings::{checked, preset, set_all};
use super::super::train::resolved::{DATA_SET, MODEL};
use super::{OpenFolder, PresetSweep, Run, Sweep};
use crate::error::{Error, Result};
use experiments::preset_sweep::Cell;
use experiments::presets::{self, InputSpec};
use runs::learners::RunConfig;
use runs::settings::{Setting, values};
use runs::training::Hardware;

/// The largest number of runs of a sweep; more are probably a typing error.
const MAX_RUNS: usize = 100_000;

/// The seeds of a sweep.
#[derive(Debug, Clone)]
pub(super) struct Seeds(Vec<u64>);

/// Parses a number of seeds, or a list of them.
pub(super) fn seeds(text: &str) -> std::result::Result<Seeds, String> {
    let expected = "expected a number of seeds from 1 to 1000, or a list of different seeds as in 3,5,8";
    let seeds: Vec<u64> = match text.contains(',') {
        false => (0..text.parse::<u64>().ok().filter(|n| (1..=1_000).contains(n)).ok_or(expected)?).collect(),
        true => text
            .split(',')
            .map(|seed| seed.trim().parse())
            .collect::<std::result::Result<_, _>>()
            .map_err(|_| expected)?,
    };
    let once = (1..seeds.len()).all(|at| !seeds[..at].contains(&seeds[at]));
    once.then_some(Seeds(seeds)).ok_or_else(|| expected.to_owned())
}

/// Parses the name of a folder.
pub(super) fn folder_name(text: &str) -> std::result::Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match !text.is_empty() && text.chars().all(plain) && !text.starts_with('.') {
        true => Ok(text.to_owned()),
        false => Err("expected letters, digits, `-`, `_` and `.`, not starting with `.`".into()),
    }
}

/// A key with its values.
struct Axis {
    key: String,
    values: Vec<String>,
}

/// The sweep of these arguments, with every config checked.
///
/// # Errors
/// [`Error::Usage`] for unknown names, values that do not fit, and values that are given twice.
pub(super) fn resolve(args: &Sweep, folders: &[OpenFolder], hardware: Hardware) -> Result<PresetSweep> {
    let models = if args.model.is_empty() { vec![MODEL.to_owned()] } else { args.model.clone() };
    let sets = sets(args, folders)?;
    let axes = axes(args)?;
    let names: Vec<String> = sets.iter().map(|(name, _)| name.clone()).collect();
    for (what, names) in [("--model", &models), ("--data-set", &names)] {
        check_once(what, names)?;
    }
    let n = axes.iter().map(|axis| axis.values.len()).product::<usize>();
    let n_runs = n.saturating_mul(models.len() * sets.len() * args.seeds.0.len());
    if n_runs > MAX_RUNS {
        return Err(Error::Usage(format!("the sweep has {n_runs} runs: expected at most {MAX_RUNS}")));
    }
    let several: Vec<&Axis> = axes.iter().filter(|axis| axis.values.len() > 1).collect();
    let mut varied: Vec<String> = several.iter().map(|axis| axis.key.clone()).collect();
    varied.extend((models.len() > 1).then(|| "model".to_owned()));
    varied.extend((sets.len() > 1).then(|| "data".to_owned()));
    let mut cells = vec![];
    for model in &models {
        for (name, set) in &sets {
            for combination in 0..n {
                let chosen = chosen(&axes, combination);
                let config = config(args, model, (name, set), &chosen)?.on(hardware);
                checked(&config, set)?;
                let mut values: Vec<String> = (axes.iter().zip(&chosen))
                    .filter(|(axis, _)| axis.values.len() > 1)
                    .map(|(_, value)| (*value).to_owned())
                    .collect();
                values.extend((models.len() > 1).then(|| model.clone()));
                values.extend((sets.len() > 1).then(|| name.clone()));
                cells.push(Cell { values, config });
            }
        }
    }
    let name = args.name.clone().unwrap_or_else(|| default_name(&models, &varied, &cells));
    Ok(PresetSweep { name, varied, seeds: args.seeds.0.clone(), cells })
}

/// The data sets by name.
fn sets(args: &Sweep, folders: &[OpenFolder]) -> Result<Vec<(String, Dataset)>> {
    let mut sets = vec![];
    let named = match args.data_set.is_empty() && folders.is_empty() {
        true => vec![DATA_SET.to_owned()],
        false => args.data_set.clone(),
    };
    for name in named {
        let set = open_set(&name, args.data.as_deref())?;
        sets.push((name, set));
    }
    sets.extend(folders.iter().map(|folder| (folder.name.clone(), folder.set.clone())));
    Ok(sets)
}

/// The keys with their values.
fn axes(args: &Sweep) -> Result<Vec<Axis>> {
    let mut axes: Vec<Axis> = vec![];
    for text in args.settings.iter().chain(&args.set) {
        let Some((key, list)) = text.split_once('=') else {
            return Err(Error::Usage(format!("setting: expected KEY=VALUE,VALUE, got `{text}`")));
        };
        let axis =
            Axis { key: key.trim().into(), values: values(list).into_iter().map(str::to_owned).collect() };
        if axis.key == "seed" {
            return Err(Error::Usage(format!(
                "seeds are not part of the config; give them as `--seeds {list}`"
            )));
        }
        if axes.iter().any(|other| other.key == axis.key) {
            return Err(Error::Usage(format!(
                "`{}` is set twice; give all of its values in one argument",
                axis.key
            )));
        }
        check_once(&format!("`{}`", axis.key), &axis.values)?;
        axes.push(axis);
    }
    Ok(axes)
}

fn check_once(what: &str, values: &[String]) -> Result<()> {
    let twice = (1..values.len()).find(|&at| values[..at].contains(&values[at]));
    twice.map_or(Ok(()), |at| {
        Err(Error::Usage(format!("{what} has the value {} twice; give it once", values[at])))
    })
}

/// The values of a combination; the last key varies fastest.
fn chosen(axes: &[Axis], mut combination: usize) -> Vec<&str> {
    let mut chosen = vec![];
    for axis in axes.iter().rev() {
        chosen.push(&*axis.values[combination % axis.values.len()]);
        combination /= axis.values.len();
    }
    chosen.reverse();
    chosen
}

/// The config of a combination.
fn config(args: &Sweep, model: &str, (name, set): (&str, &Dataset), chosen: &[&str]) -> Result<RunConfig> {
    let kind = InputSpec { image: set.train.image_shape(), classes: set.classes.len() };
    let mut fields = preset(model, presets::whole(name, set), &kind)?;
    if let Some(epochs) = args.epochs {
        fields.insert("epochs".into(), epochs.into());
    }
    let config: RunConfig =
        serde_json::from_value(Value::Object(fields)).expect("a preset is a valid config");
    let keys = args.settings.iter().chain(&args.set).filter_map(|text| text.split_once('='));
    let settings =
        keys.zip(chosen).map(|((key, _), value)| format!("{key}={value}").parse().map_err(Error::Usage));
    let settings: Vec<Setting> = settings.collect::<Result<_>>()?;
    let options = [
        ("--epochs", args.epochs.is_some(), "epochs"),
        ("--device", true, "hardware"),
        ("--data-set or --images", true, "data.name"),
        ("--data-set or --images", true, "data"),
    ];
    set_all(config, settings, &options).map_err(|error| match error {
        Error::Usage(what) => Error::Usage(format!("{model}: {what}")),
        other => other,
    })
}

/// A name of models, keys and a checksum of all configs.
fn default_name(models: &[String], varied: &[String], cells: &[Cell]) -> String {
    let mut hash = Sha256::new();
    for cell in cells {
        hash.update(runs::local::name(&Run { config: cell.config.clone(), seed: 0 }));
    }
    let keys = varied.iter().filter(|key| *key != "model").filter_map(|key| key.rsplit('.').next());
    let parts = models.iter().map(String::as_str).chain(keys);
    let checksum = format!("{:x}", hash.finalize());
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    let parts: String = parts.collect::<Vec<_>>().join("-").chars().map(plain).take(60).collect();
    format!("{parts}-{}", &checksum[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_number_or_a_list() {
        let of = |text: &str| seeds(text).map(|Seeds(seeds)| seeds);
        assert_eq!((of("3"), of("7, 9")), (Ok(vec![0, 1, 2]), Ok(vec![7, 9])));
        for wrong in ["0", "1001", "-1", "a", "1,1", "1,,2", ""] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn combinations_are_every_choice_once_and_the_last_key_varies_fastest() {
        let axis = |key: &str, values: &[&str]| Axis {
            key: key.into(),
            values: values.iter().map(|&value| value.to_owned()).collect(),
        };
        let axes = [axis("lambda", &["0", "1"]), axis("epochs", &["5"]), axis("latent", &["4", "8"])];
        let all: Vec<String> = (0..4).map(|at| chosen(&axes, at).join(" ")).collect();
        assert_eq!(all, ["0 5 4", "0 5 8", "1 5 4", "1 5 8"]);
    }

    #[test]
    fn a_folder_name_with_a_path_or_a_leading_dot_is_refused() {
        assert!(folder_name("my-sweep_2.b").is_ok());
        for wrong in ["", "..", "a/b", ".hidden", "a b"] {
            assert!(folder_name(wrong).is_err(), "{wrong}");
        }
    }
}
