//! Errors of the Slurm engine.

use std::io;
use std::path::PathBuf;

use system::text::count;

/// The result of a call to a cluster.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// An error of the Slurm engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// One of Slurm's commands cannot be started.
    #[error(
        "cannot start `{command}`: {source}; `--engine slurm` needs Slurm's commands on the PATH or in `--slurm-bin DIR`: \
         call it on a machine that submits jobs, or compute here with `--engine local`"
    )]
    NoCommand {
        /// The command.
        command: String,
        /// The system's error message.
        source: io::Error,
    },
    /// Slurm refused the job.
    #[error(
        "sbatch rejected {}: {words}; override the options of the script with `--sbatch \"...\"`",
        script.display()
    )]
    Refused {
        /// The batch script.
        script: PathBuf,
        /// The message of sbatch.
        words: String,
    },
    /// Another process submits jobs for this folder.
    #[error(
        "the jobs in {} are in use by another agon process; wait for it to end, or stop it: its jobs \
         continue",
        folder.display()
    )]
    Busy {
        /// The folder of the jobs.
        folder: PathBuf,
    },
    /// The path of this program is unknown, so tasks cannot call it.
    #[error("cannot determine the path of this program: {source}")]
    NoProgram {
        /// The system's error message.
        source: io::Error,
    },
    /// A path cannot be written into the batch script.
    #[error("cannot write {} into a batch script: the path is not valid UTF-8; rename the folder", path.display())]
    Unnamable {
        /// The path.
        path: PathBuf,
    },
    /// A job file cannot be written.
    #[error("cannot write {}: {source}; nothing stored before is lost", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// The system's error message.
        source: io::Error,
    },
    /// A job file cannot be read.
    #[error("cannot read {}: {source}; job files must be on a file system that all nodes share", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's error message.
        source: io::Error,
    },
    /// A line is not a valid task.
    #[error(
        "{} line {line} is not a task of this version of the program: {why}; submit again with the same version",
        file.display()
    )]
    NoList {
        /// The list.
        file: PathBuf,
        /// The line number, from 1.
        line: usize,
        /// The expected and the actual content.
        why: String,
    },
    /// The list has no task of this number.
    #[error("task {task} of {}: expected 1 to {lines}, the number of lines", file.display())]
    NoTask {
        /// The list.
        file: PathBuf,
        /// The task number, from 1.
        task: usize,
        /// The number of lines.
        lines: usize,
    },
    /// A data set is missing on this node.
    #[error(
        "the data set {name} is missing on this node: {why}; put it on a file system that all nodes share and pass it with `--data`"
    )]
    NoData {
        /// The data set.
        name: String,
        /// The folders that were searched.
        why: String,
    },
    /// A node has other data or another program than the submitting machine.
    #[error(
        "{run} is {listed} in the task list and {here} on this node: the data set {data} or this program \
         differs from that of the submitting machine; use the same files on both"
    )]
    OtherKey {
        /// The run.
        run: String,
        /// Its data set.
        data: String,
        /// The key in the task list.
        listed: String,
        /// The key computed on this node.
        here: String,
    },
    /// Runs are missing after the last round, or after a round in which no task was lost and none succeeded.
    #[error(
        "{} still missing after {rounds} of at most {}; last task states: {states}; {log}; run the same command again to continue",
        count(*missing, "run"),
        count(*most, "round")
    )]
    Unfinished {
        /// The number of missing runs.
        missing: usize,
        /// The number of submitted job arrays.
        rounds: usize,
        /// The maximum number of job arrays.
        most: usize,
        /// The final states of the tasks of the last one.
        states: String,
        /// An excerpt from the log of one of its tasks.
        log: String,
    },
}
