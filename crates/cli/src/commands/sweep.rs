//! `agon sweep`: runs presets over values, data sets and seeds, and compares them.

mod cells;
mod printed;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use system::exit::ExitStatus;
use system::{files, note, text};

use super::engine::Computed;
use super::folders::{Folders, OpenFolder, open_data};
use super::own_images::OwnImages;
use super::settings::models;
use super::values::{at_least_one, existing_folder};
use crate::error::{Error, Result};
use crate::output::{print_json, print_text};
use crate::progress::Progress;
use crate::provenance::provenance;
use experiments::preset_sweep::{PresetSweep, Swept};
use runs::local::{self, Data, Observer, Resources, Stages};
use runs::run::Run;
use runs::run::keep::Keep;
use runs::shell;
use runs::slurm::{self, Engine};
use runs::store::Store;
use runs::training::Hardware;

/// The folder of sweeps in the results folder.
pub(super) const FOLDER: &str = "sweeps";

/// The file of a sweep's measurements.
pub(super) const MEASURED: &str = "sweep.json";

/// The arguments of `agon sweep`.
#[derive(Debug, Args)]
pub(crate) struct Sweep {
    /// Values of the config, several ones separated by commas, as in `lambda=0,0.5,1`
    #[arg(value_name = "KEY=VALUE,...")]
    settings: Vec<String>,
    /// Values of the config, as the arguments KEY=VALUE,...
    #[arg(short = 's', long = "set", value_name = "KEY=VALUE,...")]
    set: Vec<String>,
    /// The presets; fc-m by default
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = models())]
    model: Vec<String>,
    /// The data sets, as named by `agon data list`
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    data_set: Vec<String>,
    /// The folder to search first for data sets
    #[arg(long, value_name = "DIR", value_parser = existing_folder)]
    data: Option<PathBuf>,
    #[command(flatten)]
    folders: Folders,
    /// The number of seeds, from 0, or a list of seeds as in 3,5,8; fewer than three give no verdicts
    #[arg(long, value_name = "N", default_value = "3", value_parser = cells::seeds)]
    seeds: cells::Seeds,
    /// The number of passes over the training images
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    epochs: Option<u32>,
    /// The name of the sweep's folder in the results folder; by default from models, keys and a checksum
    #[arg(long, value_name = "NAME", value_parser = cells::folder_name)]
    name: Option<String>,
    /// The results folder
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// The number of concurrent runs; by default the number of logical CPU cores
    #[arg(long, value_name = "N", value_parser = at_least_one, allow_negative_numbers = true)]
    jobs: Option<usize>,
    /// The device to train on
    #[arg(long, default_value = "cpu")]
    device: String,
    #[command(flatten)]
    computed: Computed,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn command(args: &Sweep) -> Result<ExitCode> {
    args.computed.check(&args.device)?;
    let engine = args.computed.engine();
    let hardware = hardware(&args.device, &engine)?;
    let folders = args.folders.open()?;
    let sweep = cells::resolve(args, &folders, hardware)?;
    let runs = local::with_needed(&sweep.runs());
    let data = open_data(&runs, args.data.as_deref(), &folders)?;
    let sets = folders.iter().map(|folder| (folder.name.as_str(), &folder.own));
    let provenance = OwnImages::remembered_in(provenance(&args.device), sets);
    let jobs = args.jobs.unwrap_or(match engine {
        Engine::Local => rayon::current_num_threads(),
        Engine::Slurm(_) => 1,
    });
    let (device, together) = (args.device.clone(), args.computed.together());
    let resources = Resources { jobs, together, threads: 1, device, keep: Keep::EveryParameter };
    let arguments = args.folders.arguments()?;
    let root = args.out.join("runs");
    let store = match args.computed.is_dry_run() {
        true => Store::reading(root),
        false => Store::open(root)?.with_provenance(provenance.clone()),
    };
    let cluster = slurm::Sweep {
        runs: &runs,
        data: &data,
        data_folder: args.data.as_deref(),
        store: &store,
        out: &args.out,
        resources: &resources,
        arguments: &arguments,
    };
    let observer = Progress::new();
    let finished = match &engine {
        Engine::Slurm(slurm) if args.computed.is_dry_run() => {
            return print_text(&slurm::dry_run(&cluster, slurm)?).map(|()| ExitCode::SUCCESS);
        }
        Engine::Slurm(slurm) => {
            slurm::complete(&cluster, slurm, &observer)?;
            local::stored(&store, &data.open, &runs)?
        }
        Engine::Local => {
            observer.begin(&Stages::one(&runs));
            let finished = local::run_all(&store, &data.open, &runs, &resources, &observer);
            observer.end();
            finished?
        }
    };
    let swept = sweep.measured(&finished, &data);
    let folder = args.out.join(FOLDER).join(&swept.name);
    let lines =
        provenance.iter().map(|(name, value)| (name.replace('_', " "), runs::provenance::text(value)));
    write(&folder, &swept, &command_line(), lines.chain(sets_of(&data)).collect())?;
    let failed = swept.cells.iter().flat_map(|cell| &cell.failures).flatten().count();
    match args.json {
        true => print_json(&json!({ "folder": folder.to_string_lossy(), "sweep": swept }))?,
        false => print_text(&printed::text(&swept, &folder, &args.out))?,
    }
    if failed > 0 {
        note!("error: {} of {}; see the page", text::count(failed, "failed run"), sweep.runs().len());
        return Ok(ExitStatus::Failure.into());
    }
    Ok(ExitCode::SUCCESS)
}

/// The hardware of a device, which is part of the keys. A cluster's nodes may have other hardware than this machine.
fn hardware(device: &str, engine: &Engine) -> Result<Hardware> {
    match engine {
        Engine::Local => {
            let device: tensor::Device =
                device.parse().map_err(|error: tensor::Error| Error::Usage(error.to_string()))?;
            Ok(Hardware::of(&device))
        }
        Engine::Slurm(_) if device.starts_with("cuda") => Ok(Hardware::Cuda),
        Engine::Slurm(_) => Ok(Hardware::Cpu),
    }
}

/// The data sets with their checksums, for the page.
fn sets_of(data: &Data) -> Vec<(String, String)> {
    let mut sets: Vec<(String, String)> = (data.open.values())
        .map(|images| {
            (format!("data: {}", images.config.name), format!("SHA-256 of the content {}", images.sha256))
        })
        .collect();
    sets.sort();
    sets.dedup();
    sets
}

/// This command as the user typed it, for the page.
fn command_line() -> String {
    let words = std::env::args_os().skip(1).map(|word| shell::shown(&word));
    std::iter::once(crate::program::name().to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// Writes measurements, table, figures and page.
fn write(folder: &Path, swept: &Swept, command: &str, provenance: Vec<(String, String)>) -> Result<()> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| experiments::Error::Write { path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        files::replace(&path, bytes).map_err(failed(&path))
    };
    let measured = serde_json::to_string_pretty(swept).expect("the measurements are serialisable");
    write(MEASURED, (measured + "\n").as_bytes())?;
    write("values.csv", swept.csv().as_bytes())?;
    for chart in swept.charts() {
        let drawing = report::draw(&chart).map_err(experiments::Error::from)?;
        write(&format!("{}.svg", chart.name), drawing.svg.as_bytes())?;
        write(&format!("{}.png", chart.name), &drawing.png().map_err(experiments::Error::from)?)?;
    }
    Ok(write("index.html", swept.html(command, provenance)?.as_bytes())?)
}
