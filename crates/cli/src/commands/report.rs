//! `agon report`: figures, verdicts and the page again, from stored results alone.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use system::{files, note};

use super::reproduce::said;
use super::selection::Selection;
use crate::error::{Error, Result};
use experiments::claims;
use experiments::reproduce::redraw;

/// What `agon report` is asked.
#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    selection: Selection,
    /// Write the page to this file too; it needs no other file
    #[arg(short = 'o', long, value_name = "FILE.html")]
    page: Option<PathBuf>,
}

pub(crate) fn command(asked: &Report) -> Result<ExitCode> {
    let selection = &asked.selection;
    let ending = asked.page.as_deref().and_then(Path::extension);
    if let (Some(page), Some(ending)) = (&asked.page, ending)
        && !["html", "htm"].iter().any(|known| ending.eq_ignore_ascii_case(known))
    {
        let what =
            format!("{} does not end in .html, and the page is HTML; give it that ending", page.display());
        return Err(Error::Usage(what));
    }
    let mut outcome = redraw(&claims::named(&selection.only)?, &selection.options())?;
    if !selection.only.is_empty() && !outcome.absent.is_empty() {
        note!("no stored results, so not in the report: {}", outcome.absent.join(", "));
    }
    if let Some(page) = &asked.page {
        // Read before it is written: the file may be the page itself.
        let copied = std::fs::read(&outcome.page).and_then(|bytes| files::replace(page, &bytes));
        copied.map_err(|source| experiments::Error::Write { path: page.clone(), source })?;
        outcome.page.clone_from(page);
    }
    said(&outcome)
}
