//! Runs runs: several at once, one on each core, each computed once and found again by its key.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::ThreadPoolBuilder;
use tensor::Device;

use crate::cre_run::{CreData, CreRun, OpenData};
use crate::progress::Progress;
use crate::store::{FinishedRun, Store};
use crate::{Error, Result};

/// Where runs are computed.
#[derive(Debug, Clone)]
pub struct Places {
    /// Runs at once.
    pub jobs: usize,
    /// The device, as in `cuda:0`.
    pub device: String,
}

impl Places {
    /// The device; on a GPU a queue that no other run shares.
    ///
    /// # Errors
    /// If there is no such device.
    pub fn device(&self) -> Result<Device> {
        Ok(self.device.parse()?)
    }
}

/// Opens every data set that the runs read, each once.
///
/// # Errors
/// If one cannot be found or read.
pub fn open_data(runs: &[CreRun], folder: Option<&Path>) -> Result<OpenData> {
    let mut open = OpenData::new();
    for run in runs {
        let config = &run.config.data;
        if !open.contains_key(config) {
            open.insert(config.clone(), Arc::new(CreData::open(config, folder)?));
        }
    }
    Ok(open)
}

/// The finished runs, in the order asked for: from the store where they are there, else computed now.
///
/// Each of so many threads takes the next run that nobody has; small models run one on each core rather than one over
/// all, and on a GPU each in a queue of its own. The bits of a run do not depend on how many there are.
///
/// # Errors
/// The first error of a run; the others that had begun are finished first, and all that is stored stays.
pub fn run_all(
    store: &Store,
    data: &OpenData,
    runs: &[CreRun],
    places: &Places,
    progress: &Progress,
) -> Result<Vec<FinishedRun>> {
    let finished: Vec<Mutex<Option<FinishedRun>>> = runs.iter().map(|_| Mutex::new(None)).collect();
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    let next = AtomicUsize::new(0);
    let work = || {
        let Ok(pool) = ThreadPoolBuilder::new().num_threads(1).build() else { return };
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= runs.len() || locked(&failure).is_some() {
                return;
            }
            match pool.install(|| one(store, data, &runs[index], places, progress)) {
                Ok(run) => *locked(&finished[index]) = Some(run),
                Err(error) => *locked(&failure) = Some(error),
            }
        }
    };
    std::thread::scope(|scope| {
        (0..places.jobs.max(1)).for_each(|_| drop(scope.spawn(work)));
    });
    if let Some(error) = locked(&failure).take() {
        return Err(error);
    }
    let whole = |run: Mutex<Option<FinishedRun>>| run.into_inner().unwrap_or_else(PoisonError::into_inner);
    finished
        .into_iter()
        .map(|run| whole(run).ok_or_else(|| Error::Missing("run, because a worker could not start".into())))
        .collect()
}

fn one(
    store: &Store,
    data: &OpenData,
    run: &CreRun,
    places: &Places,
    progress: &Progress,
) -> Result<FinishedRun> {
    let data = data.get(&run.config.data).expect("the data of every run was opened");
    let spec = run.spec(data);
    let epochs = run.config.epochs + 1;
    if let Some(found) = store.find(&spec)? {
        progress.found(epochs);
        return Ok(found);
    }
    let mut reported = 0;
    let heard = |done: u32| {
        progress.epochs(done.saturating_sub(reported));
        reported = reported.max(done);
    };
    let finished = run.compute(data, &places.device()?, store.run(&spec)?, heard)?;
    progress.finished(run, &finished);
    Ok(finished)
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
