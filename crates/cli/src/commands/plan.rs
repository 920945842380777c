//! `agon plan`: prints which runs would be computed, and an estimate of the time.

use std::collections::{BTreeMap, HashSet};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use system::text;

use super::output::{print_json, print_text};
use super::selection::Selection;
use crate::error::Result;
use experiments::experiment::Info;
use experiments::job::Job;
use runs::local::{self, Estimate, Quiet};
use runs::run::Run;
use runs::training::Hardware;

/// The arguments of `agon plan`.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    selection: Selection,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The plan of an experiment.
#[derive(Debug, Serialize)]
struct Entry {
    name: &'static str,
    title: &'static str,
    runs: usize,
    /// The number of stored runs.
    stored: usize,
    /// The number of runs shared with earlier experiments.
    shared: usize,
    without_data: usize,
    /// Seconds, estimated from a few steps of each model.
    seconds: f64,
    /// The same of the runs that lack their data.
    seconds_without_data: f64,
}

impl Entry {
    fn text(&self, jobs: usize) -> String {
        let Self { name, title, runs, stored, shared, without_data, seconds, seconds_without_data } = self;
        let absent = match without_data {
            0 => String::new(),
            _ => format!(", with their data about {seconds_without_data:.0} s more"),
        };
        format!(
            "{name}: {title}\n  {}, {stored} stored, {shared} shared with experiments above, {without_data} \
             without their data; about {seconds:.0} s with {jobs} at once{absent}\n",
            text::count(*runs, "run")
        )
    }
}

pub(crate) fn command(Plan { selection, json }: &Plan) -> Result<ExitCode> {
    let options = selection.options();
    let planned = selection.planned()?;
    // Missing sets are reported below.
    let Job { data, store, hardware, .. } = Job::read_only(&planned, &options, &Quiet)?;
    let (mut estimate, mut known) = (Estimate::new(&data, options.resources.device()?), HashSet::new());
    let jobs = options.resources.jobs;
    let mut entries: Vec<Entry> = vec![];
    for planned in planned {
        let runs = runs_on(hardware, &planned.runs);
        let (mut stored, mut shared, mut absent, mut seconds, mut of_absent) = (0, 0, 0, 0.0, 0.0);
        for run in &runs {
            let Some(images) = data.open.get(&run.config.data) else {
                absent += 1;
                if known.insert(local::name(run)) {
                    of_absent += estimate.seconds(run)?;
                }
                continue;
            };
            let spec = run.spec(images);
            if store.ended(&spec)?.is_some() {
                stored += 1;
            } else if !known.insert(spec.key()) {
                shared += 1;
            } else {
                seconds += estimate.seconds(run)?;
            }
        }
        let &Info { name, title, .. } = planned.experiment.info();
        let [seconds, seconds_without_data] = [seconds, of_absent].map(|seconds| seconds / jobs as f64);
        let (runs, without_data) = (runs.len(), absent);
        let entry = Entry { name, title, runs, stored, shared, without_data, seconds, seconds_without_data };
        if !json {
            // Each line is printed as soon as it is known, since timing the models takes a while.
            print_text(&entry.text(jobs))?;
        }
        entries.push(entry);
    }
    let seconds: f64 = entries.iter().map(|entry| entry.seconds).sum();
    let of_absent: f64 = entries.iter().map(|entry| entry.seconds_without_data).sum();
    let absent: usize = entries.iter().map(|entry| entry.without_data).sum();
    if *json {
        let missing: BTreeMap<&String, &String> =
            data.missing.iter().map(|(name, why)| (name, &why.message)).collect();
        print_json(&json!({
            "experiments": entries, "at_once": jobs, "seconds": seconds, "seconds_without_data": of_absent,
            "absent": missing,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for (name, why) in &data.missing {
        print_text(&format!("{name} is missing: {}\n", why.message))?;
    }
    let minutes = |seconds: f64| format!("{:.0} minutes of training", (seconds / 60.0).ceil());
    print_text(&match absent {
        0 => format!("in total about {}\n", minutes(seconds)),
        n => format!(
            "in total about {}; {} lack their data; with them about {}\n",
            minutes(seconds),
            text::count(n, "run"),
            minutes(seconds + of_absent)
        ),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The runs on this hardware, with their dependencies.
fn runs_on(hardware: Hardware, runs: &[Run]) -> Vec<Run> {
    let runs: Vec<Run> = runs.iter().map(|run| run.clone().on(hardware)).collect();
    local::with_needed(&runs)
}

#[cfg(test)]
mod tests {
    use experiments::Profile;
    use experiments::claims;
    use experiments::experiment::Planned;

    use super::*;

    #[test]
    fn gpu_runs_and_their_dependencies_have_other_keys_than_cpu_runs() {
        for &experiment in claims::ALL {
            let planned = Planned::new(experiment, Profile::Smoke, &[]).unwrap();
            let [cpu, gpu] = [Hardware::Cpu, Hardware::Cuda].map(|hardware| runs_on(hardware, &planned.runs));
            assert!(!gpu.is_empty() && gpu.len() == cpu.len());
            assert!(gpu.iter().all(|run| run.config.hardware == Hardware::Cuda && !cpu.contains(run)));
        }
    }
}
