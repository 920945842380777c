//! `agon plan`: what would be run and for how long.

use std::collections::HashSet;
use std::process::ExitCode;

use super::output::say;
use super::selection::Selection;
use crate::Result;
use crate::engine::{self, Estimate};
use crate::run::Run;
use crate::store::Store;

pub(super) fn command(selection: &Selection) -> Result<ExitCode> {
    let options = selection.options();
    let planned = selection.planned()?;
    let all: Vec<Run> = planned.iter().flat_map(|planned| planned.runs.clone()).collect();
    let data = engine::open_data(&all, options.data.as_deref())?;
    let store = Store::reading(options.out.join("runs"));
    let (mut estimate, mut known) = (Estimate::new(&data, options.places.device()?), HashSet::new());
    let mut seconds_in_all = 0.0;
    for planned in planned {
        let runs = engine::with_needed(&planned.runs);
        let (mut stored, mut shared, mut absent, mut seconds) = (0, 0, 0, 0.0);
        for run in &runs {
            let Some(images) = data.open.get(&run.config.data) else {
                absent += 1;
                continue;
            };
            let spec = run.spec(images);
            if store.find(&spec)?.is_some() {
                stored += 1;
            } else if !known.insert(spec.key()) {
                shared += 1;
            } else {
                seconds += estimate.seconds(run)?;
            }
        }
        let jobs = options.places.jobs.max(1);
        seconds_in_all += seconds / jobs as f64;
        // Each line as soon as it is known: timing the models takes a while.
        say(&format!(
            "{}: {}\n  {} runs, {stored} stored, {shared} shared with experiments above, {absent} without their \
             data; about {:.0} s for {jobs} at once\n",
            planned.name,
            planned.title,
            runs.len(),
            seconds / jobs as f64
        ))?;
    }
    for (name, why) in &data.absent {
        say(&format!("{name} is not here: {}\n", why.told))?;
    }
    say(&format!("in all about {:.0} minutes of training\n", (seconds_in_all / 60.0).ceil()))?;
    Ok(ExitCode::SUCCESS)
}
