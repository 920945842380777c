//! `agon report`: rebuilds figures, verdicts and the page from stored results.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use system::{files, note, text};

use super::browser;
use super::reproduce::{Shown, print_verdicts};
use super::selection::Selection;
use crate::error::{Error, Result};
use crate::program;
use experiments::reproduce::{Outcome, redraw, show};
use experiments::{Profile, claims};

/// The profiles whose results may be committed, in order of preference. The results of `paper` do not have every
/// experiment yet.
const COMMITTED: [Profile; 2] = [Profile::Standard, Profile::Paper];

/// Where the page of committed results is written without `--page`.
const PAGE: &str = "report.html";

/// The arguments of `agon report`.
#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    selection: Selection,
    /// Also write the self-contained page to this file
    #[arg(short = 'o', long, value_name = "FILE.html")]
    page: Option<PathBuf>,
    #[command(flatten)]
    shown: Shown,
}

pub(crate) fn command(args: &Report) -> Result<ExitCode> {
    let ending = args.page.as_deref().and_then(Path::extension);
    if let (Some(page), Some(ending)) = (&args.page, ending)
        && !["html", "htm"].iter().any(|known| ending.eq_ignore_ascii_case(known))
    {
        let what = format!("page: expected the extension .html, got {}; use .html", page.display());
        return Err(Error::Usage(what));
    }
    let outcome = match committed(&args.selection) {
        Some((profile, folder)) => of_committed(args, profile, &folder)?,
        None => of_own(args)?,
    };
    if args.shown.open {
        browser::open(&outcome.page);
    }
    print_verdicts(&outcome, &args.shown)
}

/// The committed results, in the current folder or else in the repository that this program was built in; `None` if the
/// command names a results folder, or a profile of which the user has own results.
fn committed(selection: &Selection) -> Option<(Profile, PathBuf)> {
    let profiles = match selection.named() {
        (_, Some(_)) => return None,
        (Some(profile), None) if selection.options().out.join(profile.name()).exists() => return None,
        (Some(profile), None) => vec![profile],
        (None, None) => COMMITTED.to_vec(),
    };
    let folders = ["results", concat!(env!("CARGO_MANIFEST_DIR"), "/../../results")];
    let mut found = folders
        .iter()
        .flat_map(|folder| profiles.iter().map(|&profile| (profile, Path::new(folder).join(profile.name()))));
    let (profile, folder) = found.find(|(_, folder)| folder.join("verdicts.csv").is_file())?;
    // Messages name the folder without `..`.
    let is_here = folder.is_relative();
    Some((profile, if is_here { folder } else { folder.canonicalize().unwrap_or(folder) }))
}

/// Shows committed results and writes nothing but the page.
fn of_committed(args: &Report, profile: Profile, folder: &Path) -> Result<Outcome> {
    let mut options = args.selection.options();
    options.profile = profile;
    let page = args.page.clone().unwrap_or_else(|| options.out.join(PAGE));
    let parent = page.parent().filter(|parent| !parent.as_os_str().is_empty() && args.page.is_none());
    if let Some(parent) = parent {
        std::fs::create_dir_all(parent)
            .map_err(|source| experiments::Error::Write { path: parent.into(), source })?;
    }
    let outcome = show(&claims::named(&args.selection.only)?, folder, &page, &options)?;
    note!("the committed results of the profile {profile}, in {}", text::path(folder));
    let own = Profile::ALL.into_iter().find(|own| options.out.join(own.name()).join("index.html").is_file());
    if let Some(own) = own {
        note!("your own results: {} report --profile {own}", program::name());
    }
    Ok(outcome)
}

/// Draws the figures and judges the claims again from the results in the results folder.
fn of_own(args: &Report) -> Result<Outcome> {
    let selection = &args.selection;
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
    Ok(outcome)
}
