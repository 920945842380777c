//! Measures the overhead of a sweep besides training, and simulates it on 1, 10 and 100 nodes.
//!
//! `cargo run --release -p agon-cli --example scaling -- [--data DIR]` prints the table of `book/cluster.md`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for developers, whose output is not parsed"
)]

mod measure;
mod simulate;

use std::collections::HashMap;
use std::path::PathBuf;

use experiments::experiment::Planned;
use experiments::{Error, Profile, Result, claims};
use runs::local::{self, Estimate};
use runs::run::Run;
use runs::slurm::{self, units};
use tensor::Device;

use self::measure::Cost;
use self::simulate::{Machine, RunLoad, TaskLoad, simulate};

fn main() -> Result<()> {
    let data = folder(std::env::args().skip(1).collect())?;
    let cost = measure::cost()?;
    println!("{cost}");
    println!(
        "| profile | runs | core hours | an operation | nodes | tasks | total time | efficiency | operations/s, mean (most) | held back by |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |");
    let (standard, left_out) = timed(runs_of(Profile::Standard)?, data)?;
    // This machine lacks data sets of the full profile, whose runs are assumed to take as long per image as those of
    // standard.
    let trained: f64 = standard.iter().map(|(run, _)| run.images_trained()).sum();
    let for_an_image = standard.iter().map(|(_, seconds)| seconds).sum::<f64>() / trained;
    let at_that_rate = |run: Run| (run.images_trained() * for_an_image, run);
    let full = runs_of(Profile::Full)?.into_iter().map(at_that_rate).map(|(seconds, run)| (run, seconds));
    for (profile, runs) in [(Profile::Standard, standard), (Profile::Full, full.collect())] {
        let tasks = tasks(&runs, &cost);
        // A fast file server, and one as slow as this machine's disk.
        for (nodes, operation) in [1e-3, cost.here].into_iter().flat_map(|of| [1, 10, 100].map(|n| (n, of))) {
            let of = simulate(&tasks, &cost, &Machine { nodes, operation });
            println!(
                "| {profile} | {} | {:.1} | {:.1} ms | {nodes} | {} | {} | {:.0} % | {:.1} ({:.0}) | {} |",
                of.runs,
                of.core_seconds / 3_600.0,
                1e3 * operation,
                tasks.len(),
                duration(of.seconds),
                100.0 * of.efficiency,
                of.operations_per_second,
                of.most_operations,
                of.held_back_by
            );
        }
    }
    println!("\nstandard: {left_out} runs without data are left out; {:.3} ms per image", 1e3 * for_an_image);
    Ok(())
}

fn folder(arguments: Vec<String>) -> Result<Option<PathBuf>> {
    match &arguments[..] {
        [] => Ok(None),
        [name, folder] if name == "--data" => Ok(Some(folder.into())),
        _ => Err(Error::Usage("expected no arguments, or `--data DIR`".into())),
    }
}

/// All runs of a profile and their dependencies.
fn runs_of(profile: Profile) -> Result<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    for experiment in claims::named(&[])? {
        runs.extend(Planned::new(experiment, profile, &[])?.runs);
    }
    Ok(local::with_needed(&runs))
}

/// The runs whose data are available, with their seconds on a core of this machine, and the number of other runs.
fn timed(runs: Vec<Run>, folder: Option<PathBuf>) -> Result<(Vec<(Run, f64)>, usize)> {
    let data = local::open_data(&runs, folder.as_deref())?;
    let (here, absent): (Vec<Run>, Vec<Run>) =
        runs.into_iter().partition(|run| data.open.contains_key(&run.config.data));
    let mut estimate = Estimate::new(&data, Device::Cpu);
    let timed = here.into_iter().map(|run| Ok((estimate.seconds(&run)?, run)));
    let timed = timed.map(|timed| timed.map(|(seconds, run)| (run, seconds)));
    Ok((timed.collect::<Result<_>>()?, absent.len()))
}

/// The tasks into which `--engine slurm` groups the runs.
fn tasks(runs: &[(Run, f64)], cost: &Cost) -> Vec<TaskLoad> {
    let name = |run: &Run| serde_json::to_string(&(&run.config, run.seed)).expect("a config is serialisable");
    let seconds: HashMap<String, f64> = runs.iter().map(|(run, seconds)| (name(run), *seconds)).collect();
    let all: Vec<Run> = runs.iter().map(|(run, _)| run.clone()).collect();
    let load = |run: &Run| RunLoad { seconds: seconds[&name(run)], epochs: run.config.epochs + 1 };
    let units = units(&all).into_iter();
    let timed = units.map(|unit| (unit.iter().map(|run| load(run).seconds).sum(), unit));
    let timed = timed.map(|(seconds, unit)| (unit, seconds)).collect();
    let tasks = slurm::grouped(timed, slurm::SHORTEST, slurm::MOST);
    let loads = tasks.iter().map(|task| task.units.iter().flatten().map(load).collect());
    loads.map(|runs| TaskLoad { start: cost.start, runs }).collect()
}

fn duration(seconds: f64) -> String {
    if seconds < 7_200.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{:.1} h", seconds / 3_600.0)
    }
}
