//! `agon run`: computes missing runs without figures, here or on a cluster, whose tasks also call it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use system::{note, text};

use super::engine::Computed;
use super::folders::{Folders, open_data};
use super::own_images::OwnImages;
use super::selection::Selection;
use crate::error::{Error, Result};
use crate::output::{print_result, print_text};
use crate::progress::Progress;
use experiments::job::Job;
use experiments::options::Options;
use runs::local::{Data, Observer, Stages};
use runs::run::Run;
use runs::run::keep::Keep;
use runs::slurm::{self, Engine, Shard, units};
use runs::store::Store;

/// The arguments of `agon run`.
#[derive(Debug, Args)]
pub(crate) struct ComputeRuns {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    computed: Computed,
    /// Compute only part I of N, from 1: the parts can run concurrently on machines that share the results folder
    #[arg(long, value_name = "I/N", conflicts_with = "keys")]
    shard: Option<Shard>,
    /// Compute the runs of a task list, as `--engine slurm` writes it, instead of those of experiments
    #[arg(long, value_name = "FILE", conflicts_with_all = ["profile", "only", "settings"])]
    keys: Option<PathBuf>,
    /// Compute only this line of the task list, counted from 1
    #[arg(long, value_name = "N", requires = "keys")]
    task: Option<usize>,
    #[command(flatten)]
    folders: Folders,
    /// Print JSON
    #[arg(long, conflicts_with = "dry_run")]
    json: bool,
}

pub(crate) fn command(args: &ComputeRuns) -> Result<ExitCode> {
    let mut options = args.selection.options_of(args.computed.engine());
    // Only the whole job determines which parameters are read again.
    options.resources.keep = Keep::EveryParameter;
    if args.folders.named() && args.keys.is_none() {
        let what = "`--images` requires `--keys`: experiments have data sets of their own; `agon sweep` trains on your images";
        return Err(Error::Usage(what.into()));
    }
    if let Engine::Slurm(slurm) = &options.engine {
        if args.shard.is_some() || args.keys.is_some() {
            let what = "`--engine slurm` distributes the runs itself; omit `--shard` and `--keys`";
            return Err(Error::Usage(what.into()));
        }
        let planned = args.computed.planned(&args.selection)?;
        if let Some(text) = args.computed.dry_run(&planned, &options)? {
            return print_text(&text).map(|()| ExitCode::SUCCESS);
        }
        let job = Job::new(&planned, &options, &Progress::new())?;
        let failed = slurm::complete(&job.sweep(&options), slurm, &Progress::new())?;
        let runs = job.runs.len();
        let value = json!({ "runs": runs, "stored": runs, "failed": failed });
        return print_result(args.json, &value, || {
            format!("{}: all stored{}\n", text::count(runs, "run"), with_failures(failed))
        });
    }
    match &args.keys {
        Some(list) => {
            args.selection.check_device()?;
            let read = slurm::Read::open(list, args.task)?;
            let folders = args.folders.open()?;
            let data = open_data(&read.runs, options.data.as_deref(), &folders)?;
            read.check(&data)?;
            let sets = folders.iter().map(|folder| (folder.name.as_str(), &folder.own));
            let provenance = OwnImages::remembered_in(options.provenance.clone(), sets);
            let store = Store::open(options.out.join("runs"))?.with_provenance(provenance);
            computed(&store, &data, &read.runs, &options, args.json)
        }
        None => {
            let Job { mut runs, data, store, .. } =
                Job::new(&args.computed.planned(&args.selection)?, &options, &Progress::new())?;
            if let Some(shard) = args.shard {
                runs = shard.take(units(&runs)).concat();
            }
            computed(&store, &data, &runs, &options, args.json)
        }
    }
}

/// Computes the runs and prints a summary; fails if one is not finished at the end.
fn computed(store: &Store, data: &Data, runs: &[Run], options: &Options, json: bool) -> Result<ExitCode> {
    let progress = Progress::new();
    progress.begin(&Stages::one(runs));
    let report = slurm::compute(store, &data.open, runs, &options.resources, slurm::PATIENCE, &progress);
    progress.end();
    let slurm::Report { runs, found, whole, failed, errors } = report?;
    let now = whole - found;
    let value = json!({ "runs": runs, "found": found, "stored": whole, "failed": failed, "errors": errors });
    print_result(json, &value, || {
        let failed = with_failures(failed);
        format!("{}: {found} stored before, {now} stored now{failed}\n", text::count(runs, "run"))
    })?;
    for error in &errors {
        note!("error: {error}");
    }
    Ok(if whole == runs { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn with_failures(failed: usize) -> String {
    if failed == 0 {
        return String::new();
    }
    format!("; {failed} of these failed, see `agon runs --each`")
}
