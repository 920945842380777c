//! Computes the runs of one process; an error stops only its own run.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use system::text;

use super::units::{Unit, units};
use crate::images::OpenData;
use crate::local::{self, Observer, Resources};
use crate::run::Run;
use crate::store::{Outcome, Store};
use crate::{Error, Result, store};

/// How long to wait for runs held by another process. A file server needs up to 90 seconds to detect that the machine
/// holding a lock has died.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The interval between attempts at runs held by another process.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// The outcome of [`compute`].
#[derive(Debug, Default)]
pub struct Report {
    /// The number of runs.
    pub runs: usize,
    /// The number stored before.
    pub found: usize,
    /// The number stored now.
    pub whole: usize,
    /// The number of stored runs that failed.
    pub failed: usize,
    /// Errors that stopped a run without becoming its result: errors of the store, or bugs.
    pub errors: Vec<String>,
}

/// Computes and stores the runs whose data are available, `resources.jobs` at a time. Stored runs are skipped. Runs held by
/// another process are waited for, for at most `patience`. An error stops only its own run.
///
/// # Errors
/// If the store cannot be read.
pub fn compute(
    store: &Store,
    data: &OpenData,
    runs: &[Run],
    resources: &Resources,
    patience: Duration,
    observer: &dyn Observer,
) -> Result<Report> {
    let mut report = Report { runs: runs.len(), found: ended(store, data, runs)?.len(), ..Report::default() };
    let end = Instant::now() + patience;
    let mut open = units(runs);
    loop {
        let Pass { held, errors } = pass(store, data, &open, resources, observer);
        report.errors.extend(errors);
        open = held;
        if open.is_empty() || Instant::now() >= end {
            break;
        }
        observer.note(&format!("waiting for {}, in use by another process", runs_in(&open)));
        std::thread::sleep(BETWEEN_LOOKS.min(patience));
    }
    let outcomes = ended(store, data, runs)?;
    report.whole = outcomes.len();
    report.failed = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Failed { .. })).count();
    if !open.is_empty() {
        report.errors.push(format!("still in use by another process: {}", runs_in(&open)));
    }
    Ok(report)
}

/// The units that one pass could not compute.
struct Pass {
    held: Vec<Unit>,
    errors: Vec<String>,
}

fn pass(
    store: &Store,
    data: &OpenData,
    units: &[Unit],
    resources: &Resources,
    observer: &dyn Observer,
) -> Pass {
    let (next, left) = (AtomicUsize::new(0), Mutex::new(Pass { held: vec![], errors: vec![] }));
    let alone = Resources { jobs: 1, ..resources.clone() };
    let work = || {
        while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Err(error) = local::run_all(store, data, unit, &alone, observer) else { continue };
            let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
            match error {
                Error::Store(store::Error::Locked { .. }) => left.held.push(unit.clone()),
                error => left.errors.push(error.to_string()),
            }
        }
    };
    local::on_threads(resources.jobs, work, |error| {
        left.lock().unwrap_or_else(PoisonError::into_inner).errors.push(error.to_string());
    });
    left.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The outcomes of the stored runs.
fn ended(store: &Store, data: &OpenData, runs: &[Run]) -> Result<Vec<Outcome>> {
    let here = runs.iter().filter_map(|run| Some(run.spec(data.get(&run.config.data)?)));
    Ok(here
        .map(|spec| store.ended(&spec))
        .collect::<store::Result<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect())
}

fn runs_in(units: &[Unit]) -> String {
    text::count(units.iter().map(Vec::len).sum(), "run")
}

#[cfg(test)]
mod tests {
    use models::{AdamConfig, Architecture};

    use super::*;
    use crate::images::DataConfig;
    use crate::learners::{RunConfig, cre};
    use crate::run::keep::Keep;
    use crate::training::Hardware;

    #[test]
    fn a_run_held_by_another_process_is_skipped_and_the_others_are_computed() {
        let learner = cre(Architecture::CnnS { latent_channels: 4, classes: 10 }, 0.5);
        let data = DataConfig::new("fashion-mnist-embedded", 20, 10, 10);
        let (optimiser, hardware) = (AdamConfig::PAPER, Hardware::Cpu);
        let config = RunConfig { data, rotation: None, learner, optimiser, batch: 10, epochs: 0, hardware };
        let runs: Vec<Run> = (0..3).map(|seed| Run { config: config.clone(), seed }).collect();
        let data = local::open_data(&runs, None).unwrap().open;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let resources =
            Resources { jobs: 2, together: 1, threads: 1, device: "cpu".into(), keep: Keep::WhatIsReread };
        let computed = || compute(&store, &data, &runs, &resources, Duration::ZERO, &local::Quiet).unwrap();
        let held = store.run(&runs[1].spec(&data[&runs[1].config.data])).unwrap();
        let report = computed();
        assert_eq!((report.found, report.whole), (0, 2), "{report:?}");
        assert_eq!(report.errors, ["still in use by another process: 1 run"]);
        drop(held);
        let report = computed();
        assert_eq!((report.found, report.whole, report.errors.len()), (2, 3, 0), "{report:?}");
    }
}
