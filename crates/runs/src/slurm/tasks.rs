//! The task list of a job array: one self-contained line per task.

use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};
use system::files;

use super::units::Unit;
use crate::error::cluster::{Error, Result};
use crate::images::OpenData;
use crate::learners::RunConfig;
use crate::run::Run;

/// The minimum duration of a task in seconds, since starting a task has a cost.
pub const SHORTEST: f64 = 300.0;

/// The maximum number of tasks: Slurm's default `MaxArraySize`.
pub const MOST: usize = 1_000;

/// The maximum size of a task list in bytes.
const MAX_BYTES: u64 = 1 << 30;

/// The work of one task.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its units.
    pub units: Vec<Unit>,
    /// Estimated seconds on one core.
    pub seconds: f64,
    /// The seconds of its longest unit, which more cores do not shorten.
    pub longest: f64,
}

/// Groups units into tasks of at least `shortest` seconds, or longer if there would be more than `most` tasks. The longest
/// come first, so that none of them starts last.
pub fn grouped(mut units: Vec<(Unit, f64)>, shortest: f64, most: usize) -> Vec<Task> {
    let in_all: f64 = units.iter().map(|(_, seconds)| seconds).sum();
    // All tasks but the last are full, so there is at most one more than the divisor.
    let full = shortest.max(in_all / most.saturating_sub(1).max(1) as f64);
    units.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let mut tasks: Vec<Task> = Vec::new();
    for (unit, seconds) in units {
        match tasks.last_mut() {
            Some(task) if task.seconds < full => {
                task.units.push(unit);
                task.seconds += seconds;
            }
            _ => tasks.push(Task { units: vec![unit], seconds, longest: seconds }),
        }
    }
    tasks
}

/// A run in a line of the list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    /// The name of its folder in the store.
    key: String,
    seed: u64,
    config: RunConfig,
}

/// The text of a list; line `i`, from 1, is task `i`.
pub(super) fn text(tasks: &[Task], data: &OpenData) -> String {
    let listed = |run: &Run| {
        let key = run.spec(&data[&run.config.data]).folder_name();
        Listed { key, seed: run.seed, config: run.config.clone() }
    };
    let line = |task: &Task| {
        let runs: Vec<Listed> = task.units.iter().flatten().map(listed).collect();
        serde_json::to_string(&runs).expect("a config is serialisable") + "\n"
    };
    tasks.iter().map(line).collect()
}

/// The runs of a task list with the keys computed by the submitting process.
#[derive(Debug)]
pub struct Read {
    /// The runs.
    pub runs: Vec<Run>,
    keys: Vec<String>,
}

impl Read {
    /// Reads the runs of one task, or of all tasks if `task` is `None`.
    ///
    /// # Errors
    /// If the file cannot be read, is not a task list, or has no such task.
    pub fn open(list: &Path, task: Option<usize>) -> Result<Self> {
        let unreadable = |source| Error::Unreadable { file: list.into(), source };
        let file = BufReader::new(files::open(list, MAX_BYTES).map_err(unreadable)?);
        let (mut read, mut lines) = (Self { runs: vec![], keys: vec![] }, 0);
        for line in file.lines() {
            let line = line.map_err(unreadable)?;
            lines += 1;
            if task.is_some_and(|task| task != lines) {
                continue;
            }
            let listed: Vec<Listed> = serde_json::from_str(&line).map_err(|error| Error::NoList {
                file: list.into(),
                line: lines,
                why: error.to_string(),
            })?;
            for Listed { key, seed, config } in listed {
                config.check().map_err(|error| Error::NoList {
                    file: list.into(),
                    line: lines,
                    why: error.to_string(),
                })?;
                read.runs.push(Run { config, seed });
                read.keys.push(key);
            }
            if task.is_some() {
                return Ok(read);
            }
        }
        match task {
            Some(task) => Err(Error::NoTask { file: list.into(), task, lines }),
            None => Ok(read),
        }
    }

    /// Checks that data and program on this node give the keys in the list.
    ///
    /// # Errors
    /// [`Error::OtherKey`] if they do not; [`Error::NoData`] if a data set is missing.
    pub fn check(&self, data: &crate::local::Data) -> Result<()> {
        for (run, listed) in self.runs.iter().zip(&self.keys) {
            let name = &run.config.data.name;
            let Some(images) = data.open.get(&run.config.data) else {
                let why = data.missing.get(name).map_or_else(String::new, |missing| missing.message.clone());
                return Err(Error::NoData { name: name.clone(), why });
            };
            let here = run.spec(images).folder_name();
            if here != *listed {
                let (run, data) = (run.label(), name.clone());
                return Err(Error::OtherKey { run, data, listed: listed.clone(), here });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(seconds: &[f64], shortest: f64, most: usize) -> Vec<usize> {
        let units = seconds.iter().map(|&seconds| (Unit::new(), seconds)).collect();
        grouped(units, shortest, most).iter().map(|task| task.units.len()).collect()
    }

    #[test]
    fn short_runs_share_a_task_and_long_ones_come_first_in_tasks_of_their_own() {
        assert_eq!(sizes(&[10.0, 400.0, 10.0, 290.0, 20.0], 300.0, 1_000), [1, 2, 2]);
        assert_eq!(sizes(&[], 300.0, 1_000), Vec::<usize>::new());
    }

    #[test]
    fn there_are_never_more_tasks_than_the_cluster_accepts() {
        for most in [1, 2, 7, 1_000] {
            let sizes = sizes(&vec![500.0; 5_000], 300.0, most);
            assert!(sizes.len() <= most, "{} tasks for at most {most}", sizes.len());
            assert_eq!(sizes.iter().sum::<usize>(), 5_000);
        }
    }

    #[test]
    fn an_unknown_task_is_refused_with_the_number_of_lines() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("tasks.jsonl");
        std::fs::write(&list, "[]\n[]\n").unwrap();
        assert!(Read::open(&list, Some(2)).unwrap().runs.is_empty());
        let message = Read::open(&list, Some(3)).unwrap_err().to_string();
        assert!(message.contains("tasks.jsonl") && message.contains("expected 1 to 2"), "{message}");
        std::fs::write(&list, "0123456789abcdef\n").unwrap();
        let message = Read::open(&list, None).unwrap_err().to_string();
        assert!(message.contains("line 1"), "{message}");
    }
}
