//! `agon train`: trains one model on any images, with live progress.

mod file;
mod observer;
pub(super) mod resolved;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use system::{note, text};

use self::observer::TrainObserver;
use self::resolved::Resolved;
use super::image_options::ImageOptions;
use super::own_images::OwnImages;
use super::settings::models;
use super::values::at_least_one;
use crate::error::{Error, Result};
use crate::output::{duration, print_json_line, print_text};
use crate::program;
use crate::progress::{Losses, View};
use crate::provenance::provenance;
use runs::images::{Images, OpenData};
use runs::learners::RunConfig;
use runs::local::{self, Resources};
use runs::names::LATENT;
use runs::run::Run;
use runs::run::keep::Keep;
use runs::shell;
use runs::store::{FinishedRun, Outcome, Store};
use runs::training::Hardware;

/// The shortest time besides the epochs that is printed, in seconds.
const SHOWN_BESIDE: f64 = 1.0;

/// The number of steps per epoch below which a note is printed.
const FEW_STEPS: usize = 4;

/// The arguments of `agon train`.
#[derive(Debug, Args)]
pub(crate) struct Train {
    /// Values of the config, as in `lambda=0.5` or `learner.model.latent=64`
    #[arg(value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Values of the config, as the arguments KEY=VALUE; for symmetry with the other commands
    #[arg(short = 's', long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The preset to start from; fc-m by default without --config
    #[arg(long, value_name = "NAME", value_parser = models())]
    model: Option<String>,
    /// A config as written by --print-config; with --model it must not contain a learner, and overrides the preset's values
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    #[command(flatten)]
    image_options: ImageOptions,
    /// The seed of the initial parameters and of the order of the images
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<u64>,
    /// The number of passes over the training images
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    epochs: Option<u32>,
    /// The number of threads; by default RAYON_NUM_THREADS, else the number of logical CPU cores. The results do not
    /// depend on it
    #[arg(long, value_name = "N", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) threads: Option<usize>,
    /// The device to train on, as in cuda:0
    #[arg(long)]
    device: Option<String>,
    /// The results folder
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Write TensorBoard event files to a subfolder of this folder
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
    /// Print the complete config without training
    #[arg(long, conflicts_with_all = ["json", "tensorboard"])]
    print_config: bool,
    /// Print JSON: an object per epoch, and one at the end
    #[arg(long)]
    json: bool,
}

pub(crate) fn command(args: &Train) -> Result<ExitCode> {
    let Resolved { run, images, own, device } = resolved::resolve(args)?;
    if args.print_config {
        print_text(&file::text(&run, own.as_ref())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let key = run.spec(&images).folder_name();
    let named = own.as_ref().map(|own| (run.config.data.name.as_str(), own));
    let provenance = OwnImages::remembered_in(provenance(&device), named);
    let store = Store::open(args.out.join("runs"))?.with_provenance(provenance);
    same_classes(&store, &run, &images)?;
    let runs = local::with_needed(std::slice::from_ref(&run));
    let data = OpenData::from([(run.config.data.clone(), Arc::new(images))]);
    let threads = rayon::current_num_threads();
    if !args.json {
        note_few_steps(&run);
    }
    let resources = Resources { jobs: 1, together: 1, threads, device, keep: Keep::EveryParameter };
    let observer = TrainObserver::new(&run, &key, args.json, args.tensorboard.as_deref())?;
    let begin = Instant::now();
    let done = local::run_all(&store, &data, &runs, &resources, &observer);
    let found = observer.end()?;
    let done = done?;
    let in_all = begin.elapsed().as_secs_f64();
    let finished = done.get(&run).ok_or_else(|| {
        let what =
            "probe: expected the images its encoder was trained on, got others; use the same `data` for both";
        Error::Usage(what.into())
    })?;
    match args.json {
        true => print_json_line(&summary(&run, &key, finished, found))?,
        false => print_text(&words(&run, &key, finished, (!found).then_some(in_all), args, own.as_ref()))?,
    }
    match &finished.outcome {
        Outcome::Finished => Ok(ExitCode::SUCCESS),
        Outcome::Diverged { reason, .. } | Outcome::Failed { reason } => {
            note!("error: {}: {reason}", run.label());
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Notes that training takes too few steps to learn much.
fn note_few_steps(run: &Run) {
    let RunConfig { data, batch, epochs, .. } = &run.config;
    let steps = data.train / batch;
    if run.config.learner.learns() && *epochs > 0 && steps < FEW_STEPS {
        note!(
            "note: {} in batches of {batch} give {} per epoch, {} in total; a smaller `batch` gives more",
            text::count(data.train, "training image"),
            text::count(steps, "step"),
            steps as u64 * u64::from(*epochs)
        );
    }
}

/// Checks that a stored run has the same class names: the key covers only images and labels.
fn same_classes(store: &Store, run: &Run, images: &Images) -> Result<()> {
    let spec = run.spec(images);
    let begun = store.begun(&spec)?.map(|begun| begun.data.classes).unwrap_or_default();
    let mut differ = begun.iter().zip(&spec.data.classes).filter(|(then, now)| then != now);
    let Some((then, now)) = differ.next() else { return Ok(()) };
    Err(Error::Usage(format!(
        "run {} is stored with the same images, and {} changed: `{}` was `{}`; rename the folders back, or choose another \
         results folder with --out",
        spec.folder_name(),
        text::count(1 + differ.count(), "class name"),
        now.escape_debug(),
        then.escape_debug()
    )))
}

/// The outcome of the run, in JSON.
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
        "threads": rayon::current_num_threads(),
        "images_per_second": view.images_per_second(),
        "note": view.worse(),
        "scalars": finished.epochs.last().map(|epoch| &epoch.scalars),
    })
}

/// The outcome of the run, and commands to type next. `in_all` is the time that it took, if it was not found.
fn words(
    run: &Run,
    key: &str,
    finished: &FinishedRun,
    in_all: Option<f64>,
    args: &Train,
    own: Option<&OwnImages>,
) -> String {
    let mut view = View::new(run);
    view.update(&finished.epochs);
    let found = in_all.is_none();
    let ended = match (&finished.outcome, found) {
        (Outcome::Finished, false) => "finished",
        (Outcome::Finished, true) => "found in the store, not computed again",
        (Outcome::Diverged { .. }, _) => "diverged",
        (Outcome::Failed { .. }, _) => "failed",
    };
    let threads = match found {
        true => String::new(),
        false => format!(" on {}", text::count(rayon::current_num_threads(), "thread")),
    };
    let speed =
        view.images_per_second().map_or(String::new(), |rate| format!(", {rate:.0} images/s{threads}"));
    let mut lines = vec![format!("run {key}: {}", run.label())];
    // Statistics and final measures also take time.
    let beside = in_all.filter(|in_all| in_all - seconds(finished) >= SHOWN_BESIDE);
    let beside = beside.map_or(String::new(), |in_all| format!(" ({} in all)", duration(in_all)));
    let time = duration(seconds(finished)) + &beside;
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
        let out = match args.out.to_str() {
            Some("out") => String::new(),
            _ => shell::option("--out", args.out.as_os_str()),
        };
        // Options recorded with the run are not repeated.
        let images = match own.and_then(OwnImages::absolute) {
            Some(own) if OwnImages::of_run(finished).as_ref() == Some(&own) => String::new(),
            _ => args.image_options.arguments(),
        };
        let mut next = vec![(format!("eval {key}{images}{out}"), "accuracy by class")];
        if finished.finals.contains_key(LATENT) {
            next.push((format!("probe {key}{out}"), "probes and statistics of its latent"));
        }
        next.push((format!("export {key} model.safetensors{out}"), "the parameters, for PyTorch"));
        let width = next.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
        for (place, (command, what)) in next.iter().enumerate() {
            let head = if place == 0 { "next:" } else { "" };
            lines.push(format!("{head:5} {} {command:width$}   # {what}", program::name()));
        }
    }
    lines.join("\n") + "\n"
}

fn seconds(finished: &FinishedRun) -> f64 {
    finished.epochs.iter().map(|epoch| epoch.seconds).sum()
}

/// The device of the command line, or that of the config.
///
/// # Errors
/// [`Error::Usage`] if the device does not exist.
fn device(requested: Option<&str>, hardware: Hardware) -> Result<String> {
    let name = requested.unwrap_or(match hardware {
        Hardware::Cpu => "cpu",
        Hardware::Cuda => "cuda:0",
    });
    let _: tensor::Device = name.parse().map_err(|error: tensor::Error| Error::Usage(error.to_string()))?;
    Ok(name.to_owned())
}
