//! `agon run`: what is missing, computed here or on a cluster, and nothing drawn; every task of a cluster calls it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use system::{note, text};

use super::engine::Computed;
use super::output::say;
use super::selection::Selection;
use crate::error::{Error, Result};
use crate::progress::Progress;
use experiments::job::Job;
use experiments::options::Options;
use runs::local::{self, Data, Observer};
use runs::run::Run;
use runs::slurm::{self, Engine, Shard, units};
use runs::store::Store;

/// What `agon run` is asked.
#[derive(Debug, Args)]
pub(crate) struct ComputeRuns {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    computed: Computed,
    /// Only part I of N, counted from 1: the parts can run at the same time on machines that share the results' folder
    #[arg(long, value_name = "I/N", conflicts_with = "keys")]
    shard: Option<Shard>,
    /// The runs of a list of tasks, as `--engine slurm` writes it, instead of those of experiments
    #[arg(long, value_name = "FILE", conflicts_with_all = ["profile", "only", "settings"])]
    keys: Option<PathBuf>,
    /// Only this line of the list, counted from 1
    #[arg(long, value_name = "N", requires = "keys")]
    task: Option<usize>,
}

pub(crate) fn command(asked: &ComputeRuns) -> Result<ExitCode> {
    let options = asked.selection.options_of(asked.computed.engine());
    if let Engine::Slurm(slurm) = &options.engine {
        if asked.shard.is_some() || asked.keys.is_some() {
            let what = "`--engine slurm` shares the runs out itself; leave `--shard` and `--keys` out";
            return Err(Error::Usage(what.into()));
        }
        let planned = asked.computed.planned(&asked.selection)?;
        if let Some(text) = asked.computed.dry_run(&planned, &options)? {
            return say(&text).map(|()| ExitCode::SUCCESS);
        }
        let asked = Job::new(&planned, &options, &Progress::new())?;
        let failed = slurm::complete(&asked.sweep(&options), slurm, &Progress::new())?;
        let text = format!("{}: all stored{}\n", text::count(asked.runs.len(), "run"), of_their_own(failed));
        return say(&text).map(|()| ExitCode::SUCCESS);
    }
    match &asked.keys {
        Some(list) => {
            asked.selection.check_device()?;
            let read = slurm::Read::open(list, asked.task)?;
            let data = local::open_data(&read.runs, options.data.as_deref())?;
            read.check(&data)?;
            let store = Store::open(options.out.join("runs"))?.with_provenance(options.provenance.clone());
            computed(&store, &data, &read.runs, &options)
        }
        None => {
            let Job { mut runs, data, store, .. } =
                Job::new(&asked.computed.planned(&asked.selection)?, &options, &Progress::new())?;
            if let Some(shard) = asked.shard {
                runs = shard.take(units(&runs)).concat();
            }
            computed(&store, &data, &runs, &options)
        }
    }
}

/// Computes the runs and says what became of them; fails where one is not whole at the end.
fn computed(store: &Store, data: &Data, runs: &[Run], options: &Options) -> Result<ExitCode> {
    let progress = Progress::new();
    progress.begin(runs);
    let report = slurm::compute(store, &data.open, runs, &options.resources, slurm::PATIENCE, &progress);
    progress.end();
    let slurm::Report { runs, found, whole, failed, errors } = report?;
    let (now, failed) = (whole - found, of_their_own(failed));
    say(&format!("{}: {found} stored before, {now} stored now{failed}\n", text::count(runs, "run")))?;
    for error in &errors {
        note!("error: {error}");
    }
    Ok(if whole == runs { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn of_their_own(failed: usize) -> String {
    if failed == 0 {
        return String::new();
    }
    format!("; of all, {failed} failed for reasons of their own, which `agon runs --each` tells")
}
