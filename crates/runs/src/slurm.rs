//! Computes runs on a Slurm cluster: the runs missing from the store are submitted as a job array until none is missing.
//!
//! A task of the array is this program with one line of a list of runs. All tasks write to the same store, so no results
//! have to be merged.

mod units;
mod work;

mod tasks;
mod script;

mod commands;
mod jobs;

use std::path::{Path, PathBuf};
use std::time::Duration;

use system::text;

use self::commands::{Commands, QueryResult, States};
use self::jobs::{Job, Jobs};
use self::script::{Allocation, Array};
pub use self::tasks::{MOST, Read, SHORTEST, Task, grouped};
pub use self::units::{Shard, Unit, units};
pub use self::work::{PATIENCE, Report, compute};
use crate::Result;
pub use crate::error::cluster::Error;
use crate::local::{Data, Estimate, Observer, Resources};
use crate::run::Run;
use crate::shell::{quoted, shown};
use crate::store::{Outcome, Store};

/// Where runs are computed.
#[derive(Debug, Clone)]
pub enum Engine {
    /// On this machine.
    Local,
    /// On a Slurm cluster.
    Slurm(Slurm),
}

/// The options of a Slurm cluster.
#[derive(Debug, Clone)]
pub struct Slurm {
    /// The folder of Slurm's commands; `None` to search the `PATH`.
    pub commands: Option<PathBuf>,
    /// Additional options of sbatch, which override those of the script.
    pub sbatch: Vec<String>,
    /// The maximum number of concurrent tasks.
    pub at_once: usize,
    /// The maximum number of job arrays submitted in sequence.
    pub rounds: usize,
    /// The interval between queries of the scheduler.
    pub poll: Duration,
    /// The seconds that a run takes; estimated from a few steps on this machine if absent.
    pub seconds_per_run: Option<f64>,
}

/// Runs and the folders they use.
pub struct Sweep<'a> {
    /// The runs whose data are available, dependencies first.
    pub runs: &'a [Run],
    /// The open data sets.
    pub data: &'a Data,
    /// The folder that is searched first for data sets.
    pub data_folder: Option<&'a Path>,
    /// The store in `out`.
    pub store: &'a Store,
    /// The results folder.
    pub out: &'a Path,
    /// The cores per task, and the device.
    pub resources: &'a Resources,
    /// Additional arguments of the tasks, with absolute paths.
    pub arguments: &'a [String],
}

/// Submits the missing runs as a job array, waits until it ends, and repeats this for runs lost with their task, at most
/// [`Slurm::rounds`] times. A run that failed is stored and not lost.
///
/// An unfinished job of an earlier call is waited for first, even if it has other runs. Killing this process at any
/// time leaves the jobs running. Returns the number of failed runs.
///
/// # Errors
/// [`Error`] if Slurm is missing or refuses the job, another process submits, or runs are still missing at the end.
pub fn complete(sweep: &Sweep<'_>, slurm: &Slurm, observer: &dyn Observer) -> Result<usize> {
    let jobs = Jobs::open(sweep.out)?;
    let commands = Commands::new(slurm.commands.as_deref());
    let mut estimate = Estimated::new(sweep, slurm);
    // Failed runs are computed again, unless a job that does so is being waited for.
    let mut failed_too = true;
    if let Some(mut job) = jobs.unfinished(&commands)? {
        observer.note(&format!(
            "waiting for job {} of an earlier call; missing runs are submitted after it",
            named(&job)
        ));
        wait(&commands, &mut job, slurm.poll, observer)?;
        failed_too = false;
    }
    let mut missing = sweep.missing(failed_too)?;
    let mut last = None;
    for round in 1..=slurm.rounds {
        if missing.is_empty() {
            break;
        }
        let before = runs_in(&missing);
        let mut job = submit(sweep, slurm, &jobs, &commands, estimate.tasks(missing)?, observer)?;
        let states = wait(&commands, &mut job, slurm.poll, observer)?;
        missing = sweep.missing(false)?;
        let now = runs_in(&missing);
        observer.note(&format!(
            "round {round}: {} of {} stored; tasks: {states}",
            before - now,
            text::count(before, "missing run")
        ));
        // If no task was lost and no run was stored, another round would not help.
        let is_final = now == before && states.by_themselves();
        last = Some((round, job, states));
        if is_final {
            break;
        }
    }
    match (runs_in(&missing), last) {
        // With failed runs counted as missing, the rest are the failed ones.
        (0, _) => Ok(runs_in(&sweep.missing(true)?)),
        (missing, Some((rounds, job, states))) => {
            let (states, log, most) = (states.to_string(), job.words(), slurm.rounds);
            Err(Error::Unfinished { missing, rounds, most, states, log }.into())
        }
        (missing, None) => {
            let (states, log) = ("none".into(), "no job was submitted, since `--rounds` is 0".into());
            Err(Error::Unfinished { missing, rounds: 0, most: 0, states, log }.into())
        }
    }
}

/// Describes what [`complete`] would submit: the script, the number of tasks and of runs. Writes nothing.
///
/// # Errors
/// If the store cannot be read or a run cannot be timed.
pub fn dry_run(sweep: &Sweep<'_>, slurm: &Slurm) -> Result<String> {
    let missing = sweep.missing(true)?;
    let runs = runs_in(&missing);
    if runs == 0 {
        return Ok("no run is missing, so there is no task\n".into());
    }
    let tasks = Estimated::new(sweep, slurm).tasks(missing)?;
    let seconds: f64 = tasks.iter().map(|task| task.seconds).sum();
    let (folder, name) = Jobs::next(&absolute(&Jobs::folder(sweep.out)));
    let script = sweep.script(slurm, &folder, &name, &tasks)?;
    let extra: String = slurm.sbatch.iter().map(|option| format!(" {}", quoted(option))).collect();
    Ok(format!(
        "{script}\n{} of {}, about {:.1} core hours; submitted by: sbatch --parsable{extra} {}\n",
        text::count(tasks.len(), "task"),
        text::count(runs, "run"),
        seconds / 3_600.0,
        shown(folder.join("script.sh").as_os_str())
    ))
}

impl Sweep<'_> {
    /// The units with a run that is not stored, or has failed where `failed_too`.
    fn missing(&self, failed_too: bool) -> Result<Vec<Missing>> {
        let mut missing = Vec::new();
        for unit in units(self.runs) {
            let mut lacks = Vec::new();
            for run in &unit {
                match self.store.ended(&run.spec(&self.data.open[&run.config.data]))? {
                    Some(Outcome::Failed { .. }) if failed_too => lacks.push(run.clone()),
                    Some(_) => {}
                    None => lacks.push(run.clone()),
                }
            }
            if !lacks.is_empty() {
                missing.push(Missing { unit, lacks });
            }
        }
        Ok(missing)
    }

    fn script(&self, slurm: &Slurm, folder: &Path, name: &str, tasks: &[Task]) -> Result<String> {
        let program = std::env::current_exe().map_err(|source| Error::NoProgram { source })?;
        // A path that is not UTF-8 cannot be written into the script.
        let utf8 = |path: &Path| match absolute(path).to_str() {
            Some(path) => Ok(path.to_owned()),
            None => Err(Error::Unnamable { path: path.into() }),
        };
        let mut arguments = vec!["run".into(), "--out".into(), utf8(self.out)?];
        if let Some(data) = self.data_folder {
            arguments.extend(["--data".into(), utf8(data)?]);
        }
        let (jobs, list) = (self.resources.jobs.max(1).to_string(), utf8(&folder.join("tasks.jsonl"))?);
        arguments.extend(["--device".into(), self.resources.device.clone(), "--jobs".into(), jobs]);
        arguments.extend(["--keys".into(), list]);
        arguments.extend_from_slice(self.arguments);
        let array = Array {
            name,
            tasks: tasks.len(),
            at_once: slurm.at_once,
            allocation: Allocation::of(tasks, self.data, self.resources)?,
            folder: &utf8(folder)?,
            program: &utf8(&program)?,
            arguments: &arguments,
        };
        Ok(array.script())
    }
}

/// A unit and its missing runs.
struct Missing {
    unit: Unit,
    lacks: Vec<Run>,
}

fn runs_in(missing: &[Missing]) -> usize {
    missing.iter().map(|missing| missing.lacks.len()).sum()
}

/// Estimates durations, once per kind of run.
struct Estimated<'a> {
    estimate: Estimate<'a>,
    seconds_per_run: Option<f64>,
    cores: usize,
}

impl<'a> Estimated<'a> {
    /// Measures on this machine's CPU if it does not have the device: an upper bound for a GPU.
    fn new(sweep: &Sweep<'a>, slurm: &Slurm) -> Self {
        let device = sweep.resources.device().unwrap_or(tensor::Device::Cpu);
        let (seconds_per_run, cores) = (slurm.seconds_per_run, sweep.resources.jobs.max(1));
        Self { estimate: Estimate::new(sweep.data, device), seconds_per_run, cores }
    }

    /// Groups the missing units into tasks long enough to be worth starting.
    fn tasks(&mut self, missing: Vec<Missing>) -> Result<Vec<Task>> {
        let mut timed = Vec::new();
        for Missing { unit, lacks } in missing {
            let mut seconds = 0.0;
            for run in &lacks {
                seconds += match self.seconds_per_run {
                    Some(seconds) => seconds,
                    // A run that cannot be timed fails at once.
                    None => self.estimate.seconds(run).unwrap_or(0.0),
                };
            }
            timed.push((unit, seconds));
        }
        Ok(grouped(timed, SHORTEST * self.cores as f64, MOST))
    }
}

fn submit(
    sweep: &Sweep<'_>,
    slurm: &Slurm,
    jobs: &Jobs,
    commands: &Commands,
    tasks: Vec<Task>,
    observer: &dyn Observer,
) -> Result<Job> {
    let mut job = jobs.begin()?;
    let folder = absolute(&job.folder);
    jobs::write(&folder.join("tasks.jsonl"), &tasks::text(&tasks, &sweep.data.open))?;
    let script = folder.join("script.sh");
    jobs::write(&script, &sweep.script(slurm, &folder, job.name(), &tasks)?)?;
    match commands.submit(&script, &slurm.sbatch) {
        Ok(number) => job.submitted(number)?,
        Err(error) => {
            job.over()?;
            return Err(error.into());
        }
    }
    let n = text::count(tasks.len(), "task");
    observer.note(&format!(
        "job {}: {n}; interrupting this command leaves the job running, and the next call waits for it again",
        named(&job)
    ));
    Ok(job)
}

/// Waits until all tasks of the job have ended; returns their last known states.
fn wait(commands: &Commands, job: &mut Job, poll: Duration, observer: &dyn Observer) -> Result<States> {
    let mut reported = String::new();
    let mut last = States::default();
    while let Some(number) = job.number() {
        let words = match commands.query(number)? {
            QueryResult::Expired => break,
            QueryResult::States(states) => {
                last = states;
                if last.over() {
                    break;
                }
                last.to_string()
            }
            QueryResult::Failed(words) => format!("squeue failed and will be called again: {words}"),
        };
        if words != reported {
            observer.note(&format!("  job {number}: {words}"));
            reported = words;
        }
        std::thread::sleep(poll);
    }
    job.over()?;
    Ok(last)
}

fn named(job: &Job) -> String {
    format!("{} ({})", job.number().unwrap_or("not yet numbered"), job.name())
}

/// The absolute path; unchanged if the current folder is unknown.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
