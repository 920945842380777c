//! `agon report`: rebuilds figures, verdicts and the page from stored results.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use system::{files, note};

use super::reproduce::print_verdicts;
use super::selection::Selection;
use crate::error::{Error, Result};
use experiments::claims;
use experiments::reproduce::redraw;

/// The arguments of `agon report`.
#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    selection: Selection,
    /// Also write the self-contained page to this file
    #[arg(short = 'o', long, value_name = "FILE.html")]
    page: Option<PathBuf>,
}

pub(crate) fn command(args: &Report) -> Result<ExitCode> {
    let selection = &args.selection;
    let ending = args.page.as_deref().and_then(Path::extension);
    if let (Some(page), Some(ending)) = (&args.page, ending)
        && !["html", "htm"].iter().any(|known| ending.eq_ignore_ascii_case(known))
    {
        let what =
            format!("{} does not end in .html, and the page is HTML; use that extension", page.display());
        return Err(Error::Usage(what));
    }
    let mut outcome = redraw(&claims::named(&selection.only)?, &selection.options())?;
    if !selection.only.is_empty() && !outcome.absent.is_empty() {
        note!("no stored results, so not in the report: {}", outcome.absent.join(", "));
    }
    if let Some(page) = &args.page {
        // Read before writing: the file may be the page itself.
        let copied = std::fs::read(&outcome.page).and_then(|bytes| files::replace(page, &bytes));
        copied.map_err(|source| experiments::Error::Write { path: page.clone(), source })?;
        outcome.page.clone_from(page);
    }
    print_verdicts(&outcome)
}
