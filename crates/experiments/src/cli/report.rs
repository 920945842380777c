//! `agon report`: figures, verdicts and the page again, from stored results alone.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use system::files;

use super::reproduce::said;
use super::selection::Selection;
use crate::reproduce::redraw;
use crate::{Error, Result, claims};

/// What `agon report` is asked.
#[derive(Debug, Args)]
pub(super) struct Report {
    #[command(flatten)]
    selection: Selection,
    /// Write the page to this file too; it needs no other file
    #[arg(short = 'o', long, value_name = "FILE.html")]
    page: Option<PathBuf>,
}

pub(super) fn command(asked: &Report) -> Result<ExitCode> {
    let selection = &asked.selection;
    let mut outcome = redraw(&claims::named(&selection.only)?, &selection.options())?;
    if let Some(page) = &asked.page {
        // Read before it is written: the file may be the page itself.
        let copied = std::fs::read(&outcome.page).and_then(|bytes| files::replace(page, &bytes));
        copied.map_err(|source| Error::Write { path: page.clone(), source })?;
        outcome.page.clone_from(page);
    }
    said(&outcome)
}
