//! Calls the two Slurm commands that submit a job and query its state.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::error::cluster::{Error, Result};

/// The final states of a task; in every other state it may still run.
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

/// The result of a query.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum QueryResult {
    /// The number of tasks in each state.
    States(States),
    /// The job ended so long ago that Slurm has dropped its record.
    Expired,
    /// squeue failed with this message; the job is unaffected.
    Failed(String),
}

/// The number of tasks in each state, with the reason for pending ones.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct States(BTreeMap<String, usize>);

impl States {
    /// Parses lines `STATE|reason`.
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

    /// Whether all tasks have ended.
    pub(super) fn over(&self) -> bool {
        self.0.keys().all(|state| OVER.contains(&state.as_str()))
    }

    /// Whether every task ended by itself, not by node failure, timeout, preemption or cancellation.
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
    /// The commands in this folder, or on the `PATH`.
    pub(super) fn new(folder: Option<&Path>) -> Self {
        Self { folder: folder.map(Path::to_owned) }
    }

    /// Submits a script with additional options and returns the job id.
    ///
    /// # Errors
    /// [`Error::Refused`] with the message of sbatch; [`Error::NoCommand`].
    pub(super) fn submit(&self, script: &Path, options: &[String]) -> Result<String> {
        let output = self.call("sbatch", ["--parsable".to_owned()].iter().chain(options), Some(script))?;
        let refused = || {
            let words = format!("{} {}", lossy(&output.stderr), lossy(&output.stdout)).trim().to_owned();
            Error::Refused { script: script.into(), words }
        };
        if !output.status.success() {
            return Err(refused());
        }
        // `JOB`, or `JOB;CLUSTER` with several clusters.
        let output = lossy(&output.stdout);
        let job = output.lines().next_back().and_then(|line| line.split(';').next()).unwrap_or("").trim();
        match !job.is_empty() && job.bytes().all(|byte| byte.is_ascii_digit()) {
            true => Ok(job.to_owned()),
            false => Err(refused()),
        }
    }

    /// Queries the state of a job.
    ///
    /// # Errors
    /// [`Error::NoCommand`].
    pub(super) fn query(&self, job: &str) -> Result<QueryResult> {
        let options = ["--noheader", "--array", "--states=all", "--format=%T|%r", &format!("--jobs={job}")];
        let output = self.call("squeue", options.map(str::to_owned).iter(), None)?;
        let words = lossy(&output.stderr);
        Ok(match output.status.success() {
            true if output.stdout.trim_ascii().is_empty() => QueryResult::Expired,
            true => QueryResult::States(States::read(&lossy(&output.stdout))),
            false if words.contains("Invalid job id") => QueryResult::Expired,
            false => QueryResult::Failed(words),
        })
    }

    /// The id of the job of this name, unless it has ended.
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
    fn a_lost_node_or_a_timeout_does_not_count_as_a_failure_of_the_task() {
        assert!(States::read("COMPLETED|None\nFAILED|NonZeroExitCode\n").by_themselves());
        for lost in ["NODE_FAIL", "TIMEOUT", "PREEMPTED", "CANCELLED"] {
            assert!(!States::read(&format!("FAILED|x\n{lost}|y\n")).by_themselves(), "{lost}");
        }
        assert!(!States::default().by_themselves());
    }

    #[test]
    fn pending_tasks_are_shown_with_their_reason() {
        let states = States::read("RUNNING|None\nPENDING|Resources\nPENDING|Resources\n");
        assert_eq!(states.to_string(), "2 PENDING (Resources), 1 RUNNING");
    }
}
