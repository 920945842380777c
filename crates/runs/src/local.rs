//! Schedules runs in parallel on this machine. Stored runs are reused.

mod data;
mod estimate;
mod memory;
mod observer;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};
use tensor::Device;

pub use self::data::{Data, Missing, open_data};
pub use self::estimate::Estimate;
use self::memory::Memory;
pub use self::observer::{Observer, Quiet};
use crate::images::{Images, OpenData};
use crate::run::Run;
use crate::run::compute::Keep;
use crate::store::{Epoch, FinishedRun, Outcome, Store, trained};
use crate::{Error, Result};

/// The fewest values of an image whose closed forms take seconds.
const LARGE: usize = 1_024;

/// The parallelism of a sweep and its device.
#[derive(Debug, Clone)]
pub struct Resources {
    /// The number of concurrent runs.
    pub jobs: usize,
    /// The number of threads per run, which does not affect results.
    pub threads: usize,
    /// The device, as in `cuda:0`.
    pub device: String,
    /// Which parameters are stored.
    pub keep: Keep,
}

impl Resources {
    /// Opens the device; on a GPU with a stream of its own.
    ///
    /// # Errors
    /// If the device does not exist.
    pub fn device(&self) -> Result<Device> {
        Ok(self.device.parse()?)
    }
}

/// Finished runs by config and seed.
#[derive(Default)]
pub struct FinishedRuns(HashMap<String, FinishedRun>);

impl FinishedRuns {
    /// The finished run, if present.
    pub fn get(&self, run: &Run) -> Option<&FinishedRun> {
        self.0.get(&name(run))
    }

    /// All finished runs.
    pub fn all(&self) -> impl Iterator<Item = &FinishedRun> {
        self.0.values()
    }
}

/// The runs and those that they depend on, without duplicates, dependencies first.
pub fn with_needed(runs: &[Run]) -> Vec<Run> {
    let mut known = HashMap::new();
    let needed = runs.iter().filter_map(Run::needs);
    needed.chain(runs.iter().cloned()).filter(|run| known.insert(name(run), ()).is_none()).collect()
}

/// An identifier of a run that does not need its data: config and seed.
pub fn name(run: &Run) -> String {
    let config = serde_json::to_string(&run.config).expect("a config is plain data");
    format!("{} {config}", run.seed)
}

/// Returns the finished runs, loading stored ones and computing the others. A run that diverges or fails is recorded with
/// its reason, and the others continue.
///
/// Each of `jobs` threads takes the next pending run: small models run one per core, and on a GPU each has its own
/// stream. A run starts only when enough memory is free. Results do not depend on the number of jobs.
///
/// # Errors
/// The first error of the store or the device; runs in progress are finished first, and everything stored is kept.
pub fn run_all(
    store: &Store,
    data: &OpenData,
    runs: &[Run],
    resources: &Resources,
    observer: &dyn Observer,
) -> Result<FinishedRuns> {
    let mut done = FinishedRuns::default();
    let here = |run: &&Run| data.contains_key(&run.config.data);
    let (first, second): (Vec<&Run>, Vec<&Run>) =
        runs.iter().filter(here).partition(|run| run.needs().is_none());
    for wave in [first, second] {
        let finished = at_once(store, data, &wave, &done, resources, observer)?;
        done.0.extend(wave.into_iter().map(name).zip(finished));
    }
    Ok(done)
}

/// The stored runs, without computing any.
///
/// # Errors
/// If the store cannot be read.
pub fn stored(store: &Store, data: &OpenData, runs: &[Run]) -> Result<FinishedRuns> {
    let mut done = FinishedRuns::default();
    for run in runs {
        let Some(images) = data.get(&run.config.data) else { continue };
        if let Some(found) = store.find(&run.spec(images))? {
            done.0.insert(name(run), found);
        }
    }
    Ok(done)
}

/// Starts the global thread pool of all commands: of `n` threads, else of `RAYON_NUM_THREADS`, else of one per logical core.
///
/// # Errors
/// [`Error::Threads`].
pub fn start_threads(n: Option<usize>) -> Result<()> {
    let pool = ThreadPoolBuilder::new().num_threads(n.unwrap_or(0));
    pool.build_global().map_err(|error| no_threads(n.unwrap_or_else(cores), 1, &error))
}

/// Starts as many threads as a command with `jobs` concurrent runs needs: the global pool of [`start_threads`] first, and
/// for each job one thread that schedules and one that computes. Dropping the pools ends them.
///
/// # Errors
/// [`Error::Threads`].
pub fn pools_of(jobs: usize) -> Result<Vec<ThreadPool>> {
    // A size of 0 means one thread per core, as in `start_threads`.
    let sizes = std::iter::once(0).chain(std::iter::repeat_n(2, jobs));
    let pool = |n| ThreadPoolBuilder::new().num_threads(n).build();
    sizes
        .map(pool)
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| no_threads(cores() + 2 * jobs, jobs, &error))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs `work` on `n` threads. If one cannot start, no more are started and `failed` is called at once, while the others
/// work.
pub(crate) fn on_threads(n: usize, work: impl Fn() + Copy + Send + Sync, failed: impl FnOnce(Error)) {
    let n = n.max(1);
    std::thread::scope(|scope| {
        let start = || std::thread::Builder::new().spawn_scoped(scope, work).map(drop);
        if let Err(error) = (0..n).try_for_each(|_| start()) {
            failed(no_threads(n, n, &error));
        }
    });
}

fn no_threads(wanted: usize, jobs: usize, error: &impl std::fmt::Display) -> Error {
    Error::Threads { wanted, jobs, why: error.to_string() }
}

fn at_once(
    store: &Store,
    data: &OpenData,
    runs: &[&Run],
    done: &FinishedRuns,
    resources: &Resources,
    observer: &dyn Observer,
) -> Result<Vec<FinishedRun>> {
    let finished: Vec<Mutex<Option<FinishedRun>>> = runs.iter().map(|_| Mutex::new(None)).collect();
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    let (next, memory) = (AtomicUsize::new(0), Memory::of_machine());
    let work = || {
        let threads = resources.threads.max(1);
        let pool = match ThreadPoolBuilder::new().num_threads(threads).build() {
            Ok(pool) => pool,
            Err(error) => {
                *locked(&failure) = Some(no_threads(threads, resources.jobs, &error));
                return;
            }
        };
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= runs.len() || locked(&failure).is_some() {
                return;
            }
            let work = || pool.install(|| one(store, data, runs[index], done, resources, &memory, observer));
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
                let why = panic.downcast_ref::<String>().map(String::as_str);
                let why =
                    why.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("for no stated reason");
                Err(Error::Panicked { run: runs[index].label(), why: why.to_owned() })
            });
            match outcome {
                Ok(run) => *locked(&finished[index]) = Some(run),
                Err(error) => *locked(&failure) = Some(error),
            }
        }
    };
    on_threads(resources.jobs, work, |error| *locked(&failure) = Some(error));
    if let Some(error) = locked(&failure).take() {
        return Err(error);
    }
    let whole = |run: Mutex<Option<FinishedRun>>| run.into_inner().unwrap_or_else(PoisonError::into_inner);
    finished
        .into_iter()
        .map(|run| Ok(whole(run).expect("without a failure, every run was taken and finished")))
        .collect()
}

fn one(
    store: &Store,
    data: &OpenData,
    run: &Run,
    done: &FinishedRuns,
    resources: &Resources,
    memory: &Memory,
    observer: &dyn Observer,
) -> Result<FinishedRun> {
    let images = data.get(&run.config.data).expect("the data of every run was opened");
    let spec = run.spec(images);
    match store.find(&spec)? {
        // A failed run is computed again: the cause may have been fixed.
        Some(FinishedRun { outcome: Outcome::Failed { .. }, .. }) => store.forget(&spec)?,
        // The same results, and this time the parameters are stored.
        Some(found) if resources.keep == Keep::EveryParameter && run.lacks_parameters(&found) => {
            store.forget(&spec)?;
        }
        Some(found) => {
            observer.found(run, &found);
            return Ok(found);
        }
        None => {}
    }
    let _share = memory.take(run.config.memory(images));
    let phases = phases(run, images);
    phases.before.iter().for_each(|what| observer.phase(run, what));
    let mut known = 0;
    let observe = |epochs: &[Epoch]| {
        observer.epochs(run, epochs, epochs.len().saturating_sub(known));
        known = epochs.len();
        if trained(epochs) == run.config.epochs && !epochs.is_empty() {
            phases.after.iter().for_each(|what| observer.phase(run, what));
        }
    };
    let needed = run.needs();
    let needed = needed.as_ref().and_then(|run| done.get(run));
    let finished =
        run.compute(images, needed, &resources.device()?, store.run(&spec)?, resources.keep, observe)?;
    observer.finished(run, &finished);
    Ok(finished)
}

/// The parts of a run before its first epoch and after its last one that take long.
struct Phases {
    before: Option<String>,
    after: Option<&'static str>,
}

fn phases(run: &Run, images: &Images) -> Phases {
    let (learner, d, n) = (&run.config.learner, images.n_pixels(), images.train.len());
    if d < LARGE {
        return Phases { before: None, after: None };
    }
    let of = format!("of {n} images of {d} values each");
    let before = match learner.learns() {
        false => Some(format!("computing a closed form {of}")),
        true if learner.image_bytes(images) > 0 => Some(format!("computing statistics {of}")),
        true => None,
    };
    let has_latent = learner.learns() && learner.latent_len(images.train.image_shape()).is_some();
    Phases { before, after: has_latent.then_some("measuring what the latent holds") }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
