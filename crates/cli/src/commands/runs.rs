//! `agon runs`: lists the stored runs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use system::text;

use super::columns::columns;
use crate::error::Result;
use crate::output::{bytes, duration, print_result};
use runs::learners::{LearnerConfig, RunConfig};
use runs::names::PARAMETERS;
use runs::run::Run;
use runs::store::{Outcome, RunSpec, Store, Summary, Torn, trained};

/// The file of a run's final arrays, and the maximum number of bytes read of its header.
const FINALS: &str = "final.safetensors";
const LONGEST_HEADER: u64 = 1 << 20;

/// The arguments of `agon runs`.
#[derive(Debug, Args)]
pub(crate) struct Runs {
    /// The results folder of `agon reproduce` or `agon train`
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Print one line per run, which starts with its key, instead of one per kind
    #[arg(long)]
    each: bool,
    /// Print every run as JSON
    #[arg(long)]
    json: bool,
}

/// The content of a store.
#[derive(Debug, Serialize)]
struct Held {
    runs: Vec<HeldRun>,
    damaged: Vec<Damaged>,
}

/// A run.
#[derive(Debug, Serialize)]
struct HeldRun {
    key: String,
    state: State,
    /// Why it diverged or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    data: String,
    learner: String,
    label: String,
    seed: u64,
    /// The number of training epochs in its journal.
    epochs: u32,
    seconds: f64,
    bytes: u64,
    /// Whether its parameters, or those of its encoder, are stored.
    parameters: bool,
    /// The half-written last line of its journal, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    torn: Option<String>,
}

/// A run whose journal cannot be read.
#[derive(Debug, Serialize)]
struct Damaged {
    folder: String,
    why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Finished,
    Diverged,
    Failed,
    /// The run is in progress, or was stopped; `agon reproduce` resumes it.
    Partial,
}

impl State {
    fn words(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
            Self::Partial => "partial",
        }
    }
}

pub(crate) fn command(args: &Runs) -> Result<ExitCode> {
    let folder = args.out.join("runs");
    let held = if folder.is_dir() { held(&folder)? } else { Held { runs: vec![], damaged: vec![] } };
    print_result(args.json, &held, || {
        let runs = if args.each { held.each() } else { held.kinds() };
        runs + &held.summary(&folder)
    })
}

fn held(folder: &Path) -> Result<Held> {
    let mut held = Held { runs: vec![], damaged: vec![] };
    for (folder, summary) in Store::reading(folder).list()? {
        match summary {
            Ok(summary) => held.runs.push(HeldRun::new(&summary, &folder)),
            Err(error) => {
                // JSON is Unicode, paths need not be.
                let folder = folder.to_string_lossy().into_owned();
                held.damaged.push(Damaged { folder, why: error.to_string() });
            }
        }
    }
    Ok(held)
}

/// The bytes of all files in a folder; files removed meanwhile count 0.
fn bytes_in(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}

/// Whether the file of a run's final arrays contains parameters, according to the header at its beginning.
fn has_parameters(folder: &Path) -> bool {
    let read = || -> std::io::Result<bool> {
        let mut file = File::open(folder.join(FINALS))?;
        let mut length = [0; 8];
        file.read_exact(&mut length)?;
        let mut header = Vec::new();
        file.take(u64::from_le_bytes(length).min(LONGEST_HEADER)).read_to_end(&mut header)?;
        Ok(String::from_utf8_lossy(&header).contains(&format!("\"{PARAMETERS}")))
    };
    read().unwrap_or(false)
}

impl HeldRun {
    fn new(summary: &Summary, folder: &Path) -> Self {
        let Summary { spec, epochs, outcome, torn } = summary;
        let (state, reason) = match outcome {
            Some(Outcome::Finished) => (State::Finished, None),
            Some(Outcome::Diverged { reason, .. }) => (State::Diverged, Some(reason.clone())),
            Some(Outcome::Failed { reason }) => (State::Failed, Some(reason.clone())),
            None => (State::Partial, None),
        };
        let [data, learner, label] = words(spec);
        Self {
            key: spec.folder_name(),
            state,
            reason,
            data,
            learner,
            label,
            seed: spec.seed,
            epochs: trained(epochs),
            seconds: epochs.iter().map(|epoch| epoch.seconds).sum(),
            bytes: bytes_in(folder),
            parameters: has_parameters(folder),
            torn: torn.as_ref().map(Torn::to_string),
        }
    }
}

/// The data set, the kind of learner, and the run. A run of an older version may have a config that this version cannot
/// read.
fn words(spec: &RunSpec) -> [String; 3] {
    let kind = spec.config["learner"]["kind"].as_str().unwrap_or("unknown");
    let Ok(config) = serde_json::from_value::<RunConfig>(spec.config.clone()) else {
        let label = format!("{}, {kind}, config of another version, seed {}", spec.data.name, spec.seed);
        return [spec.data.name.clone(), kind.to_owned(), label];
    };
    let learner = match &config.learner {
        LearnerConfig::Cre(cre) => cre.model.label(),
        LearnerConfig::FrozenProbe(probe) => format!("new heads, {}", probe.model.label()),
        _ => kind.to_owned(),
    };
    [config.data.label(), learner, Run { config, seed: spec.seed }.label()]
}

impl Held {
    /// One line per data set and kind of learner.
    fn kinds(&self) -> String {
        let mut kinds: BTreeMap<[&str; 2], Vec<&HeldRun>> = BTreeMap::new();
        for run in &self.runs {
            kinds.entry([&run.data, &run.learner]).or_default().push(run);
        }
        if kinds.is_empty() {
            return String::new();
        }
        let rows: Vec<[String; 9]> = kinds
            .into_iter()
            .map(|([data, learner], runs)| {
                let of = |state| runs.iter().filter(|run| run.state == state).count().to_string();
                [
                    data.to_owned(),
                    learner.to_owned(),
                    runs.len().to_string(),
                    of(State::Finished),
                    of(State::Diverged),
                    of(State::Failed),
                    of(State::Partial),
                    duration(runs.iter().map(|run| run.seconds).sum()),
                    bytes(runs.iter().map(|run| run.bytes).sum()),
                ]
            })
            .collect();
        let header =
            ["data", "learner", "runs", "finished", "diverged", "failed", "partial", "time", "on disk"];
        columns(header, &rows)
    }

    /// One line per run.
    fn each(&self) -> String {
        if self.runs.is_empty() {
            return String::new();
        }
        let row = |run: &HeldRun| {
            let why = run.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
            let label = format!("{}{why}", run.label);
            let (epochs, time) = (run.epochs.to_string(), duration(run.seconds));
            [run.key.clone(), run.state.words().into(), epochs, time, bytes(run.bytes), label]
        };
        let rows: Vec<_> = self.runs.iter().map(row).collect();
        columns(["key", "state", "epochs", "time", "on disk", "run"], &rows)
    }

    /// The totals, and the unreadable runs.
    fn summary(&self, folder: &Path) -> String {
        if self.runs.is_empty() && self.damaged.is_empty() {
            return format!("no runs in {}; `agon reproduce` computes some\n", text::path(folder));
        }
        let of = |state| self.runs.iter().filter(|run| run.state == state).count();
        let states = [State::Finished, State::Diverged, State::Failed, State::Partial];
        let states = states.map(|state| format!("{} {}", of(state), state.words())).join(", ");
        let time = duration(self.runs.iter().map(|run| run.seconds).sum());
        let size = bytes(self.runs.iter().map(|run| run.bytes).sum());
        let n = text::count(self.runs.len(), "run");
        let mut lines = format!("{n}: {states}; {time} of training, {size} on disk\n");
        let kept: Vec<u64> = self.runs.iter().filter(|run| run.parameters).map(|run| run.bytes).collect();
        if kept.len() < self.runs.len() {
            let size = bytes(kept.iter().sum());
            let what = "parameters are stored for runs of `agon train`, and encoders for runs whose encoder \
                 other runs use";
            writeln!(lines, "{what}: {}, {size}", text::count(kept.len(), "run"))
                .expect("writing to a string cannot fail");
        }
        for torn in self.runs.iter().filter_map(|run| run.torn.as_ref()) {
            writeln!(lines, "incomplete: {}", text::line(torn)).expect("writing to a string cannot fail");
        }
        for Damaged { why, .. } in &self.damaged {
            writeln!(lines, "damaged: {}", text::line(why)).expect("writing to a string cannot fail");
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use runs::store::{Arrays, DataId};

    fn spec(seed: u64) -> RunSpec {
        let data = DataId { name: "digits".into(), sha256: "00".repeat(32), classes: vec![] };
        RunSpec { config: json!({ "learner": { "kind": "toy" } }), seed, data, schema: 1 }
    }

    fn stored() -> (tempfile::TempDir, Held) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let reason = "the loss is NaN".to_owned();
        let outcomes = [
            Some(Outcome::Finished),
            Some(Outcome::Diverged { epoch: 1, reason: reason.clone() }),
            Some(Outcome::Failed { reason }),
            None,
        ];
        for (seed, outcome) in (0..).zip(outcomes) {
            let mut run = store.run(&spec(seed)).unwrap();
            run.record_without_checkpoint(0, BTreeMap::new(), 2.0).unwrap();
            if let Some(outcome) = outcome {
                run.finish(outcome, &Arrays::new()).unwrap();
            }
        }
        let held = held(folder.path()).unwrap();
        (folder, held)
    }

    #[test]
    fn runs_are_counted_by_outcome() {
        let (folder, held) = stored();
        assert_eq!((held.runs.len(), held.damaged.len()), (4, 0));
        let kinds = held.kinds();
        let counts: Vec<&str> = kinds.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(counts[..9], ["digits", "toy", "4", "1", "1", "1", "1", "8.0", "s"], "{kinds}");
        let summary = held.summary(folder.path());
        assert!(
            summary.starts_with("4 runs: 1 finished, 1 diverged, 1 failed, 1 partial; 8.0 s"),
            "{summary}"
        );
        assert!(held.runs.iter().all(|run| run.bytes > 0 && run.epochs == 0));
    }

    #[test]
    fn each_run_has_its_key_and_its_reason() {
        let (_folder, held) = stored();
        let each = held.each();
        for seed in 0..4 {
            let key = spec(seed).folder_name();
            assert_eq!(each.lines().filter(|line| line.starts_with(&key)).count(), 1, "{each}");
        }
        assert_eq!(each.matches("config of another version, seed").count(), 4);
        assert_eq!(each.matches(": the loss is NaN").count(), 2);
    }

    #[test]
    fn a_damaged_run_is_reported_and_the_others_are_counted() {
        let (folder, _) = stored();
        std::fs::write(folder.path().join(spec(0).folder_name()).join("journal.jsonl"), "not a journal")
            .unwrap();
        let held = held(folder.path()).unwrap();
        assert_eq!((held.runs.len(), held.damaged.len()), (3, 1));
        let summary = held.summary(folder.path());
        assert!(summary.contains("damaged: ") && summary.contains("line 1"), "{summary}");
    }

    #[test]
    fn a_half_written_line_is_reported_and_a_complete_line_with_a_wrong_checksum_is_damage() {
        let (folder, held) = stored();
        assert!(!held.summary(folder.path()).contains("incomplete"));
        let journal = |seed| folder.path().join(spec(seed).folder_name()).join("journal.jsonl");
        let mut flipped = std::fs::read(journal(0)).unwrap();
        let last = flipped.len() - 20;
        flipped[last] ^= 1;
        std::fs::write(journal(0), flipped).unwrap();
        let whole = std::fs::read(journal(1)).unwrap();
        std::fs::write(journal(1), &whole[..whole.len() - 9]).unwrap();
        let held = super::held(folder.path()).unwrap();
        assert_eq!((held.runs.len(), held.damaged.len()), (3, 1));
        let summary = held.summary(folder.path());
        let [printed] =
            ["incomplete: "].map(|words| summary.lines().find(|line| line.starts_with(words)).unwrap());
        assert!(printed.contains("journal.jsonl line 3"), "{summary}");
        assert!(summary.starts_with("3 runs: 0 finished, 0 diverged, 1 failed, 2 partial"), "{summary}");
        assert!(summary.contains("damaged: ") && summary.contains("line 3 is damaged"), "{summary}");
    }

    #[test]
    fn for_a_folder_without_runs_the_command_to_compute_some_is_printed() {
        let folder = tempfile::tempdir().unwrap();
        let held = held(folder.path()).unwrap();
        assert!(held.kinds().is_empty() && held.each().is_empty());
        assert!(held.summary(folder.path()).contains("`agon reproduce`"));
    }
}
