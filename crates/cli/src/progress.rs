//! Progress on standard error: a progress bar on a terminal, plain lines elsewhere.

mod sweep;
mod view;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use system::{note, terminal, text};

use self::sweep::Sweep;
pub(crate) use self::view::{Losses, View};
use crate::output::{about, colour};
use crate::program::with_commands;
use runs::local::{Observer, Stages};
use runs::run::Run;
use runs::store::{Epoch, FinishedRun, Outcome};

/// The interval at which a bar is redrawn without events.
const TICK: Duration = Duration::from_millis(500);

/// The length of the bar of a sweep.
const PARTS: u64 = 1_000;

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

/// Progress over all runs of a command, weighted by the estimated seconds of each.
pub(crate) struct Progress {
    display: Display,
    sweep: Mutex<Sweep>,
}

impl Progress {
    /// Progress on standard error.
    pub(crate) fn new() -> Self {
        let display = Display::of_stderr(PARTS, style("[{bar:16}] {msg}"));
        Self { display, sweep: Mutex::new(Sweep::of(&Stages::default())) }
    }

    /// Prints lines above the bar.
    pub(crate) fn print(&self, lines: &str) {
        match &self.display {
            Display::Terminal(bar) => bar.suspend(|| terminal::notes(lines)),
            Display::Lines => terminal::notes(lines),
        }
    }

    /// Updates the bar, or prints a plain line if something was computed and the previous line is not recent.
    fn show(&self, sweep: &mut Sweep, last: bool) {
        match &self.display {
            Display::Terminal(bar) => {
                bar.set_position((PARTS as f64 * sweep.share()) as u64);
                bar.set_message(text::line(&sweep.short()).into_owned());
            }
            Display::Lines if sweep.is_due(last) => note!("{}", sweep.line()),
            Display::Lines => {}
        }
    }
}

impl Observer for Progress {
    fn begin(&self, stages: &Stages) {
        *locked(&self.sweep) = Sweep::of(stages);
        if let Display::Terminal(bar) = &self.display {
            tick(bar);
        }
    }

    fn end(&self) {
        if let Display::Terminal(bar) = &self.display {
            bar.finish_and_clear();
        }
        let mut sweep = locked(&self.sweep);
        if let Display::Lines = &self.display {
            self.show(&mut sweep, true);
        }
    }

    fn found(&self, run: &Run, _: &FinishedRun) {
        let mut sweep = locked(&self.sweep);
        sweep.found(run);
        self.show(&mut sweep, false);
    }

    fn epochs(&self, run: &Run, _: &[Epoch], fresh: usize) {
        let mut sweep = locked(&self.sweep);
        sweep.epochs(run, fresh);
        self.show(&mut sweep, false);
    }

    fn finished(&self, run: &Run, finished: &FinishedRun) {
        let mut sweep = locked(&self.sweep);
        let place = sweep.finished(run);
        if let Display::Lines = &self.display {
            note!("  {place} {}", describe(run, finished));
        }
        self.show(&mut sweep, false);
    }

    fn note(&self, text: &str) {
        self.print(&text::line(&with_commands(text)));
    }
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
            let _ = write!(out, ", about {} left", about(left));
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
