//! The two commands of Slurm that are needed: one that submits, and one that says what became of it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::error::{Error, Result};

/// How a task is said to have ended; in every other state it may still do something.
const OVER: [&str; 10] = [
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
];

/// Slurm's commands.
#[derive(Debug)]
pub(super) struct Commands {
    folder: Option<PathBuf>,
}

/// What Slurm says of a job.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// How many of its tasks are in which state.
    Known(States),
    /// It is over for so long that Slurm has forgotten it.
    Forgotten,
    /// Nobody answers, in these words; the job goes on all the same.
    Silent(String),
}

/// How many tasks are in which state, for which reason where they wait.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct States(BTreeMap<String, usize>);

impl States {
    /// From lines `STATE|reason`.
    fn read(text: &str) -> Self {
        let mut states = BTreeMap::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (state, reason) = line.trim().split_once('|').unwrap_or((line.trim(), ""));
            let reason =
                if state == "PENDING" && !reason.is_empty() { format!(" ({reason})") } else { String::new() };
            *states.entry(format!("{state}{reason}")).or_default() += 1;
        }
        Self(states)
    }

    /// Whether no task will do anything more.
    pub(super) fn over(&self) -> bool {
        self.0.keys().all(|state| OVER.contains(&state.as_str()))
    }

    /// Whether every task ended by itself, as one that was not lost, cut off or sent away does.
    pub(super) fn by_themselves(&self) -> bool {
        !self.0.is_empty() && self.0.keys().all(|state| ["COMPLETED", "FAILED"].contains(&state.as_str()))
    }
}

impl fmt::Display for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(|(state, n)| format!("{n} {state}")).collect();
        f.write_str(if words.is_empty() { "unknown" } else { "" })?;
        f.write_str(&words.join(", "))
    }
}

impl Commands {
    /// Those in this folder, or on the `PATH`.
    pub(super) fn new(folder: Option<&Path>) -> Self {
        Self { folder: folder.map(Path::to_owned) }
    }

    /// Submits a script, with more options, and gives the number of the job.
    ///
    /// # Errors
    /// [`Error::Refused`] with Slurm's words; [`Error::NoCommand`].
    pub(super) fn submit(&self, script: &Path, options: &[String]) -> Result<String> {
        let output = self.call("sbatch", ["--parsable".to_owned()].iter().chain(options), Some(script))?;
        let refused = || {
            let words = format!("{} {}", lossy(&output.stderr), lossy(&output.stdout)).trim().to_owned();
            Error::Refused { script: script.into(), words }
        };
        if !output.status.success() {
            return Err(refused());
        }
        // `JOB`, or `JOB;CLUSTER` where there are several clusters.
        let said = lossy(&output.stdout);
        let job = said.lines().next_back().and_then(|line| line.split(';').next()).unwrap_or("").trim();
        match !job.is_empty() && job.bytes().all(|byte| byte.is_ascii_digit()) {
            true => Ok(job.to_owned()),
            false => Err(refused()),
        }
    }

    /// What became of a job.
    ///
    /// # Errors
    /// [`Error::NoCommand`].
    pub(super) fn ask(&self, job: &str) -> Result<Answer> {
        let options = ["--noheader", "--array", "--states=all", "--format=%T|%r", &format!("--jobs={job}")];
        let output = self.call("squeue", options.map(str::to_owned).iter(), None)?;
        let words = lossy(&output.stderr);
        Ok(match output.status.success() {
            true if output.stdout.trim_ascii().is_empty() => Answer::Forgotten,
            true => Answer::Known(States::read(&lossy(&output.stdout))),
            false if words.contains("Invalid job id") => Answer::Forgotten,
            false => Answer::Silent(words),
        })
    }

    /// The number of the job of this name, if it is not over.
    ///
    /// # Errors
    /// [`Error::NoCommand`].
    pub(super) fn find(&self, name: &str) -> Result<Option<String>> {
        let options = ["--noheader", "--format=%F", &format!("--name={name}")].map(str::to_owned);
        let output = self.call("squeue", options.iter(), None)?;
        Ok(lossy(&output.stdout).lines().map(|line| line.trim().to_owned()).find(|line| !line.is_empty()))
    }

    fn call<'o>(
        &self,
        command: &str,
        options: impl Iterator<Item = &'o String>,
        script: Option<&Path>,
    ) -> Result<Output> {
        let program = self.folder.as_ref().map_or_else(|| command.into(), |folder| folder.join(command));
        let output = Command::new(&program).args(options).args(script).output();
        output.map_err(|source| Error::NoCommand { command: program.display().to_string(), source })
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_over_when_all_of_its_tasks_are() {
        assert!(States::read("COMPLETED|None\nNODE_FAIL|NodeDown\n").over());
        assert!(!States::read("COMPLETED|None\nREQUEUED|None\n").over());
        assert!(!States::read("PENDING|BeginTime\n").over());
    }

    #[test]
    fn a_lost_node_or_a_timeout_is_not_the_fault_of_a_task() {
        assert!(States::read("COMPLETED|None\nFAILED|NonZeroExitCode\n").by_themselves());
        for lost in ["NODE_FAIL", "TIMEOUT", "PREEMPTED", "CANCELLED"] {
            assert!(!States::read(&format!("FAILED|x\n{lost}|y\n")).by_themselves(), "{lost}");
        }
        assert!(!States::default().by_themselves());
    }

    #[test]
    fn what_waits_says_for_what() {
        let states = States::read("RUNNING|None\nPENDING|Resources\nPENDING|Resources\n");
        assert_eq!(states.to_string(), "2 PENDING (Resources), 1 RUNNING");
    }
}
