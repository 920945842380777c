//! The same work on a cluster: what is missing from the store becomes a job array of Slurm, until nothing is missing.
//!
//! A task of the array is this program on one line of a list of runs. It writes to the store as every process does, so
//! nothing has to be brought together at the end: what is in the store is done, whoever computed it.

mod units;
mod work;

mod tasks;
mod script;

mod commands;
mod jobs;

pub(crate) mod error;

use std::path::{Path, PathBuf};
use std::time::Duration;

use system::text;

use self::commands::{Answer, Commands, States};
pub use self::error::Error;
use self::jobs::{Job, Jobs};
use self::script::{Allocation, Array};
pub use self::tasks::{MOST, Read, SHORTEST, Task, grouped};
pub use self::units::{Shard, Unit, units};
pub use self::work::{PATIENCE, Report, compute};
use crate::Result;
use crate::local::{Data, Estimate, Observer, Resources};
use crate::run::Run;
use crate::shell::{quoted, shown};
use crate::store::{Outcome, Store};

/// Who computes runs.
#[derive(Debug, Clone)]
pub enum Engine {
    /// This machine.
    Local,
    /// A cluster.
    Slurm(Slurm),
}

/// How a cluster is asked.
#[derive(Debug, Clone)]
pub struct Slurm {
    /// The folder of Slurm's commands; `None` for the `PATH`.
    pub commands: Option<PathBuf>,
    /// More options of sbatch, which win over those of the script.
    pub sbatch: Vec<String>,
    /// Tasks at once, at most.
    pub at_once: usize,
    /// Job arrays after each other, at most.
    pub rounds: usize,
    /// Time between two questions to the scheduler.
    pub poll: Duration,
    /// Seconds that a run takes; estimated from a few steps on this machine where it is left out.
    pub seconds_per_run: Option<f64>,
}

/// Runs, and where they are kept.
pub struct Sweep<'a> {
    /// The runs whose data are here, those that are needed first.
    pub runs: &'a [Run],
    /// Their data.
    pub data: &'a Data,
    /// Where data sets are looked for first.
    pub data_folder: Option<&'a Path>,
    /// The store in `out`.
    pub store: &'a Store,
    /// Where everything is written.
    pub out: &'a Path,
    /// Cores for each task, and the device.
    pub resources: &'a Resources,
}

/// Submits what the store lacks as a job array, waits until it is over, and does so again for what was lost on the way:
/// at most as often as [`Slurm::rounds`] says. A run that failed for a reason of its own is in the store and not lost.
///
/// A job that an earlier call submitted and did not see the end of is waited for first, whatever its runs are. A kill of
/// this process, at any instant, leaves the jobs running. Gives how many runs failed for reasons of their own.
///
/// # Errors
/// [`Error`] if Slurm is not here or refuses, another process submits, or runs are still missing at the end.
pub fn complete(sweep: &Sweep<'_>, slurm: &Slurm, observer: &dyn Observer) -> Result<usize> {
    let jobs = Jobs::open(sweep.out)?;
    let commands = Commands::new(slurm.commands.as_deref());
    let mut estimate = Estimated::new(sweep, slurm);
    // What failed before may have been mended, unless the job that tries it again is just being waited for.
    let mut failed_too = true;
    if let Some(mut job) = jobs.unfinished(&commands)? {
        observer.note(&format!(
            "job {} of an earlier call is not over; nothing is submitted until it is",
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
        // Runs that nobody took from their tasks, and that did not come, will not come next time.
        let hopeless = now == before && states.by_themselves();
        last = Some((round, job, states));
        if hopeless {
            break;
        }
    }
    match (runs_in(&missing), last) {
        // Those that failed are what is missing when they count as such.
        (0, _) => Ok(runs_in(&sweep.missing(true)?)),
        (missing, Some((rounds, job, states))) => {
            let (states, log, most) = (states.to_string(), job.words(), slurm.rounds);
            Err(Error::Unfinished { missing, rounds, most, states, log }.into())
        }
        (missing, None) => {
            let (states, log) = ("none".into(), "`--rounds` allows none".into());
            Err(Error::Unfinished { missing, rounds: 0, most: 0, states, log }.into())
        }
    }
}

/// What [`complete`] would submit: the script, and in words how many tasks of how many runs. Nothing is written.
///
/// # Errors
/// If the store cannot be read or a run cannot be timed.
pub fn dry_run(sweep: &Sweep<'_>, slurm: &Slurm) -> Result<String> {
    let missing = sweep.missing(true)?;
    let runs = runs_in(&missing);
    if runs == 0 {
        return Ok("nothing is missing: no task\n".into());
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
    /// The units of which a run is not in the store, or has failed where those count too.
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
        // A path that is no UTF-8 would be another one in the script.
        let said = |path: &Path| match absolute(path).to_str() {
            Some(path) => Ok(path.to_owned()),
            None => Err(Error::Unnamable { path: path.into() }),
        };
        let mut arguments = vec!["run".into(), "--out".into(), said(self.out)?];
        if let Some(data) = self.data_folder {
            arguments.extend(["--data".into(), said(data)?]);
        }
        let (jobs, list) = (self.resources.jobs.max(1).to_string(), said(&folder.join("tasks.jsonl"))?);
        arguments.extend(["--device".into(), self.resources.device.clone(), "--jobs".into(), jobs]);
        arguments.extend(["--keys".into(), list]);
        let array = Array {
            name,
            tasks: tasks.len(),
            at_once: slurm.at_once,
            allocation: Allocation::of(tasks, self.data, self.resources)?,
            folder: &said(folder)?,
            program: &said(&program)?,
            arguments: &arguments,
        };
        Ok(array.script())
    }
}

/// A unit and those of its runs that are not in the store.
struct Missing {
    unit: Unit,
    lacks: Vec<Run>,
}

fn runs_in(missing: &[Missing]) -> usize {
    missing.iter().map(|missing| missing.lacks.len()).sum()
}

/// How long runs take, asked once for each kind of run.
struct Estimated<'a> {
    estimate: Estimate<'a>,
    seconds_per_run: Option<f64>,
    cores: usize,
}

impl<'a> Estimated<'a> {
    /// Timed on this machine's processor where it has no such device: a bound from above for a GPU.
    fn new(sweep: &Sweep<'a>, slurm: &Slurm) -> Self {
        let device = sweep.resources.device().unwrap_or(tensor::Device::Cpu);
        let (seconds_per_run, cores) = (slurm.seconds_per_run, sweep.resources.jobs.max(1));
        Self { estimate: Estimate::new(sweep.data, device), seconds_per_run, cores }
    }

    /// The missing units in tasks that are worth starting.
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
        "job {}: {n}; an interrupt leaves it running, and the next call finds it",
        named(&job)
    ));
    Ok(job)
}

/// Waits until no task of the job will do anything more, and says how they ended as far as Slurm knows.
fn wait(commands: &Commands, job: &mut Job, poll: Duration, observer: &dyn Observer) -> Result<States> {
    let mut said = String::new();
    let mut last = States::default();
    while let Some(number) = job.number() {
        let words = match commands.ask(number)? {
            Answer::Forgotten => break,
            Answer::Known(states) => {
                last = states;
                if last.over() {
                    break;
                }
                last.to_string()
            }
            Answer::Silent(words) => format!("squeue does not answer and is asked again: {words}"),
        };
        if words != said {
            observer.note(&format!("  job {number}: {words}"));
            said = words;
        }
        std::thread::sleep(poll);
    }
    job.over()?;
    Ok(last)
}

fn named(job: &Job) -> String {
    format!("{} ({})", job.number().unwrap_or("without a number"), job.name())
}

/// The path from the root; as it is where the system does not know its own folder.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
