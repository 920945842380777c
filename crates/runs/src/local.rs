//! Schedules runs in parallel on this machine. Stored runs are reused.

mod data;
mod devices;
mod estimate;
mod memory;
mod observer;
mod queue;
mod stages;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use rayon::{ThreadPool, ThreadPoolBuilder};
use tensor::Device;

pub use self::data::{Data, Missing, open_data};
use self::devices::Devices;
pub use self::estimate::{Estimate, Parts, Rates};
use self::memory::Memory;
pub use self::observer::{Observer, Quiet};
use self::queue::{Queue, Taken, Task};
pub use self::stages::{Stage, Stages};
use crate::images::{Images, OpenData};
use crate::run::Run;
use crate::run::keep::Keep;
use crate::run::together::{OpenRun, compute_together};
use crate::store::{Epoch, FinishedRun, Outcome, Store, trained};
use crate::{Error, Result};

/// The number of values per image from which closed forms take seconds.
const LARGE: usize = 1_024;

/// The parallelism of a sweep and its device.
#[derive(Debug, Clone)]
pub struct Resources {
    /// The number of concurrent runs, or of concurrent programs of several runs.
    pub jobs: usize,
    /// The maximum number of runs that are trained as one program: runs that differ in λ and seed only. Above 1 this is
    /// of use on a GPU only. Results do not depend on it.
    pub together: usize,
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
pub struct FinishedRuns(HashMap<String, Arc<FinishedRun>>);

impl FinishedRuns {
    /// The finished run, if present.
    pub fn get(&self, run: &Run) -> Option<&FinishedRun> {
        self.0.get(&name(run)).map(Arc::as_ref)
    }

    /// All finished runs.
    pub fn all(&self) -> impl Iterator<Item = &FinishedRun> {
        self.0.values().map(Arc::as_ref)
    }
}

/// The runs and their dependencies, without duplicates, dependencies first.
pub fn with_needed(runs: &[Run]) -> Vec<Run> {
    let mut known = HashMap::new();
    let needed = runs.iter().filter_map(Run::needs);
    needed.chain(runs.iter().cloned()).filter(|run| known.insert(name(run), ()).is_none()).collect()
}

/// An identifier of a run that does not need its data: config and seed.
pub fn name(run: &Run) -> String {
    let config = serde_json::to_string(&run.config).expect("a config is serialisable");
    format!("{} {config}", run.seed)
}

/// Returns the finished runs, loading stored ones and computing the others, as [`run_stages`] does.
///
/// # Errors
/// As [`run_stages`].
pub fn run_all(
    store: &Store,
    data: &OpenData,
    runs: &[Run],
    resources: &Resources,
    observer: &dyn Observer,
) -> Result<FinishedRuns> {
    let mut all = FinishedRuns::default();
    run_stages(store, data, &Stages::one(runs), resources, observer, |_, finished| {
        all = finished;
        Ok::<(), Error>(())
    })?;
    Ok(all)
}

/// Finds or computes the runs of these stages, in their order, and calls `complete` with the index and the runs of each
/// stage once all of these are finished, while the runs of later stages go on. A run that diverges or fails is recorded
/// with its reason, and the others continue.
///
/// Each of `jobs` threads takes the next pending run: small models run one per core, and on a GPU each has its own
/// stream, which up to `together` runs share. A run starts only when enough memory is free, of the machine and of the GPU. Results
/// do not depend on either number.
///
/// # Errors
/// The first error of the store, the device or `complete`; runs in progress are finished first, and everything stored is
/// kept.
pub fn run_stages<E: From<Error>>(
    store: &Store,
    data: &OpenData,
    stages: &Stages,
    resources: &Resources,
    observer: &dyn Observer,
    mut complete: impl FnMut(usize, FinishedRuns) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let queue = Queue::new(stages, data);
    let devices = Devices::new(|| resources.device());
    let sweep = Sweep { store, data, resources, devices: &devices, memory: OnceLock::new(), observer };
    let work = || {
        let threads = resources.threads.max(1);
        let pool = match ThreadPoolBuilder::new().num_threads(threads).build() {
            Ok(pool) => pool,
            Err(error) => return queue.fail(no_threads(threads, resources.jobs, &error)),
        };
        while let Some(first) = queue.take() {
            let task = first.task;
            let work = || pool.install(|| sweep.run(&queue, first));
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
                let why = panic.downcast_ref::<String>().map(String::as_str);
                let why = why
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("the panic had no message");
                Err(Error::Panicked { run: task.run.label(), why: why.to_owned() })
            });
            if let Err(error) = outcome {
                queue.fail(error);
            }
        }
    };
    let mut completed = Ok(());
    let all_stages = || {
        for at in 0..queue.n_stages() {
            let Some(finished) = queue.stage(at) else { return };
            completed = complete(at, FinishedRuns(finished));
            if completed.is_err() {
                return queue.stop();
            }
            queue.leave(at);
        }
    };
    beside_threads(resources.jobs, work, |error| queue.fail(error), all_stages);
    completed?;
    queue.failure().map_or(Ok(()), |error| Err(error.into()))
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
            done.0.insert(name(run), Arc::new(found));
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
    beside_threads(n, work, failed, || ());
}

/// As [`on_threads`], with `meanwhile` on this thread at the same time.
fn beside_threads(
    n: usize,
    work: impl Fn() + Copy + Send + Sync,
    failed: impl FnOnce(Error),
    meanwhile: impl FnOnce(),
) {
    let n = n.max(1);
    std::thread::scope(|scope| {
        let start = || std::thread::Builder::new().spawn_scoped(scope, work).map(drop);
        if let Err(error) = (0..n).try_for_each(|_| start()) {
            failed(no_threads(n, n, &error));
        }
        meanwhile();
    });
}

fn no_threads(requested: usize, jobs: usize, error: &impl std::fmt::Display) -> Error {
    Error::Threads { requested, jobs, why: error.to_string() }
}

/// The context in which all runs of a sweep are computed.
struct Sweep<'a, F> {
    store: &'a Store,
    data: &'a OpenData,
    resources: &'a Resources,
    devices: &'a Devices<F>,
    /// Set when the first run is computed.
    memory: OnceLock<Memory>,
    observer: &'a dyn Observer,
}

impl<F: Fn() -> Result<Device>> Sweep<'_, F> {
    /// Finishes a run, from the store or computed now, and the runs of the queue that are trained together with it.
    fn run<'q, 'r>(&self, queue: &'q Queue<'r>, first: Taken<'q, 'r>) -> Result<()> {
        let Self { store, resources, devices, memory, observer, .. } = self;
        let (mut open, mut next) = (Vec::<Taken<'q, 'r>>::new(), Some(first));
        while let Some(taken) = next {
            match self.stored(taken.task)? {
                Some(found) => queue.finished(taken.place, found),
                None => open.push(taken),
            }
            let first = open.first().filter(|_| open.len() < resources.together);
            next = first.and_then(|first| queue.take_with(first.task));
        }
        let Some(first) = open.first() else { return Ok(()) };
        if memory.get().is_none() {
            let _ = memory.set(Memory::of_device(devices.take()?.free_memory()?));
        }
        // Runs that are trained together have the same images.
        let images = self.images(first.task.run);
        let bytes = open.iter().map(|taken| taken.task.run.config.memory(images));
        let bytes = bytes.fold(0, u64::saturating_add);
        let _share = memory.get().expect("the free memory was measured above").take(bytes);
        let device = devices.take()?;
        let phases: Vec<_> = open.iter().map(|taken| phases(taken.task.run, images)).collect();
        let mut runs = vec![];
        for (taken, phases) in open.iter().zip(&phases) {
            let run = taken.task.run;
            phases.before.iter().for_each(|what| observer.phase(run, what));
            let (needed, folder) = (taken.needed.as_deref(), store.run(&run.spec(images))?);
            runs.push(OpenRun { run, needed, folder, keep: self.keep(taken.task) });
        }
        let mut known = vec![0; open.len()];
        let mut observe = |place: usize, epochs: &[Epoch]| {
            let run = open[place].task.run;
            observer.epochs(run, epochs, epochs.len().saturating_sub(known[place]));
            known[place] = epochs.len();
            if trained(epochs) == run.config.epochs && !epochs.is_empty() {
                phases[place].after.iter().for_each(|what| observer.phase(run, what));
            }
        };
        let computed = compute_together(runs, images, &device, &mut observe);
        for (Taken { place, task, .. }, computed) in open.iter().zip(computed) {
            let computed = computed?;
            observer.finished(task.run, &computed);
            queue.finished(*place, computed);
        }
        Ok(())
    }

    fn images(&self, run: &Run) -> &Images {
        self.data.get(&run.config.data).expect("the data set of every run was opened")
    }

    /// Which parameters of a run are stored.
    fn keep(&self, Task { is_reread, .. }: &Task<'_>) -> Keep {
        match self.resources.keep {
            Keep::WhatIsReread if *is_reread => Keep::Encoder,
            keep => keep,
        }
    }

    /// The run from the store; `None` if it is to be computed.
    fn stored(&self, task: &Task<'_>) -> Result<Option<FinishedRun>> {
        let (store, run) = (self.store, task.run);
        let spec = run.spec(self.images(run));
        match store.find(&spec)? {
            // A failed run is computed again: the cause may have been fixed.
            Some(FinishedRun { outcome: Outcome::Failed { .. }, .. }) => store.forget(&spec)?,
            // Computing the run again gives the same results and stores the parameters.
            Some(found) if run.lacks_parameters(&found, self.keep(task)) => store.forget(&spec)?,
            Some(found) => {
                self.observer.found(run, &found);
                return Ok(Some(found));
            }
            None => {}
        }
        Ok(None)
    }
}

/// The slow phases of a run before its first epoch and after its last one, as reported to the observer.
struct Phases {
    before: Option<String>,
    after: Option<&'static str>,
}

fn phases(run: &Run, images: &Images) -> Phases {
    let (learner, d, n) = (&run.config.learner, images.n_pixels(), images.train.len());
    if d < LARGE {
        return Phases { before: None, after: None };
    }
    let of = format!("of {n} images of {d} elements each");
    let before = match learner.learns() {
        false => Some(format!("computing a closed form {of}")),
        true if learner.image_bytes(images) > 0 => Some(format!("computing statistics {of}")),
        true => None,
    };
    let has_latent = learner.learns() && learner.latent_len(images.train.image_shape()).is_some();
    Phases { before, after: has_latent.then_some("computing the probes and statistics of the latent") }
}
