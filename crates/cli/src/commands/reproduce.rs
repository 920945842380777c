//! `agon reproduce`: the main job, and the table of verdicts that `agon report` prints too.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use report::table;
use system::{note, text};

use super::engine::Computed;
use super::output::say;
use super::selection::Selection;
use crate::error::Result;
use crate::progress::Progress;
use experiments::reproduce::{Outcome, reproduce};

/// Width of the verdict table on a terminal of unknown width.
const TABLE_WIDTH: usize = 160;

/// What `agon reproduce` is asked.
#[derive(Debug, Args)]
pub(crate) struct Reproduce {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    computed: Computed,
}

pub(crate) fn command(asked: &Reproduce) -> Result<ExitCode> {
    let planned = asked.computed.planned(&asked.selection)?;
    let options = asked.selection.options_of(asked.computed.engine());
    match asked.computed.dry_run(&planned, &options)? {
        Some(text) => say(&text).map(|()| ExitCode::SUCCESS),
        None => said(&reproduce(&planned, &options, &Progress::new())?),
    }
}

/// Prints the verdicts, and fails for exact facts that were missed.
pub(super) fn said(outcome: &Outcome) -> Result<ExitCode> {
    let Outcome { rows, page, unchecked, absent: _, images_trained, seconds } = outcome;
    let mut lines = table::text(rows, TABLE_WIDTH) + "\n";
    let mut line = |of: String| writeln!(lines, "{of}").expect("a string takes every line");
    if *images_trained > 0.0 {
        let rate = images_trained / seconds;
        line(format!("trained on {images_trained:.0} images in {seconds:.0} s, {rate:.0} images/s"));
    }
    if !unchecked.is_empty() {
        let names = unchecked.join(", ");
        line(format!(
            "an older version wrote these results without a checksum, so damage to them may go unnoticed: {names}"
        ));
    }
    line(format!("the page: {}", text::path(page)));
    say(&lines)?;
    let failures = rows.iter().filter(|row| row.conclusion.is_failure()).count();
    if failures > 0 {
        note!("error: {} missed; the rows are marked above", text::count(failures, "exact fact"));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
