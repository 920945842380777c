//! Reports a run in training to the terminal, as JSON lines, and to TensorBoard.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;
use system::note;

use crate::error::Result;
use crate::output::print_json_line;
use crate::program::with_commands;
use crate::progress::{Screen, View};
use crate::tensorboard::EventFile;
use runs::local::Observer;
use runs::run::Run;
use runs::store::{Epoch, FinishedRun};

pub(super) struct TrainObserver<'r> {
    run: &'r Run,
    key: &'r str,
    screen: Screen,
    json: bool,
    found: AtomicBool,
    state: Mutex<State>,
}

struct State {
    view: View,
    events: Option<EventFile>,
    /// The first reporting error, which does not stop the run.
    reported: Result<()>,
}

impl<'r> TrainObserver<'r> {
    /// # Errors
    /// If the TensorBoard folder cannot be written.
    pub(super) fn new(run: &'r Run, key: &'r str, json: bool, tensorboard: Option<&Path>) -> Result<Self> {
        let events = tensorboard.map(|folder| EventFile::create(&folder.join(key)));
        let (view, events) = (View::new(run), events.transpose()?);
        let screen = if json { Screen::quiet() } else { Screen::of_stderr(run.config.epochs) };
        screen.begin(&view);
        let state = Mutex::new(State { view, events, reported: Ok(()) });
        Ok(Self { run, key, screen, json, found: AtomicBool::new(false), state })
    }

    /// Ends the report; returns whether the run was loaded from the store.
    ///
    /// # Errors
    /// The first reporting error.
    pub(super) fn end(&self) -> Result<bool> {
        self.screen.end();
        std::mem::replace(&mut self.state().reported, Ok(()))?;
        Ok(self.found.load(Ordering::Relaxed))
    }

    /// Reports these epochs as JSON and to TensorBoard.
    fn report(&self, state: &mut State, epochs: &[Epoch]) {
        for epoch in epochs {
            let program = if self.json { print_json_line(&self.object(epoch)) } else { Ok(()) };
            let events = state.events.as_mut().map_or(Ok(()), |events| events.write(epoch));
            if state.reported.is_ok() {
                state.reported = program.and(events);
            }
        }
    }

    fn object(&self, epoch: &Epoch) -> serde_json::Value {
        let Epoch { epoch, seconds, scalars, .. } = epoch;
        let last = self.run.config.epochs;
        json!({
            "event": "epoch", "key": self.key, "epoch": epoch, "last": last, "seconds": seconds, "scalars": scalars,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The run of a probe's encoder is computed first and not shown.
impl Observer for TrainObserver<'_> {
    fn found(&self, run: &Run, found: &FinishedRun) {
        if run == self.run {
            self.found.store(true, Ordering::Relaxed);
            self.report(&mut self.state(), &found.epochs);
        }
    }

    fn epochs(&self, run: &Run, epochs: &[Epoch], fresh: usize) {
        if run == self.run && fresh > 0 {
            let mut state = self.state();
            self.report(&mut state, &epochs[epochs.len() - fresh..]);
            state.view.update(epochs);
            self.screen.epoch(&state.view);
        }
    }

    fn phase(&self, run: &Run, what: &str) {
        if run != self.run {
            return;
        }
        match self.json {
            true => {
                let printed = print_json_line(&json!({ "event": "phase", "key": self.key, "what": what }));
                let reported = &mut self.state().reported;
                if reported.is_ok() {
                    *reported = printed;
                }
            }
            false => self.screen.note(what),
        }
    }

    fn finished(&self, _: &Run, _: &FinishedRun) {}

    fn note(&self, text: &str) {
        note!("{}", with_commands(text));
    }
}
