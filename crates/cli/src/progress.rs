//! What a person sees while runs are computed: a bar on a terminal, plain lines elsewhere.

mod screen;
mod view;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use system::{note, text};

pub(crate) use self::screen::Screen;
pub(crate) use self::view::{Losses, View};
use runs::local::Observer;
use runs::run::Run;
use runs::store::{Epoch, FinishedRun, Outcome};

/// How often the clock of the bar moves.
const TICK: Duration = Duration::from_millis(500);

/// Plain lines come no more often than this.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Progress over all runs of a command, counted in evaluations: one before training and one after each epoch.
pub(crate) struct Progress {
    bar: ProgressBar,
    plain: Option<Mutex<Lines>>,
}

struct Lines {
    start: Instant,
    last: Instant,
    computed: u64,
    n_runs: usize,
    finished: usize,
}

impl Progress {
    /// Progress on standard error.
    pub(crate) fn new() -> Self {
        let target = ProgressDrawTarget::stderr();
        // Also on a terminal that cannot move its cursor there are lines.
        let terminal = !target.is_hidden();
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let style = ProgressStyle::with_template(
            "{elapsed_precise} [{bar:32}] {pos}/{len} evaluations, {eta} to go  {msg}",
        );
        bar.set_style(style.expect("the template is well formed").progress_chars("=> "));
        let now = Instant::now();
        let lines = Lines { start: now, last: now, computed: 0, n_runs: 0, finished: 0 };
        Self { bar, plain: (!terminal).then(|| Mutex::new(lines)) }
    }

    fn count_run(&self, line: Option<String>) {
        let finished = self.plain.as_ref().map(|plain| {
            let mut lines = lock(plain);
            lines.finished += 1;
            (lines.finished, lines.n_runs)
        });
        match (line, finished) {
            (Some(line), Some((finished, n_runs))) => note!("  {finished}/{n_runs} {line}"),
            (Some(line), None) => self.bar.set_message(text::line(&line).into_owned()),
            (None, _) => {}
        }
        self.say_now_and_then(false);
    }

    fn say_now_and_then(&self, last: bool) {
        let Some(plain) = &self.plain else { return };
        let mut lines = lock(plain);
        if lines.computed == 0 || (!last && lines.last.elapsed() < BETWEEN_LINES) {
            return;
        }
        lines.last = Instant::now();
        let total = self.bar.length().unwrap_or(0);
        let elapsed = lines.start.elapsed().as_secs_f64();
        let left = elapsed / lines.computed as f64 * total.saturating_sub(lines.computed) as f64;
        note!(
            "{:4.0} s  {}/{} runs, {}/{total} evaluations, about {left:.0} s to go",
            elapsed,
            lines.finished,
            lines.n_runs,
            lines.computed
        );
    }
}

impl Observer for Progress {
    fn begin(&self, runs: &[Run]) {
        let epochs = runs.iter().map(|run| u64::from(run.config.epochs) + 1).sum();
        self.bar.set_length(epochs);
        tick(&self.bar, TICK);
        if let Some(plain) = &self.plain {
            let mut lines = lock(plain);
            (lines.n_runs, lines.start, lines.last) = (runs.len(), Instant::now(), Instant::now());
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
        self.say_now_and_then(true);
    }

    fn found(&self, run: &Run, _: &FinishedRun) {
        let epochs = u64::from(run.config.epochs) + 1;
        self.bar.set_length(self.bar.length().unwrap_or(0).saturating_sub(epochs));
        self.count_run(None);
    }

    fn epochs(&self, _: &Run, _: &[Epoch], fresh: usize) {
        self.bar.inc(fresh as u64);
        if let Some(plain) = &self.plain {
            lock(plain).computed += fresh as u64;
        }
        self.say_now_and_then(false);
    }

    fn finished(&self, run: &Run, finished: &FinishedRun) {
        self.count_run(Some(describe(run, finished)));
    }

    fn note(&self, text: &str) {
        note!("{text}");
    }
}

/// One line about a run that was computed.
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

/// Redraws a bar on a terminal from time to time; where no thread can be started, it moves with the work alone.
pub(crate) fn tick(bar: &ProgressBar, between: Duration) {
    // The bar itself would panic.
    if !bar.is_hidden() && std::thread::Builder::new().spawn(|| ()).is_ok() {
        bar.enable_steady_tick(between);
    }
}

fn lock(lines: &Mutex<Lines>) -> std::sync::MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
