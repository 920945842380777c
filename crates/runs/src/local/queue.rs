//! The queue of a sweep: which run is next, and which stages are complete.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::name;
use super::stages::Stages;
use crate::Error;
use crate::images::OpenData;
use crate::run::Run;
use crate::store::FinishedRun;

/// A run in the queue.
pub(super) struct Task<'r> {
    pub(super) run: &'r Run,
    name: String,
    /// The index of the run that this one depends on, if it is in the queue.
    needs: Option<usize>,
    /// Whether another run, of this sweep or a later one, reads its parameters.
    pub(super) is_reread: bool,
    /// As [`Run::trained_with`].
    trained_with: Option<String>,
    /// The last stage that needs it.
    last_stage: usize,
}

/// A run that is taken from the queue, with the finished run that it depends on.
pub(super) struct Taken<'q, 'r> {
    pub(super) place: usize,
    pub(super) task: &'q Task<'r>,
    pub(super) needed: Option<Arc<FinishedRun>>,
}

/// The runs of some stages whose data are available, without duplicates, in the order of the stages.
pub(super) struct Queue<'r> {
    tasks: Vec<Task<'r>>,
    /// The indices of the runs of each stage.
    stages: Vec<Vec<usize>>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    progress: Vec<Progress>,
    /// Every run before this index is taken.
    first_open: usize,
    failure: Option<Error>,
    is_stopped: bool,
}

enum Progress {
    Open,
    Taken,
    Done(Arc<FinishedRun>),
    /// Done, and removed from memory: no later stage needs it.
    Dropped,
}

impl<'r> Queue<'r> {
    pub(super) fn new(stages: &'r Stages, data: &OpenData) -> Self {
        let (mut tasks, mut places) = (Vec::<Task<'r>>::new(), HashMap::<String, usize>::new());
        let mut of_stages = Vec::new();
        for (at, stage) in stages.stages.iter().enumerate() {
            let mut of_stage = Vec::new();
            for run in stage.runs.iter().filter(|run| data.contains_key(&run.config.data)) {
                let name = name(run);
                let place = *places.entry(name.clone()).or_insert(tasks.len());
                if place == tasks.len() {
                    let is_reread = stages.encoders.contains(&name);
                    let trained_with = run.trained_with();
                    tasks.push(Task { run, name, needs: None, is_reread, trained_with, last_stage: at });
                }
                tasks[place].last_stage = at;
                of_stage.push(place);
            }
            of_stages.push(of_stage);
        }
        for place in 0..tasks.len() {
            let needs = tasks[place].run.needs().and_then(|run| places.get(&self::name(&run)).copied());
            tasks[place].needs = needs;
            if let Some(needed) = needs {
                tasks[needed].is_reread = true;
            }
        }
        let progress = tasks.iter().map(|_| Progress::Open).collect();
        let state = Mutex::new(State { progress, first_open: 0, failure: None, is_stopped: false });
        Self { tasks, stages: of_stages, state, changed: Condvar::new() }
    }

    pub(super) fn n_stages(&self) -> usize {
        self.stages.len()
    }

    /// The next run whose dependency is finished, with that dependency; waits for one. `None` at the end, or after a failure.
    pub(super) fn take(&self) -> Option<Taken<'_, 'r>> {
        let mut state = self.state();
        loop {
            if state.is_stopped || state.failure.is_some() {
                return None;
            }
            let is_open = |place: &usize| matches!(state.progress[*place], Progress::Open);
            state.first_open = (state.first_open..self.tasks.len()).find(is_open)?;
            let ready = (state.first_open..self.tasks.len())
                .filter(|place| matches!(state.progress[*place], Progress::Open))
                .find_map(|place| match self.tasks[place].needs.map(|needed| &state.progress[needed]) {
                    None | Some(Progress::Dropped) => Some((place, None)),
                    Some(Progress::Done(needed)) => Some((place, Some(Arc::clone(needed)))),
                    Some(Progress::Open | Progress::Taken) => None,
                });
            if let Some((place, needed)) = ready {
                state.progress[place] = Progress::Taken;
                return Some(Taken { place, task: &self.tasks[place], needed });
            }
            state = self.wait(state);
        }
    }

    /// The next run that can be trained together with this one; `None` if there is none, or after a failure.
    pub(super) fn take_with(&self, task: &Task<'_>) -> Option<Taken<'_, 'r>> {
        let trained_with = task.trained_with.as_deref()?;
        let mut state = self.state();
        if state.is_stopped || state.failure.is_some() {
            return None;
        }
        let place = (state.first_open..self.tasks.len()).find(|&place| {
            matches!(state.progress[place], Progress::Open)
                && self.tasks[place].trained_with.as_deref() == Some(trained_with)
        })?;
        state.progress[place] = Progress::Taken;
        Some(Taken { place, task: &self.tasks[place], needed: None })
    }

    pub(super) fn finished(&self, place: usize, run: FinishedRun) {
        self.state().progress[place] = Progress::Done(Arc::new(run));
        self.changed.notify_all();
    }

    /// Records the first failure: no more runs are taken.
    pub(super) fn fail(&self, error: Error) {
        self.state().failure.get_or_insert(error);
        self.changed.notify_all();
    }

    /// No more runs are taken.
    pub(super) fn stop(&self) {
        self.state().is_stopped = true;
        self.changed.notify_all();
    }

    pub(super) fn failure(&self) -> Option<Error> {
        self.state().failure.take()
    }

    /// Waits for all runs of a stage; `None` after a failure.
    pub(super) fn stage(&self, at: usize) -> Option<HashMap<String, Arc<FinishedRun>>> {
        let mut state = self.state();
        loop {
            if state.failure.is_some() {
                return None;
            }
            let finished = self.stages[at].iter().map(|&place| match &state.progress[place] {
                Progress::Done(run) => Some((self.tasks[place].name.clone(), Arc::clone(run))),
                _ => None,
            });
            if let Some(finished) = finished.collect() {
                return Some(finished);
            }
            state = self.wait(state);
        }
    }

    /// Removes the finished runs that no later stage contains from memory. The runs of a stage include their
    /// dependencies.
    pub(super) fn leave(&self, at: usize) {
        let mut state = self.state();
        for &place in self.stages[at].iter().filter(|place| self.tasks[**place].last_stage == at) {
            state.progress[place] = Progress::Dropped;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}
