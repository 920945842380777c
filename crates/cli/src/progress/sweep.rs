//! The progress of a sweep, and an estimate of the remaining time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::output::about;
use runs::local::{self, Stages};
use runs::run::Run;

/// The minimum interval between plain lines about all runs.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// The runs of a sweep, each with the part of the work that it is.
pub(super) struct Sweep {
    start: Instant,
    last_line: Instant,
    stages: Vec<Stage>,
    runs: HashMap<String, Part>,
    /// The work without that of stored runs, in estimated seconds, or in evaluations where there are no estimates.
    total: f64,
    done: f64,
}

struct Stage {
    name: String,
    runs: usize,
    finished: usize,
}

struct Part {
    stage: usize,
    work: f64,
    done: f64,
}

impl Sweep {
    pub(super) fn of(stages: &Stages) -> Self {
        let now = Instant::now();
        let none = |stage: &local::Stage| Stage { name: stage.name.clone(), runs: 0, finished: 0 };
        let mut sweep = Self {
            start: now,
            last_line: now,
            stages: stages.stages.iter().map(none).collect(),
            runs: HashMap::new(),
            total: 0.0,
            done: 0.0,
        };
        for (stage, name, run) in stages.runs() {
            // A run without an estimate is stored already, or cannot be timed.
            let work = match stages.seconds.is_empty() {
                true => evaluations(run),
                false => stages.seconds.get(&name).copied().unwrap_or(0.0),
            };
            sweep.stages[stage].runs += 1;
            sweep.total += work;
            sweep.runs.insert(name, Part { stage, work, done: 0.0 });
        }
        sweep
    }

    pub(super) fn found(&mut self, run: &Run) {
        if let Some(part) = self.runs.get(&local::name(run)) {
            self.total -= part.work;
            self.stages[part.stage].finished += 1;
        }
    }

    pub(super) fn epochs(&mut self, run: &Run, fresh: usize) {
        if let Some(part) = self.runs.get_mut(&local::name(run)) {
            let more = part.work * fresh as f64 / evaluations(run);
            part.done += more;
            self.done += more;
        }
    }

    /// Counts a computed run; returns its stage and how many runs of that are finished.
    pub(super) fn finished(&mut self, run: &Run) -> String {
        let Some(part) = self.runs.get_mut(&local::name(run)) else { return String::new() };
        // A resumed run has fewer epochs to compute.
        self.done += part.work - part.done;
        part.done = part.work;
        let stage = &mut self.stages[part.stage];
        stage.finished += 1;
        stage.words()
    }

    /// The done fraction of the work.
    pub(super) fn share(&self) -> f64 {
        if self.total > 0.0 { (self.done / self.total).clamp(0.0, 1.0) } else { 1.0 }
    }

    /// The time that is left, at the speed so far.
    fn left(&self) -> Option<String> {
        let seconds = self.start.elapsed().as_secs_f64() * (self.total - self.done) / self.done;
        (self.done > 0.0 && self.done < self.total).then(|| format!("{} left", about(seconds)))
    }

    /// The time that is left and the first stage that is not finished.
    pub(super) fn short(&self) -> String {
        let stage = self.stages.iter().find(|stage| stage.finished < stage.runs).map(Stage::words);
        [self.left(), stage].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Whether it is time for a plain line.
    pub(super) fn is_due(&mut self, last: bool) -> bool {
        let due = self.done > 0.0 && (last || self.last_line.elapsed() >= BETWEEN_LINES);
        if due {
            self.last_line = Instant::now();
        }
        due
    }

    /// The whole sweep in one line.
    pub(super) fn line(&self) -> String {
        let finished: usize = self.stages.iter().map(|stage| stage.finished).sum();
        let complete = self.stages.iter().filter(|stage| stage.finished == stage.runs).count();
        let mut parts = vec![format!("{:4.0} s", self.start.elapsed().as_secs_f64())];
        if self.stages.len() > 1 {
            parts.push(format!("{complete} of {} experiments", self.stages.len()));
        }
        parts.push(format!("{finished}/{} runs", self.runs.len()));
        parts.extend(self.left().map(|left| format!("about {left}")));
        parts.join(", ")
    }
}

impl Stage {
    fn words(&self) -> String {
        format!("{} {}/{}", self.name, self.finished, self.runs).trim_start().to_owned()
    }
}

/// One before training and one after each epoch.
fn evaluations(run: &Run) -> f64 {
    f64::from(run.config.epochs) + 1.0
}

#[cfg(test)]
mod tests {
    use experiments::Profile;
    use experiments::claims;
    use experiments::experiment::Planned;

    use super::*;

    #[test]
    fn what_is_left_is_weighted_by_seconds_and_stored_runs_do_not_count() {
        let experiment = claims::named(&["fc-lambda-sweep".into()]).unwrap()[0];
        let runs = Planned::new(experiment, Profile::Smoke, &[]).unwrap().runs;
        let mut stages = Stages::one(&runs[..3]);
        stages.stages[0].name = "first".into();
        stages.stages.push(local::Stage { name: "second".into(), runs: runs[2..4].to_vec() });
        stages.seconds =
            [(0, 1.0), (1, 3.0), (3, 4.0)].map(|(at, s): (usize, f64)| (local::name(&runs[at]), s)).into();
        let mut sweep = Sweep::of(&stages);
        assert_eq!((sweep.total, sweep.runs.len(), sweep.short().as_str()), (8.0, 4, "first 0/3"));
        sweep.found(&runs[2]);
        sweep.epochs(&runs[1], 1);
        assert_eq!(sweep.done, 1.0);
        assert_eq!(sweep.finished(&runs[1]), "first 2/3");
        sweep.found(&runs[0]);
        assert_eq!((sweep.total, sweep.done), (7.0, 3.0));
        assert!(sweep.short().ends_with("left, second 0/1"), "{}", sweep.short());
        assert!(sweep.line().contains("1 of 2 experiments, 3/4 runs, about "), "{}", sweep.line());
    }
}
