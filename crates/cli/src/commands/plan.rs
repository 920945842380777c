//! `agon plan`: what would be run and for how long.

use std::collections::{BTreeMap, HashSet};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use system::text;

use super::output::{say, say_json};
use super::selection::Selection;
use crate::error::Result;
use experiments::experiment::Info;
use experiments::job::Job;
use runs::local::{self, Estimate, Quiet};
use runs::run::Run;
use runs::training::Hardware;

/// What `agon plan` is asked.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    selection: Selection,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// What an experiment would take.
#[derive(Debug, Serialize)]
struct Entry {
    name: &'static str,
    title: &'static str,
    runs: usize,
    /// Found in the store.
    stored: usize,
    /// Shared with experiments before it.
    shared: usize,
    without_data: usize,
    /// Seconds, by an estimate from a few steps of each model.
    seconds: f64,
}

impl Entry {
    fn text(&self, jobs: usize) -> String {
        let Self { name, title, runs, stored, shared, without_data, seconds } = self;
        format!(
            "{name}: {title}\n  {}, {stored} stored, {shared} shared with experiments above, {without_data} \
             without their data; about {seconds:.0} s for {jobs} at once\n",
            text::count(*runs, "run")
        )
    }
}

pub(crate) fn command(Plan { selection, json }: &Plan) -> Result<ExitCode> {
    let options = selection.options();
    let planned = selection.planned()?;
    // What is missing is said below.
    let Job { data, store, hardware, .. } = Job::read_only(&planned, &options, &Quiet)?;
    let (mut estimate, mut known) = (Estimate::new(&data, options.resources.device()?), HashSet::new());
    let jobs = options.resources.jobs;
    let mut entries: Vec<Entry> = vec![];
    for planned in planned {
        let runs = runs_on(hardware, &planned.runs);
        let (mut stored, mut shared, mut absent, mut seconds) = (0, 0, 0, 0.0);
        for run in &runs {
            let Some(images) = data.open.get(&run.config.data) else {
                absent += 1;
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
        let seconds = seconds / jobs as f64;
        let entry = Entry { name, title, runs: runs.len(), stored, shared, without_data: absent, seconds };
        if !json {
            // Each line as soon as it is known: timing the models takes a while.
            say(&entry.text(jobs))?;
        }
        entries.push(entry);
    }
    let seconds: f64 = entries.iter().map(|entry| entry.seconds).sum();
    if *json {
        let absent: BTreeMap<&String, &String> =
            data.missing.iter().map(|(name, why)| (name, &why.message)).collect();
        say_json(&json!({ "experiments": entries, "at_once": jobs, "seconds": seconds, "absent": absent }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for (name, why) in &data.missing {
        say(&format!("{name} is not here: {}\n", why.message))?;
    }
    say(&format!("in all about {:.0} minutes of training\n", (seconds / 60.0).ceil()))?;
    Ok(ExitCode::SUCCESS)
}

/// The runs as they are computed on this hardware, with those that they need.
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
    fn runs_of_a_gpu_have_keys_of_their_own_and_so_have_those_that_they_need() {
        for &experiment in claims::ALL {
            let planned = Planned::new(experiment, Profile::Smoke, &[]).unwrap();
            let [cpu, gpu] = [Hardware::Cpu, Hardware::Cuda].map(|hardware| runs_on(hardware, &planned.runs));
            assert!(!gpu.is_empty() && gpu.len() == cpu.len());
            assert!(gpu.iter().all(|run| run.config.hardware == Hardware::Cuda && !cpu.contains(run)));
        }
    }
}
