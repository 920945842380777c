//! `agon train`: one run of any learner on any images, with a view of it while it trains.

mod file;
mod observer;
mod resolved;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use serde_json::json;
use system::{note, text};

use self::observer::TrainObserver;
use super::output::{duration, say, say_json_line};
use super::pictures::Pictures;
use crate::error::{Error, Result};
use crate::progress::{Losses, View};
use crate::provenance::provenance;
use experiments::presets;
use runs::images::{Images, OpenData};
use runs::local::{self, Resources};
use runs::names::LATENT;
use runs::run::Run;
use runs::run::compute::Keep;
use runs::shell;
use runs::store::{FinishedRun, Outcome, Store};
use runs::training::Hardware;

/// What `agon train` is asked.
#[derive(Debug, Args)]
pub(crate) struct Train {
    /// Single values of the config, as in `lambda=0.5` or `learner.model.latent=64`
    #[arg(value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// The same as KEY=VALUE alone, as the other commands have it
    #[arg(short = 's', long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The model to start from; fc-m where neither this nor a file is named
    #[arg(long, value_name = "NAME", value_parser = models())]
    model: Option<String>,
    /// A config as --print-config writes it; beside --model it must not hold a learner, and replaces the parts that it holds
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    #[command(flatten)]
    pictures: Pictures,
    /// The seed of the initial parameters and of the order of the images
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<u64>,
    /// How often the training images are gone through
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    epochs: Option<u32>,
    /// The device to train on, as in cuda:0
    #[arg(long)]
    device: Option<String>,
    /// Where to write
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Write event files for TensorBoard to a folder for the run in this one
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
    /// Print the config with every value and train nothing
    #[arg(long, conflicts_with_all = ["json", "tensorboard"])]
    print_config: bool,
    /// Print JSON for programs: an object for each epoch, and one at the end
    #[arg(long)]
    json: bool,
}

fn models() -> PossibleValuesParser {
    PossibleValuesParser::new(
        presets::ALL.iter().map(|preset| PossibleValue::new(preset.name).help(preset.what)),
    )
}

pub(crate) fn command(asked: &Train) -> Result<ExitCode> {
    let (run, images, device) = resolved::resolve(asked)?;
    if asked.print_config {
        say(&file::text(&run)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let key = run.spec(&images).folder_name();
    let store = Store::open(asked.out.join("runs"))?.with_provenance(provenance(&device));
    same_classes(&store, &run, &images)?;
    let runs = local::with_needed(std::slice::from_ref(&run));
    let data = OpenData::from([(run.config.data.clone(), Arc::new(images))]);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let resources = Resources { jobs: 1, threads, device, keep: Keep::EveryParameter };
    let observer = TrainObserver::new(&run, &key, asked.json, asked.tensorboard.as_deref())?;
    let done = local::run_all(&store, &data, &runs, &resources, &observer);
    let found = observer.end()?;
    let done = done?;
    let finished = done.get(&run).ok_or_else(|| {
        let what = "an encoder is trained on the images that are read from it; give both the same `data`";
        Error::Usage(what.into())
    })?;
    match asked.json {
        true => say_json_line(&summary(&run, &key, finished, found))?,
        false => say(&words(&run, &key, finished, found, asked))?,
    }
    match &finished.outcome {
        Outcome::Finished => Ok(ExitCode::SUCCESS),
        Outcome::Diverged { reason, .. } | Outcome::Failed { reason } => {
            note!("error: {}: {reason}", run.label());
            Ok(ExitCode::FAILURE)
        }
    }
}

/// That the run, if it has begun, was begun with the same names of classes: images and labels alone are its key.
fn same_classes(store: &Store, run: &Run, images: &Images) -> Result<()> {
    let spec = run.spec(images);
    let begun = store.begun(&spec)?.map(|begun| begun.data.classes).unwrap_or_default();
    let mut differ = begun.iter().zip(&spec.data.classes).filter(|(then, now)| then != now);
    let Some((then, now)) = differ.next() else { return Ok(()) };
    Err(Error::Usage(format!(
        "run {} is stored with the same images, and {} changed: `{}` was `{}`; give the folders their old names, or write \
         to another folder with --out",
        spec.folder_name(),
        text::count(1 + differ.count(), "class name"),
        now.escape_debug(),
        then.escape_debug()
    )))
}

/// How the run ended, for programs.
fn summary(run: &Run, key: &str, finished: &FinishedRun, found: bool) -> serde_json::Value {
    let mut view = View::new(run);
    view.update(&finished.epochs);
    json!({
        "event": "end",
        "key": key,
        "label": run.label(),
        "found": found,
        "outcome": finished.outcome,
        "epochs": view.done(),
        "seconds": seconds(finished),
        "images_per_second": view.images_per_second(),
        "note": view.worse(),
        "scalars": finished.epochs.last().map(|epoch| &epoch.scalars),
    })
}

/// How the run ended, and what to type next.
fn words(run: &Run, key: &str, finished: &FinishedRun, found: bool, asked: &Train) -> String {
    let mut view = View::new(run);
    view.update(&finished.epochs);
    let ended = match (&finished.outcome, found) {
        (Outcome::Finished, false) => "finished",
        (Outcome::Finished, true) => "found in the store, computed before",
        (Outcome::Diverged { .. }, _) => "diverged",
        (Outcome::Failed { .. }, _) => "failed",
    };
    let speed = view.images_per_second().map_or(String::new(), |rate| format!(", {rate:.0} images/s"));
    let mut lines = vec![format!("run {key}: {}", run.label())];
    let time = duration(seconds(finished));
    let epochs = text::count(view.last() as usize, "epoch");
    lines.push(format!("{ended}: {} of {epochs}, {time}{speed}", view.done()));
    lines.extend(view.worse().map(|worse| format!("note: {worse}")));
    for set in ["train", "validation", "test"] {
        let epoch = finished.epochs.last();
        let words =
            epoch.map(|epoch| Losses::of(&run.config.learner, epoch, set).words()).unwrap_or_default();
        if !words.is_empty() {
            lines.push(format!("{:11} {words}", format!("{set}:")));
        }
    }
    if finished.outcome == Outcome::Finished && !finished.finals.is_empty() && view.last() > 0 {
        let out = match asked.out.to_str() {
            Some("out") => String::new(),
            _ => shell::option("--out", asked.out.as_os_str()),
        };
        let images = asked.pictures.arguments();
        let mut next = vec![(format!("eval {key}{images}{out}"), "accuracy class by class")];
        if finished.finals.contains_key(LATENT) {
            next.push((format!("probe {key}{out}"), "what its latent holds"));
        }
        next.push((format!("export {key} model.safetensors{out}"), "the parameters, for PyTorch"));
        let width = next.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
        for (place, (command, what)) in next.iter().enumerate() {
            let head = if place == 0 { "next:" } else { "" };
            lines.push(format!("{head:5} agon {command:width$}   # {what}"));
        }
    }
    lines.join("\n") + "\n"
}

fn seconds(finished: &FinishedRun) -> f64 {
    finished.epochs.iter().map(|epoch| epoch.seconds).sum()
}

/// The device that is asked for, or that of the config.
///
/// # Errors
/// [`Error::Usage`] if there is no such device.
fn device(asked: Option<&str>, hardware: Hardware) -> Result<String> {
    let name = asked.unwrap_or(match hardware {
        Hardware::Cpu => "cpu",
        Hardware::Cuda => "cuda:0",
    });
    let _: tensor::Device = name.parse().map_err(|error: tensor::Error| Error::Usage(error.to_string()))?;
    Ok(name.to_owned())
}
