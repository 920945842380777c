//! `agon reproduce`: the main job, and the table of verdicts that `agon report` prints too.

use std::fmt::Write;
use std::process::ExitCode;

use report::table;

use super::output::say;
use super::selection::Selection;
use crate::Result;
use crate::reproduce::{Outcome, reproduce};

/// Width of the verdict table on a terminal of unknown width.
const TABLE_WIDTH: usize = 160;

pub(super) fn command(selection: &Selection) -> Result<ExitCode> {
    said(&reproduce(&selection.planned()?, &selection.options())?)
}

/// Prints the verdicts, and fails for exact facts that were missed.
pub(super) fn said(outcome: &Outcome) -> Result<ExitCode> {
    let Outcome { rows, page, images_trained, seconds } = outcome;
    let mut text = table::text(rows, TABLE_WIDTH) + "\n";
    let mut line = |of: String| writeln!(text, "{of}").expect("a string takes every line");
    if *images_trained > 0.0 {
        let rate = images_trained / seconds;
        line(format!("trained on {images_trained:.0} images in {seconds:.0} s, {rate:.0} images/s"));
    }
    line(format!("the page: {}", page.display()));
    say(&text)?;
    let failures = rows.iter().filter(|row| row.verdict.is_failure()).count();
    if failures > 0 {
        eprintln!("error: {failures} exact fact(s) missed; the rows are marked above");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
