//! A discrete-event simulation of a job array: cores that train, a scheduler that starts tasks one by one, and a file
//! server that processes operations one by one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use tensor::random::Stream;

use crate::measure::Cost;

/// Assumed: cores per node, each as fast as the one that was measured.
const CORES: usize = 16;
/// Assumed: seconds of the scheduler per task.
const SCHEDULING: f64 = 0.1;
/// Assumed: the largest relative deviation of a run's duration from its estimate.
const SPREAD: f64 = 0.2;
/// Seconds of training between two checkpoints, as in `run/compute.rs`.
const BETWEEN_CHECKPOINTS: f64 = 10.0;

/// The simulated cluster.
pub(crate) struct Machine {
    pub(crate) nodes: usize,
    /// Seconds of the file server per metadata operation.
    pub(crate) operation: f64,
}

/// A run.
pub(crate) struct RunLoad {
    pub(crate) seconds: f64,
    pub(crate) epochs: u32,
}

/// A task of the array.
pub(crate) struct TaskLoad {
    /// Seconds before its first run.
    pub(crate) start: f64,
    pub(crate) runs: Vec<RunLoad>,
}

/// The result of a simulation.
pub(crate) struct Simulated {
    pub(crate) runs: usize,
    pub(crate) core_seconds: f64,
    pub(crate) seconds: f64,
    /// Training time divided by the total time of all cores.
    pub(crate) efficiency: f64,
    pub(crate) operations_per_second: f64,
    /// In the busiest second.
    pub(crate) most_operations: f64,
    pub(crate) held_back_by: String,
}

/// A resource that serves one request at a time.
#[derive(Default)]
struct Server {
    free: f64,
    busy: f64,
}

impl Server {
    /// The time at which a request made at `now` completes.
    fn ask(&mut self, now: f64, seconds: f64) -> f64 {
        self.free = self.free.max(now) + seconds;
        self.busy += seconds;
        self.free
    }
}

/// The next activity of a core.
#[derive(Clone, Copy)]
enum Next {
    Task,
    Begin { task: usize, run: usize },
    Epoch { task: usize, run: usize, epoch: u32, since_checkpoint: f64 },
    End { task: usize, run: usize },
}

/// Runs the tasks in order, each on the next free core. Deterministic.
pub(crate) fn simulate(tasks: &[TaskLoad], cost: &Cost, machine: &Machine) -> Simulated {
    let cores = machine.nodes * CORES;
    let runs: Vec<Vec<f64>> = spread(tasks);
    let (mut scheduler, mut files) = (Server::default(), Server::default());
    let mut by_second: HashMap<u64, f64> = HashMap::new();
    let mut operations = 0.0;
    let (mut waiting, mut end) = (0..tasks.len(), 0.0_f64);
    let mut next = vec![Next::Task; cores];
    // Times in microseconds, as ordered integers.
    let mut events: BinaryHeap<Reverse<(u64, usize)>> = (0..cores).map(|core| Reverse((0, core))).collect();
    while let Some(Reverse((time, core))) = events.pop() {
        let now = time as f64 / 1e6;
        let mut ask = |n: f64| {
            operations += n;
            *by_second.entry(now as u64).or_default() += n;
            files.ask(now, n * machine.operation)
        };
        let (then, what) = match next[core] {
            Next::Task => {
                let Some(task) = waiting.next() else { continue };
                (scheduler.ask(now, SCHEDULING) + tasks[task].start, Next::Begin { task, run: 0 })
            }
            Next::Begin { task, run } => {
                let first = runs[task][run] / f64::from(tasks[task].runs[run].epochs);
                let begun = ask(cost.of_run / 2.0) + cost.beside + first;
                (begun, Next::Epoch { task, run, epoch: 0, since_checkpoint: first })
            }
            Next::Epoch { task, run, epoch, since_checkpoint } => {
                let load = &tasks[task].runs[run];
                let last = epoch + 1 >= load.epochs;
                let due = since_checkpoint >= BETWEEN_CHECKPOINTS && !last;
                let stored = ask(cost.of_epoch + if due { cost.of_checkpoint } else { 0.0 });
                let seconds = runs[task][run] / f64::from(load.epochs);
                let since_checkpoint = if due { seconds } else { since_checkpoint + seconds };
                match last {
                    true => (stored, Next::End { task, run }),
                    false => {
                        (stored + seconds, Next::Epoch { task, run, epoch: epoch + 1, since_checkpoint })
                    }
                }
            }
            Next::End { task, run } => {
                let stored = ask(cost.of_run / 2.0);
                end = end.max(stored);
                let more = run + 1 < tasks[task].runs.len();
                (stored, if more { Next::Begin { task, run: run + 1 } } else { Next::Task })
            }
        };
        next[core] = what;
        events.push(Reverse(((then * 1e6) as u64, core)));
    }
    let core_seconds: f64 = runs.iter().flatten().sum();
    let longest = runs.iter().map(|of| of.iter().sum()).fold(0.0, f64::max);
    let held_back_by = [
        ("cores", core_seconds / cores as f64),
        ("the longest task", longest),
        ("the scheduler", scheduler.busy),
        ("the file server", files.busy),
    ];
    let (what, seconds) =
        held_back_by.into_iter().max_by(|(_, a), (_, b)| a.total_cmp(b)).expect("there are four");
    Simulated {
        runs: runs.iter().map(Vec::len).sum(),
        core_seconds,
        seconds: end,
        efficiency: core_seconds / (cores as f64 * end),
        operations_per_second: operations / end,
        most_operations: by_second.into_values().fold(0.0, f64::max),
        held_back_by: format!("{what} ({:.0} % of the time)", 100.0 * seconds / end),
    }
}

/// The seconds of each run, with random deviations.
fn spread(tasks: &[TaskLoad]) -> Vec<Vec<f64>> {
    let mut chance = Stream::new(0, "how long runs take").sequence(0);
    let mut factor = || 1.0 + SPREAD * (2.0 * chance.uniform() - 1.0);
    let mut of = |task: &TaskLoad| task.runs.iter().map(|run| run.seconds * factor()).collect();
    tasks.iter().map(&mut of).collect()
}
