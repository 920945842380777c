//! `agon plan`: prints which runs would be computed, and an estimate of the time.

mod fit;

use std::collections::{BTreeMap, HashSet};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use system::text;

use super::selection::Selection;
use super::values::minutes;
use crate::error::{Error, Result};
use crate::output::{duration, print_json, print_wrapped};
use experiments::experiment::Info;
use experiments::job::Job;
use runs::local::{self, Estimate, Parts, Quiet};
use runs::run::Run;
use runs::training::Hardware;

/// The arguments of `agon plan`.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    selection: Selection,
    /// Only the runs that fit into this time on one H200, in the order in which to compute them; requires --device
    /// cuda:N, which need not be in this machine
    #[arg(long, value_name = "MINUTES", value_parser = minutes)]
    minutes: Option<f64>,
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
    /// Estimated seconds.
    seconds: f64,
    /// The same, by part.
    parts: Parts,
    /// Estimated seconds of the runs whose data are missing, from artificial images of the same size.
    seconds_without_data: f64,
}

impl Entry {
    fn text(&self, jobs: usize) -> String {
        let Self { name, title, runs, stored, shared, without_data, seconds, seconds_without_data, .. } =
            self;
        let absent = match without_data {
            0 => String::new(),
            n => {
                let with = duration(seconds + seconds_without_data);
                format!("; {n} of them lack their data set: about {with} if all data sets were present")
            }
        };
        format!(
            "{name}: {title}\n  {}, {stored} stored, {shared} shared with experiments above; about {} with \
             --jobs {jobs}{absent}\n",
            text::count(*runs, "run"),
            duration(*seconds)
        )
    }
}

pub(crate) fn command(Plan { selection, minutes, json }: &Plan) -> Result<ExitCode> {
    let options = selection.options();
    if let Some(minutes) = minutes {
        let device = &options.resources.device;
        if !device.starts_with("cuda") {
            let what = format!("`--minutes` plans for a GPU: expected `--device cuda:N`, got `{device}`");
            return Err(Error::Usage(what));
        }
        return fit::command(&selection.planned_elsewhere()?, &options, *minutes, *json);
    }
    let planned = selection.planned()?;
    // Missing sets are reported below.
    let Job { data, store, hardware, .. } = Job::read_only(&planned, &options, &Quiet)?;
    let (mut estimate, mut known) = (Estimate::new(&data, options.resources.device()?), HashSet::new());
    let jobs = options.resources.jobs;
    let mut entries: Vec<Entry> = vec![];
    for planned in planned {
        let runs = runs_on(hardware, &planned.runs);
        let (mut stored, mut shared, mut absent) = (0, 0, 0);
        let (mut parts, mut seconds_without_data) = (Parts::default(), 0.0);
        for run in &runs {
            let Some(images) = data.open.get(&run.config.data) else {
                absent += 1;
                if known.insert(local::name(run)) {
                    seconds_without_data += estimate.seconds(run)?;
                }
                continue;
            };
            let spec = run.spec(images);
            if store.ended(&spec)?.is_some() {
                stored += 1;
            } else if !known.insert(spec.key()) {
                shared += 1;
            } else {
                parts = parts + estimate.parts(run)?.divided(jobs);
            }
        }
        let &Info { name, title, .. } = planned.experiment.info();
        let entry = Entry {
            name,
            title,
            runs: runs.len(),
            stored,
            shared,
            without_data: absent,
            seconds: parts.total(),
            parts,
            seconds_without_data: seconds_without_data / jobs as f64,
        };
        if !json {
            // Each line is printed as soon as it is known, since timing the models takes a while.
            print_wrapped(&entry.text(jobs))?;
        }
        entries.push(entry);
    }
    let seconds: f64 = entries.iter().map(|entry| entry.seconds).sum();
    let seconds_without_data: f64 = entries.iter().map(|entry| entry.seconds_without_data).sum();
    let [timed, scaled] = estimate.sources();
    if *json {
        let absent: BTreeMap<&String, &String> =
            data.missing.iter().map(|(name, why)| (name, &why.message)).collect();
        print_json(&json!({
            "experiments": entries,
            "at_once": jobs,
            "seconds": seconds,
            "seconds_without_data": seconds_without_data,
            "models_timed": timed,
            "models_scaled": scaled,
            "absent": absent,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for (name, why) in &data.missing {
        print_wrapped(&format!("{name} is missing: {}\n", why.message))?;
    }
    let without: usize = entries.iter().map(|entry| entry.without_data).sum();
    let with = seconds + seconds_without_data;
    let absent = match without {
        0 => String::new(),
        n => format!(
            "; {} lack their data set, about {} if all data sets were present",
            text::count(n, "run"),
            duration(with)
        ),
    };
    print_wrapped(&format!("in total about {} of training{absent}\n", duration(seconds)))?;
    print_wrapped(&format!(
        "estimated: {} timed on a few images, {scaled} extrapolated from FLOPs and memory traffic\n",
        text::count(timed, "model")
    ))?;
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
