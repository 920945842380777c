//! Progress on standard error: a progress bar on a terminal, plain lines elsewhere.

mod view;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use system::{note, terminal, text};

pub(crate) use self::view::{Losses, View};
use crate::commands::output::colour;
use crate::program::with_commands;
use runs::local::Observer;
use runs::run::Run;
use runs::store::{Epoch, FinishedRun, Outcome};

/// The interval at which a bar is redrawn without events.
const TICK: Duration = Duration::from_millis(500);

/// The minimum interval between plain lines about all runs.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// How standard error displays progress.
pub(crate) enum Display {
    /// A terminal that can move its cursor.
    Terminal(ProgressBar),
    /// Not a terminal, or a dumb one according to `TERM`.
    Lines,
}

impl Display {
    pub(crate) fn of_stderr(length: u64, style: ProgressStyle) -> Self {
        let target = ProgressDrawTarget::stderr();
        match target.is_hidden() {
            true => Self::Lines,
            false => Self::Terminal(ProgressBar::with_draw_target(Some(length), target).with_style(style)),
        }
    }
}

/// Progress over all runs of a command, in evaluations: one before training and one after each epoch.
pub(crate) struct Progress {
    display: Display,
    counts: Mutex<Counts>,
}

struct Counts {
    start: Instant,
    last_line: Instant,
    /// The number of evaluations, without those of stored runs.
    total: u64,
    computed: u64,
    n_runs: usize,
    finished: usize,
}

impl Counts {
    fn of(n_runs: usize, total: u64) -> Self {
        let now = Instant::now();
        Self { start: now, last_line: now, total, computed: 0, n_runs, finished: 0 }
    }
}

impl Progress {
    /// Progress on standard error.
    pub(crate) fn new() -> Self {
        let template = "{elapsed_precise} [{bar:32}] {pos}/{len} evaluations, {eta} left  {msg}";
        let display = Display::of_stderr(0, style(template));
        Self { display, counts: Mutex::new(Counts::of(0, 0)) }
    }

    fn count_run(&self) {
        locked(&self.counts).finished += 1;
    }

    /// Prints a plain line about all runs, if something was computed and the previous line is not recent.
    fn line(&self, last: bool) {
        let mut counts = locked(&self.counts);
        let Counts { start, last_line, total, computed, n_runs, finished } = *counts;
        let is_due = last || last_line.elapsed() >= BETWEEN_LINES;
        if matches!(self.display, Display::Terminal(_)) || computed == 0 || !is_due {
            return;
        }
        counts.last_line = Instant::now();
        let elapsed = start.elapsed().as_secs_f64();
        let left = elapsed / computed as f64 * total.saturating_sub(computed) as f64;
        note!(
            "{elapsed:4.0} s  {finished}/{n_runs} runs, {computed}/{total} evaluations, about {left:.0} s left"
        );
    }
}

impl Observer for Progress {
    fn begin(&self, runs: &[Run]) {
        let total = runs.iter().map(evaluations).sum();
        *locked(&self.counts) = Counts::of(runs.len(), total);
        if let Display::Terminal(bar) = &self.display {
            bar.set_length(total);
            tick(bar);
        }
    }

    fn end(&self) {
        if let Display::Terminal(bar) = &self.display {
            bar.finish_and_clear();
        }
        self.line(true);
    }

    fn found(&self, run: &Run, _: &FinishedRun) {
        let total = {
            let mut counts = locked(&self.counts);
            counts.total = counts.total.saturating_sub(evaluations(run));
            counts.total
        };
        if let Display::Terminal(bar) = &self.display {
            bar.set_length(total);
        }
        self.count_run();
        self.line(false);
    }

    fn epochs(&self, _: &Run, _: &[Epoch], fresh: usize) {
        locked(&self.counts).computed += fresh as u64;
        if let Display::Terminal(bar) = &self.display {
            bar.inc(fresh as u64);
        }
        self.line(false);
    }

    fn finished(&self, run: &Run, finished: &FinishedRun) {
        self.count_run();
        let described = describe(run, finished);
        match &self.display {
            Display::Terminal(bar) => bar.set_message(text::line(&described).into_owned()),
            Display::Lines => {
                let Counts { finished, n_runs, .. } = *locked(&self.counts);
                note!("  {finished}/{n_runs} {described}");
            }
        }
        self.line(false);
    }

    fn note(&self, text: &str) {
        note!("{}", with_commands(text));
    }
}

fn evaluations(run: &Run) -> u64 {
    u64::from(run.config.epochs) + 1
}

/// Progress of one run: its [`View`], redrawn in place on a terminal, or a plain line per epoch elsewhere.
pub(crate) struct Screen {
    /// `None` displays nothing.
    display: Option<Display>,
    /// The estimated end of the run.
    end: Arc<Mutex<Option<Instant>>>,
}

impl Screen {
    /// A screen that displays nothing.
    pub(crate) fn quiet() -> Self {
        Self { display: None, end: Arc::default() }
    }

    /// A screen on standard error.
    pub(crate) fn of_stderr(epochs: u32) -> Self {
        let end = Arc::default();
        let display = Display::of_stderr(epochs.into(), view_style(colour(), Arc::clone(&end)));
        if let Display::Terminal(bar) = &display {
            tick(bar);
        }
        Self { display: Some(display), end }
    }

    /// Starts displaying a run.
    pub(crate) fn begin(&self, view: &View) {
        match &self.display {
            Some(Display::Terminal(bar)) => bar.set_message(text::lines(&view.block()).into_owned()),
            Some(Display::Lines) => terminal::note(view.label()),
            None => {}
        }
    }

    /// Displays a new epoch.
    pub(crate) fn epoch(&self, view: &View) {
        match &self.display {
            Some(Display::Terminal(bar)) => {
                let left = view.left().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                *locked(&self.end) = left.map(|left| Instant::now() + left);
                bar.set_position(view.done().into());
                bar.set_message(text::lines(&view.block()).into_owned());
            }
            Some(Display::Lines) => {
                view.line().into_iter().for_each(|line| terminal::note(&format!("  {line}")));
            }
            None => {}
        }
    }

    /// Says what is computed while no epoch ends.
    pub(crate) fn note(&self, text: &str) {
        match &self.display {
            Some(Display::Terminal(bar)) => bar.println(text::line(&format!("  {text} ..."))),
            Some(Display::Lines) => terminal::note(&format!("  {text} ...")),
            None => {}
        }
    }

    /// Ends the display; later output appears below it.
    pub(crate) fn end(&self) {
        if let Some(Display::Terminal(bar)) = &self.display {
            *locked(&self.end) = None;
            bar.abandon();
            // The last line of the view has no line break.
            terminal::note("");
        }
    }
}

pub(crate) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well formed").progress_chars("=> ")
}

fn view_style(colour: bool, end: Arc<Mutex<Option<Instant>>>) -> ProgressStyle {
    let bar = if colour { "{bar:40.cyan}" } else { "{bar:40}" };
    let left = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
        if let Some(end) = *locked(&end) {
            let left = end.saturating_duration_since(Instant::now()).as_secs_f64();
            // A style cannot fail, and writing to a string always succeeds.
            let _ = write!(out, ", about {left:.0} s left");
        }
    };
    style(&format!("{{msg}}\n[{bar}] {{pos}}/{{len}} epochs, {{elapsed_precise}}{{left}}"))
        .with_key("left", left)
}

/// One line about a computed run.
fn describe(run: &Run, finished: &FinishedRun) -> String {
    let what = run.label();
    let seconds: f64 = finished.epochs.iter().map(|epoch| epoch.seconds).sum();
    let last = |name: &str| finished.epochs.last().and_then(|epoch| epoch.scalars.get(name)).copied();
    match (&finished.outcome, last("test_mse"), last("test_accuracy")) {
        (Outcome::Finished, Some(mse), Some(accuracy)) => {
            format!("{what}: MSE {mse:.4}, accuracy {accuracy:.3}, {seconds:.1} s")
        }
        (Outcome::Finished, ..) => format!("{what}: finished"),
        (Outcome::Diverged { reason, .. } | Outcome::Failed { reason }, ..) => format!("{what}: {reason}"),
    }
}

/// Redraws a bar on a terminal at intervals; without a thread for this, it is redrawn at events only.
fn tick(bar: &ProgressBar) {
    // indicatif's own steady tick would panic.
    if !bar.is_hidden() && std::thread::Builder::new().spawn(|| ()).is_ok() {
        bar.enable_steady_tick(TICK);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_templates_are_well_formed() {
        for colour in [false, true] {
            let _ = view_style(colour, Arc::default());
        }
        let _ = Progress::new();
    }
}
