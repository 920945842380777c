//! Selects finished runs by a unique prefix of their keys.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::error::{Error, Result};
use runs::learners::RunConfig;
use runs::run::Run;
use runs::store::{FinishedRun, Outcome, RunSpec, Store, Summary};
use system::nearest::nearest;
use system::text;

/// The maximum number of candidates in a message.
const MAX_LISTED: usize = 5;

/// The arguments that select a run.
#[derive(Debug, Args)]
pub(crate) struct Stored {
    /// The key of the run, as printed by `agon runs --each`, or a unique prefix of it
    pub(super) key: String,
    /// The results folder of `agon train` or `agon reproduce`
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub(super) out: PathBuf,
}

impl Stored {
    /// The finished run of this key prefix.
    ///
    /// # Errors
    /// [`Error::Usage`] for an unknown or ambiguous prefix, or an unfinished run; [`experiments::Error::Missing`] for one that
    /// diverged or failed.
    pub(super) fn finished(&self) -> Result<FinishedRun> {
        finished(&self.out, &self.key)
    }
}

/// The runs of `out/runs` that can be read; a damaged run has no key and is skipped.
///
/// # Errors
/// [`Error::Usage`] if there is no such folder.
pub(super) fn summaries(out: &Path) -> Result<Vec<Summary>> {
    let folder = out.join("runs");
    if !folder.is_dir() {
        let what = format!(
            "no runs in {}; name the results folder of `agon train` or `agon reproduce` with --out",
            folder.display()
        );
        return Err(Error::Usage(what));
    }
    Ok(Store::reading(folder).list()?.into_iter().filter_map(|(_, summary)| summary.ok()).collect())
}

/// The finished run in `out/runs` of this key prefix.
///
/// # Errors
/// As [`Stored::finished`].
pub(super) fn finished(out: &Path, key: &str) -> Result<FinishedRun> {
    let specs: Vec<RunSpec> = summaries(out)?.into_iter().map(|summary| summary.spec).collect();
    let store = Store::reading(out.join("runs"));
    let spec = named(&specs, &key.to_lowercase())?;
    let key = spec.folder_name();
    let run = store.find(spec)?.ok_or_else(|| {
        Error::Usage(format!("the run {key} is not finished; the command that started it resumes it"))
    })?;
    match &run.outcome {
        Outcome::Finished => Ok(run),
        Outcome::Diverged { reason, .. } | Outcome::Failed { reason } => {
            Err(Error::missing(format!("parameters of run {key}, which did not finish: {reason}")))
        }
    }
}

/// The config and the seed of a run.
///
/// # Errors
/// [`Error::Usage`] if another version of this program stored it with a config unknown to this one.
pub(super) fn config_of(run: &FinishedRun) -> Result<Run> {
    let config: RunConfig = serde_json::from_value(run.spec.config.clone()).map_err(|error| {
        let key = run.spec.folder_name();
        Error::Usage(format!("the config of run {key} is from another version of this program: {error}"))
    })?;
    Ok(Run { config, seed: run.spec.seed })
}

/// The key of a run, and the run in words.
pub(super) fn label(run: &FinishedRun) -> String {
    format!("run {}: {}", run.spec.folder_name(), label_of(&run.spec))
}

/// The input of a run's key, as one table: the config, the seed, the checksum of the images and the schema.
pub(super) fn parts_of_key(spec: &RunSpec) -> Value {
    let mut parts = spec.config.clone();
    if let Value::Object(fields) = &mut parts {
        fields.insert("seed".into(), spec.seed.into());
        fields.insert("images".into(), spec.data.sha256.clone().into());
        fields.insert("schema".into(), spec.schema.into());
    }
    parts
}

/// A description of a run; one of another version may have a config that this version cannot read.
pub(super) fn label_of(spec: &RunSpec) -> String {
    match serde_json::from_value(spec.config.clone()) {
        Ok(config) => Run { config, seed: spec.seed }.label(),
        Err(_) => format!("{}, config of another version, seed {}", spec.data.name, spec.seed),
    }
}

/// The config and the seed of a trained run.
///
/// # Errors
/// As [`config_of`]; [`Error::Usage`] for a closed form. `what` is the intended use of the parameters.
pub(super) fn trained(run: &FinishedRun, what: &str) -> Result<Run> {
    let trained = config_of(run)?;
    if !trained.config.learner.learns() {
        let key = run.spec.folder_name();
        return Err(Error::Usage(format!(
            "run {key} is a closed form and has no trained parameters that could be {what}; name the run of a trained learner, \
             as listed by `agon runs --each`"
        )));
    }
    Ok(trained)
}

/// The run of this key prefix.
///
/// # Errors
/// [`Error::Usage`] for an unknown or ambiguous prefix.
pub(super) fn named<'s>(specs: &'s [RunSpec], text: &str) -> Result<&'s RunSpec> {
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
            let listed: Vec<String> = found.iter().take(MAX_LISTED).map(|spec| spec.folder_name()).collect();
            let what = format!(
                "the keys of {} runs begin with `{text}`: {}; give a longer prefix",
                found.len(),
                listed.join(", ")
            );
            Err(Error::Usage(what))
        }
    }
}
