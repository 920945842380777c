//! `agon reproduce`: runs all experiments and prints the table of verdicts.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use report::table;
use system::{note, text};

use super::engine::Computed;
use super::output::print_text;
use super::selection::Selection;
use crate::error::Result;
use crate::progress::Progress;
use experiments::reproduce::{Outcome, reproduce};

/// The width of the verdict table on a terminal of unknown width.
const TABLE_WIDTH: usize = 160;

/// The arguments of `agon reproduce`.
#[derive(Debug, Args)]
pub(crate) struct Reproduce {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    computed: Computed,
}

pub(crate) fn command(args: &Reproduce) -> Result<ExitCode> {
    let planned = args.computed.planned(&args.selection)?;
    let options = args.selection.options_of(args.computed.engine());
    match args.computed.dry_run(&planned, &options)? {
        Some(text) => print_text(&text).map(|()| ExitCode::SUCCESS),
        None => print_verdicts(&reproduce(&planned, &options, &Progress::new())?),
    }
}

/// Prints the verdicts; fails if an exact fact was missed.
pub(super) fn print_verdicts(outcome: &Outcome) -> Result<ExitCode> {
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
            "an older version wrote these results without a checksum, so damage may go undetected: {names}"
        ));
    }
    line(format!("the page: {}", text::path(page)));
    print_text(&lines)?;
    let failures = rows.iter().filter(|row| row.conclusion.is_failure()).count();
    if failures > 0 {
        note!("error: {} missed; see the marked rows above", text::count(failures, "exact fact"));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
