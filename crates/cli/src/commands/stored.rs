//! Finished runs by their keys: so much of a key is enough as no other run begins with.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::{Error, Result};
use runs::learners::RunConfig;
use runs::run::Run;
use runs::store::{FinishedRun, Outcome, RunSpec, Store};
use system::nearest::nearest;
use system::text;

/// Candidates that a message lists.
const MOST_LISTED: usize = 5;

/// A run, as a command that reads one is told it.
#[derive(Debug, Args)]
pub(crate) struct Stored {
    /// The run: its key as `agon runs --each` prints it, or so much of it as no other run begins with
    pub(super) key: String,
    /// The folder that `agon train` or `agon reproduce` wrote to
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub(super) out: PathBuf,
}

impl Stored {
    /// The finished run whose key begins like this.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is no such run, several, or one that is not finished; [`experiments::Error::Missing`] if it did
    /// not come to a good end.
    pub(super) fn finished(&self) -> Result<FinishedRun> {
        finished(&self.out, &self.key)
    }
}

/// The finished run in `out/runs` whose key begins like this.
fn finished(out: &Path, key: &str) -> Result<FinishedRun> {
    let folder = out.join("runs");
    if !folder.is_dir() {
        let what = format!(
            "no runs in {}; name the folder that `agon train` or `agon reproduce` wrote to with --out",
            folder.display()
        );
        return Err(Error::Usage(what));
    }
    let store = Store::reading(folder);
    // A damaged run has no key, and hides no other.
    let specs: Vec<RunSpec> =
        store.list()?.into_iter().filter_map(|(_, summary)| Some(summary.ok()?.spec)).collect();
    let spec = named(&specs, &key.to_lowercase())?;
    let key = spec.folder_name();
    let run = store.find(spec)?.ok_or_else(|| {
        Error::Usage(format!("the run {key} is not finished; the command that began it goes on with it"))
    })?;
    match &run.outcome {
        Outcome::Finished => Ok(run),
        Outcome::Diverged { reason, .. } | Outcome::Failed { reason } => {
            Err(Error::missing(format!("parameters of run {key}, which did not come to its end: {reason}")))
        }
    }
}

/// The config and the seed of a run.
///
/// # Errors
/// [`Error::Usage`] if another version of this program computed it from a config that this one does not know.
pub(super) fn asked_for(run: &FinishedRun) -> Result<Run> {
    let config: RunConfig = serde_json::from_value(run.spec.config.clone()).map_err(|error| {
        let key = run.spec.folder_name();
        Error::Usage(format!("the config of run {key} is of another version of this program: {error}"))
    })?;
    Ok(Run { config, seed: run.spec.seed })
}

/// The config and the seed of a run in which something was trained.
///
/// # Errors
/// As [`asked_for`]; [`Error::Usage`] if it is a closed form. `what` says what was to be done with what it learned.
pub(super) fn trained(run: &FinishedRun, what: &str) -> Result<Run> {
    let asked = asked_for(run)?;
    if !asked.config.learner.learns() {
        let key = run.spec.folder_name();
        return Err(Error::Usage(format!(
            "run {key} is a closed form: nothing was trained that could be {what}; name a run of a learner              (`agon runs --each` lists them)"
        )));
    }
    Ok(asked)
}

/// The run whose key begins like this.
fn named<'s>(specs: &'s [RunSpec], text: &str) -> Result<&'s RunSpec> {
    let found: Vec<&RunSpec> = specs.iter().filter(|spec| spec.key().starts_with(text)).collect();
    match found[..] {
        [one] => Ok(one),
        [] => {
            let begins: Vec<String> =
                specs.iter().map(|spec| spec.key().chars().take(text.chars().count()).collect()).collect();
            let begins: Vec<&str> = begins.iter().map(String::as_str).collect();
            let hint = nearest(text, &begins);
            Err(Error::Usage(format!(
                "no run `{text}`{hint}; `agon runs --each` lists {}",
                text::count(specs.len(), "run")
            )))
        }
        _ => {
            let listed: Vec<String> = found.iter().take(MOST_LISTED).map(|spec| spec.folder_name()).collect();
            let what = format!(
                "{} runs begin with `{text}`, as do {}; write more of the key",
                found.len(),
                listed.join(", ")
            );
            Err(Error::Usage(what))
        }
    }
}
