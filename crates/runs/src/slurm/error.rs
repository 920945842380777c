//! What can go wrong between this program and a cluster.

use std::io;
use std::path::PathBuf;

use system::text::count;

/// The result of a call to a cluster.
pub(super) type Result<T> = std::result::Result<T, Error>;

/// What can go wrong between this program and a cluster.
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
        /// What the system said.
        source: io::Error,
    },
    /// Slurm does not take the job.
    #[error(
        "sbatch refused {}: {words}; options of the script are replaced by those in `--sbatch \"...\"`",
        script.display()
    )]
    Refused {
        /// The batch script.
        script: PathBuf,
        /// What sbatch said.
        words: String,
    },
    /// Another process submits jobs for this folder.
    #[error(
        "another agon waits for the jobs in {}; wait for it to end or stop it, its jobs go on",
        folder.display()
    )]
    Busy {
        /// The folder of the jobs.
        folder: PathBuf,
    },
    /// This program cannot say where it is, so nobody can be told to call it.
    #[error("cannot tell where this program is: {source}")]
    NoProgram {
        /// What the system said.
        source: io::Error,
    },
    /// A path cannot stand in the batch script.
    #[error("a batch script holds UTF-8 alone, and {} is none; choose another name for the folder", path.display())]
    Unnamable {
        /// The path.
        path: PathBuf,
    },
    /// A file of the jobs cannot be written.
    #[error("cannot write {}: {source}; nothing stored before is lost", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the jobs cannot be read.
    #[error("cannot read {}: {source}; a job's files must be on a file system that all nodes share", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line is no task.
    #[error(
        "{} line {line} is no task of this version of the program: {why}; submit again with the version that runs",
        file.display()
    )]
    NoList {
        /// The list.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What was expected and got.
        why: String,
    },
    /// The list has no such task.
    #[error("no task {task} in {}, which has {lines} lines", file.display())]
    NoTask {
        /// The list.
        file: PathBuf,
        /// The task, counted from 1.
        task: usize,
        /// How many lines there are.
        lines: usize,
    },
    /// A data set is not on this node.
    #[error(
        "the data set {name} is not on this node: {why}; put it where all nodes see it and name that with `--data`"
    )]
    NoData {
        /// The data set.
        name: String,
        /// Where it was looked for.
        why: String,
    },
    /// A node sees other data, or another program, than the machine that submitted.
    #[error(
        "{run} is {listed} in the task list and {here} on this node: the data set {data} or this program differs from \
         that of the machine that submitted; let both read the same files"
    )]
    OtherKey {
        /// The run.
        run: String,
        /// Its data set.
        data: String,
        /// The key in the list.
        listed: String,
        /// The key on this node.
        here: String,
    },
    /// Runs are missing although all rounds are over, or because the last one got nothing done by its own fault.
    #[error(
        "{} still missing after {rounds} of at most {}; the last ended as {states}; {log}; call the same again to go on",
        count(*missing, "run"),
        count(*most, "round")
    )]
    Unfinished {
        /// How many.
        missing: usize,
        /// Job arrays that were submitted.
        rounds: usize,
        /// How many may be.
        most: usize,
        /// How the tasks of the last one ended.
        states: String,
        /// What a task of it said.
        log: String,
    },
}
