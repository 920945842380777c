//! Measures the overhead of a run besides training: calls of the run store, and time.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use experiments::experiment::Planned;
use experiments::{Error, Profile, Result, claims};
use runs::local::{self, Resources};
use runs::names::PARAMETERS;
use runs::run::Run;
use runs::run::keep::Keep;
use runs::slurm;
use runs::store::{Checkpoint, Disk, RealDisk, Store};

/// The overhead of a run besides training.
pub(crate) struct Cost {
    /// Seconds from the start of a task to its first run: opening the embedded images.
    pub(crate) start: f64,
    /// The seconds of a run outside of its epochs.
    pub(crate) beside: f64,
    /// The metadata operations of a run outside of its epochs.
    pub(crate) of_run: f64,
    /// The metadata operations of an epoch without a checkpoint.
    pub(crate) of_epoch: f64,
    /// The additional metadata operations of a checkpoint.
    pub(crate) of_checkpoint: f64,
    bytes: [f64; 3],
    /// The seconds of a metadata operation on this machine.
    pub(crate) here: f64,
}

/// A disk that counts its operations.
#[derive(Debug, Default)]
struct Counting {
    operations: AtomicU64,
    bytes: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Counting {
    /// Makes the call, and counts operations on names or syncs, and bytes written.
    fn count<T>(&self, operations: u64, bytes: usize, call: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let got = call();
        self.nanoseconds.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        self.operations.fetch_add(operations, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        got
    }

    fn counted(&self) -> [f64; 2] {
        [&self.operations, &self.bytes].map(|counter| counter.load(Ordering::Relaxed) as f64)
    }
}

/// Opening, creating, renaming, removing, listing and syncing count one each.
impl Disk for Counting {
    fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        self.count(1, 0, || RealDisk.read(file))
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        self.count(1, 0, || RealDisk.names(folder))
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.count(1, 0, || RealDisk.create_folder(folder))
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        self.count(2, bytes.len(), || RealDisk.write(file, bytes))
    }

    fn append(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        self.count(2, bytes.len(), || RealDisk.append(file, bytes))
    }

    fn cut(&self, file: &Path, length: u64) -> io::Result<()> {
        self.count(2, 0, || RealDisk.cut(file, length))
    }

    fn sync(&self, file_or_folder: &Path) -> io::Result<()> {
        self.count(2, 0, || RealDisk.sync(file_or_folder))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.count(1, 0, || RealDisk.rename(from, to))
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        self.count(1, 0, || RealDisk.remove(file))
    }
}

/// The operations of the lock, which bypass [`Disk`]: open, lock, unlock.
const OF_LOCK: f64 = 3.0;

/// Measures the six runs of E1 (`book/codes.md`) in the smoke profile, with few epochs and with more.
pub(crate) fn cost() -> Result<Cost> {
    let (few, more) = (2, 12);
    let [short, long] = [swept(few)?, swept(more)?];
    let slope = |i: usize| (long.counted[i] - short.counted[i]) / f64::from(more - few);
    let fixed = |i: usize| short.counted[i] - f64::from(few + 1) * slope(i);
    let checkpoint = checkpoint(&long)?;
    Ok(Cost {
        start: long.start,
        beside: (short.beside + long.beside) / 2.0,
        of_run: fixed(0) + OF_LOCK,
        of_epoch: slope(0),
        of_checkpoint: checkpoint[0] - slope(0),
        bytes: [fixed(1), slope(1), checkpoint[1] - slope(1)],
        here: long.disk / long.counted[0],
    })
}

/// The overhead of a sweep per run.
struct Swept {
    start: f64,
    beside: f64,
    /// Operations and bytes.
    counted: [f64; 2],
    /// Seconds in disk calls.
    disk: f64,
    run: Run,
    finals: runs::store::Arrays,
}

fn swept(epochs: u32) -> Result<Swept> {
    let folder = std::env::temp_dir().join(format!("agon-scaling-{}-{epochs}", std::process::id()));
    let disk = Arc::new(Counting::default());
    let store = Store::open_on(disk.clone(), &folder)?;
    let setting = format!("families.*.epochs={epochs}").parse().map_err(Error::Usage)?;
    let experiment = claims::named(&["fc-lambda-sweep".to_owned()])?[0];
    let runs = local::with_needed(&Planned::new(experiment, Profile::Smoke, &[setting])?.runs);
    let start = Instant::now();
    let data = local::open_data(&runs, None)?;
    let opened = start.elapsed().as_secs_f64();
    let (before, spent) = (disk.counted(), disk.nanoseconds.load(Ordering::Relaxed));
    let resources =
        Resources { jobs: 1, together: 1, threads: 1, device: "cpu".into(), keep: Keep::EveryParameter };
    let (start, n) = (Instant::now(), runs.len() as f64);
    slurm::compute(&store, &data.open, &runs, &resources, Duration::ZERO, &local::Quiet)?;
    let wall = start.elapsed().as_secs_f64();
    let (after, spent) = (disk.counted(), disk.nanoseconds.load(Ordering::Relaxed) - spent);
    let done = local::stored(&store, &data.open, &runs)?;
    let trained: f64 = done.all().flat_map(|run| &run.epochs).map(|epoch| epoch.seconds).sum();
    let finals = done.get(&runs[0]).map(|run| run.finals.clone()).unwrap_or_default();
    std::fs::remove_dir_all(&folder).map_err(|source| Error::Write { path: folder, source })?;
    Ok(Swept {
        start: opened,
        beside: (wall - trained) / n,
        counted: [0, 1].map(|i| (after[i] - before[i]) / n),
        disk: spent as f64 / 1e9 / n,
        run: runs[0].clone(),
        finals,
    })
}

/// The operations and bytes of an epoch with a checkpoint of a model and Adam's two moments.
fn checkpoint(swept: &Swept) -> Result<[f64; 2]> {
    const TIMES: u32 = 4;
    let folder = std::env::temp_dir().join(format!("agon-scaling-{}-checkpoint", std::process::id()));
    let disk = Arc::new(Counting::default());
    let store = Store::open_on(disk.clone(), &folder)?;
    let data = local::open_data([&swept.run], None)?;
    let mut run = store.run(&swept.run.spec(&data.open[&swept.run.config.data]))?;
    let parameters = swept.finals.iter().filter(|(name, _)| name.starts_with(PARAMETERS));
    let arrays =
        parameters.flat_map(|(name, array)| (0..3).map(move |of| (format!("{of}/{name}"), array.clone())));
    let arrays: runs::store::Arrays = arrays.collect();
    // The first two are kept, so from then on one is removed for each that is written.
    for epoch in 0..2 {
        run.record(&Checkpoint { epoch, arrays: arrays.clone() }, [].into(), 0.0)?;
    }
    let before = disk.counted();
    for epoch in 2..2 + TIMES {
        run.record(&Checkpoint { epoch, arrays: arrays.clone() }, [].into(), 0.0)?;
    }
    let after = disk.counted();
    drop(run);
    std::fs::remove_dir_all(&folder).map_err(|source| Error::Write { path: folder, source })?;
    Ok([0, 1].map(|i| (after[i] - before[i]) / f64::from(TIMES)))
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [run, epoch, checkpoint] = self.bytes.map(|bytes| bytes / 1024.0);
        writeln!(f, "| | operations | KiB written |\n| --- | ---: | ---: |")?;
        writeln!(f, "| a run | {:.1} | {run:.0} |", self.of_run)?;
        writeln!(f, "| each epoch of it | {:.1} | {epoch:.1} |", self.of_epoch)?;
        writeln!(f, "| each checkpoint of it | {:.1} | {checkpoint:.0} |", self.of_checkpoint)?;
        let (beside, start, here) = (self.beside, self.start, 1e3 * self.here);
        writeln!(
            f,
            "\noutside of its epochs a run takes {beside:.3} s; opening the images takes {start:.3} s; an operation"
        )?;
        writeln!(f, "takes {here:.2} ms on this machine's own disk")
    }
}
