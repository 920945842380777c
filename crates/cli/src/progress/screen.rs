//! Shows a run in training: one view redrawn in place on a terminal, a plain line for each epoch elsewhere.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use system::terminal::note;
use system::text;

use super::{View, tick};

/// How often the clock of the view moves.
const TICK: Duration = Duration::from_millis(250);

/// Where a run in training is shown.
pub(crate) enum Screen {
    /// A terminal, with the moment at which the run should end.
    Terminal { bar: ProgressBar, end: Arc<Mutex<Option<Instant>>> },
    /// Something that keeps lines.
    Lines,
    /// Nobody looks.
    Dark,
}

impl Screen {
    /// The view on standard error if that is a terminal that can move its cursor, else lines.
    pub(crate) fn of_stderr(epochs: u32) -> Self {
        let target = ProgressDrawTarget::stderr();
        // It is no terminal, or `TERM` says that it is a dumb one.
        if target.is_hidden() {
            return Self::Lines;
        }
        let end = Arc::new(Mutex::new(None));
        let bar = ProgressBar::with_draw_target(Some(epochs.into()), target);
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        bar.set_style(style(colour, Arc::clone(&end)));
        tick(&bar, TICK);
        Self::Terminal { bar, end }
    }

    /// A new run.
    pub(crate) fn begin(&self, view: &View) {
        match self {
            Self::Terminal { bar, .. } => bar.set_message(text::lines(&view.block()).into_owned()),
            Self::Lines => note(view.label()),
            Self::Dark => {}
        }
    }

    /// A new epoch.
    pub(crate) fn epoch(&self, view: &View) {
        match self {
            Self::Terminal { bar, end } => {
                let left = view.left().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                *end.lock().unwrap_or_else(PoisonError::into_inner) = left.map(|left| Instant::now() + left);
                bar.set_position(view.done().into());
                bar.set_message(text::lines(&view.block()).into_owned());
            }
            Self::Lines => view.line().into_iter().for_each(|line| note(&format!("  {line}"))),
            Self::Dark => {}
        }
    }

    /// Nothing more will come; what is printed from here on stands below the view.
    pub(crate) fn end(&self) {
        if let Self::Terminal { bar, end } = self {
            *end.lock().unwrap_or_else(PoisonError::into_inner) = None;
            bar.abandon();
            // The last line of the view has no end of its own.
            note("");
        }
    }
}

fn style(colour: bool, end: Arc<Mutex<Option<Instant>>>) -> ProgressStyle {
    let bar = if colour { "{bar:40.cyan}" } else { "{bar:40}" };
    let template = format!("{{msg}}\n[{bar}] {{pos}}/{{len}} epochs, {{elapsed_precise}}{{left}}");
    let left = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
        let end = *end.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(end) = end {
            let left = end.saturating_duration_since(Instant::now()).as_secs_f64();
            // A style cannot fail, and a string takes every line.
            let _ = write!(out, ", about {left:.0} s to go");
        }
    };
    let style = ProgressStyle::with_template(&template).expect("the template is well formed");
    style.with_key("left", left).progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_templates_are_well_formed() {
        for colour in [false, true] {
            let _ = style(colour, Arc::default());
        }
    }
}
