//! `agon reproduce`: runs the experiments of a profile and prints their verdicts.

use std::process::ExitCode;

use clap::Args;
use report::{Conclusion, Verdict, table};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use system::{note, text};

use super::browser;
use super::engine::Computed;
use super::selection::Selection;
use super::summary::{self, cut};
use crate::error::Result;
use crate::output::{print_result, print_text};
use crate::progress::Progress;
use experiments::reproduce::{Outcome, Step, reproduce};
use runs::run::keep::Keep;

/// The arguments of `agon reproduce`.
#[derive(Debug, Args)]
pub(crate) struct Reproduce {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    computed: Computed,
    /// Keep the parameters of every run, for `agon eval`, `probe` and `export`, instead of those that other runs read
    #[arg(long)]
    keep_parameters: bool,
    #[command(flatten)]
    shown: Shown,
}

/// How results are shown.
#[derive(Debug, Args)]
pub(super) struct Shown {
    /// Print every row of the verdicts instead of a summary
    #[arg(long)]
    table: bool,
    /// Print JSON: counts of verdicts, failed runs, and the paths of the page and of the table of verdicts
    #[arg(long, conflicts_with = "table")]
    json: bool,
    /// Open the page in a browser
    #[arg(long)]
    pub(super) open: bool,
}

pub(crate) fn command(args: &Reproduce) -> Result<ExitCode> {
    let planned = args.computed.planned(&args.selection)?;
    let mut options = args.selection.options_of(args.computed.engine());
    options.resources.together = args.computed.together();
    if args.keep_parameters {
        options.resources.keep = Keep::EveryParameter;
    }
    if let Some(text) = args.computed.dry_run(&planned, &options)? {
        return print_text(&text).map(|()| ExitCode::SUCCESS);
    }
    say_how_to_go_on();
    let (progress, mut is_open) = (Progress::new(), !args.shown.open);
    let outcome = reproduce(&planned, &options, &progress, |step| {
        progress.print(&lines(step));
        if !std::mem::replace(&mut is_open, true) {
            browser::open(step.page);
        }
    })?;
    print_verdicts(&outcome, &args.shown)
}

/// When a signal ends the program, first prints how to continue. Finished runs are stored at any time.
fn say_how_to_go_on() {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
    let wait = move || {
        for signal in signals.forever() {
            note!("stopped; finished runs are stored: run the same command again to resume");
            let _ = emulate_default_handler(signal);
        }
    };
    // Without a thread for this, the signals would be ignored.
    if std::thread::Builder::new().spawn(wait).is_err() {
        for signal in [SIGINT, SIGTERM] {
            let _ = signal_hook::flag::register_conditional_default(signal, std::sync::Arc::new(true.into()));
        }
    }
}

/// The verdicts of an experiment, one per line.
fn lines(Step { info, rows, done, of, page }: &Step<'_>) -> String {
    let line = |row: &Verdict| {
        let verdict = format!("{} {}", row.conclusion.symbol(), row.conclusion.words());
        cut(&format!("  {verdict:<16} {}: {}", row.source, row.about()))
    };
    let mut lines = vec![format!("{} ({done} of {of}, {})", info.title, text::path(page))];
    lines.extend(rows.iter().filter(|row| row.same_as.is_none()).map(line));
    lines.join("\n")
}

/// Prints the verdicts; fails if an exact fact was missed.
pub(super) fn print_verdicts(outcome: &Outcome, shown: &Shown) -> Result<ExitCode> {
    let Outcome { rows, .. } = outcome;
    let table = if shown.table { table::text(rows, summary::table_width()) + "\n" } else { String::new() };
    print_result(shown.json, &summary::json(outcome), || table + &summary::text(outcome, shown.table))?;
    let failures = rows.iter().filter(|row| row.conclusion == Conclusion::ExactMissed).count();
    if failures > 0 {
        note!("error: {} missed; see the rows marked with ≠ above", text::count(failures, "exact fact"));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
