//! `agon export`: the parameters of a finished run, for other programs.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use models::weights;
use tensor::Tensor;

use super::output::say;
use crate::nearest::nearest;
use crate::store::{FinishedRun, Outcome, RunSpec, Store};
use crate::{Error, Result};

/// Where a run keeps what was learned.
const PARAMETERS: &str = "parameters/";

/// Candidates that a message lists.
const MOST_LISTED: usize = 5;

/// What `agon export` is asked.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// The run: its key as `agon runs --each` prints it, or so much of it as no other run begins with
    key: String,
    /// The file to write
    #[arg(value_name = "FILE.safetensors")]
    file: PathBuf,
    /// The folder that `agon reproduce` wrote to
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
}

pub(super) fn command(asked: &Export) -> Result<ExitCode> {
    say(&export(asked)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the file and says what is in it.
fn export(asked: &Export) -> Result<String> {
    let folder = asked.out.join("runs");
    if !folder.is_dir() {
        let what = format!(
            "no runs in {}; name the folder that `agon reproduce` wrote to with --out",
            folder.display()
        );
        return Err(Error::Usage(what));
    }
    let store = Store::reading(folder);
    // A damaged run has no key, and hides no other.
    let specs: Vec<RunSpec> =
        store.list()?.into_iter().filter_map(|(_, summary)| Some(summary.ok()?.spec)).collect();
    let spec = named(&specs, &asked.key)?;
    let key = spec.folder_name();
    let run = store.find(spec)?.ok_or_else(|| {
        Error::Usage(format!("the run {key} is not finished; `agon reproduce` goes on with it"))
    })?;
    let parameters = parameters(&run)?;
    weights::write(&asked.file, &parameters)?;
    let numbers: usize = parameters.iter().map(|(_, tensor)| tensor.shape().iter().product::<usize>()).sum();
    let file = asked.file.display();
    Ok(format!("{file}: {numbers} numbers in {} tensors, of run {key}\n", parameters.len()))
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
            Err(Error::Usage(format!("no run `{text}`{hint}; `agon runs --each` lists {} runs", specs.len())))
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

/// What the run learned, by the names of [`models::weights`].
fn parameters(run: &FinishedRun) -> Result<Vec<(String, Tensor)>> {
    let key = run.spec.folder_name();
    match &run.outcome {
        Outcome::Finished => {}
        Outcome::Diverged { reason, .. } | Outcome::Failed { reason } => {
            return Err(Error::Missing(format!(
                "parameters of run {key}, which did not come to its end: {reason}"
            )));
        }
    }
    let learned: Vec<(String, Tensor)> = run
        .finals
        .iter()
        .filter_map(|(name, array)| Some((name.strip_prefix(PARAMETERS)?.to_owned(), array.to_tensor()?)))
        .collect();
    if learned.is_empty() {
        return Err(Error::Missing(format!(
            "parameters of run {key}: nothing was learned in it, or nothing was kept"
        )));
    }
    Ok(learned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::{Array, Arrays, DataId, Values};

    fn spec(seed: u64) -> RunSpec {
        let data = DataId { name: "digits".into(), sha256: "00".repeat(32) };
        RunSpec { config: json!({}), seed, data, schema: 1 }
    }

    fn finals() -> Arrays {
        let of = |values: Vec<f32>| Array { shape: vec![1, values.len()], values: Values::F32(values) };
        Arrays::from([
            ("parameters/encoder.0.weight".into(), of(vec![1.0, 2.0])),
            ("test_latent".into(), of(vec![3.0])),
        ])
    }

    /// `--out` with three runs: a finished one, one that learned nothing, and one that was stopped.
    fn stored() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("runs")).unwrap();
        for (seed, finals) in [(0, Some(finals())), (1, Some(Arrays::new())), (2, None)] {
            let mut run = store.run(&spec(seed)).unwrap();
            run.record_without_checkpoint(0, Default::default(), 1.0).unwrap();
            if let Some(finals) = finals {
                run.finish(Outcome::Finished, &finals).unwrap();
            }
        }
        folder
    }

    fn exported(folder: &tempfile::TempDir, key: &str) -> Result<String> {
        let file = folder.path().join("w.safetensors");
        export(&Export { key: key.to_owned(), file, out: folder.path().to_owned() })
    }

    #[test]
    fn what_was_learned_is_written_under_the_names_of_the_layers() {
        let folder = stored();
        let said = exported(&folder, &spec(0).key()[..12]).unwrap();
        assert!(said.contains("2 numbers in 1 tensors, of run "), "{said}");
        let written = weights::read(&folder.path().join("w.safetensors")).unwrap();
        assert_eq!(written.keys().collect::<Vec<_>>(), ["encoder.0.weight"]);
        assert_eq!(written["encoder.0.weight"].as_slice::<f32>().unwrap(), [1.0, 2.0]);
        assert_eq!(written["encoder.0.weight"].shape(), [1, 2]);
    }

    #[test]
    fn a_run_that_learned_nothing_or_is_not_finished_is_refused() {
        let folder = stored();
        let message = |seed| exported(&folder, &spec(seed).key()).unwrap_err().to_string();
        assert!(message(1).contains("nothing was learned"), "{}", message(1));
        assert!(message(2).contains("is not finished"), "{}", message(2));
        assert!(!folder.path().join("w.safetensors").exists());
    }

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest_and_one_of_several_with_all() {
        let folder = stored();
        let mut slip = spec(0).folder_name();
        slip.replace_range(3..4, "x");
        let error = exported(&folder, &slip).unwrap_err();
        assert!(matches!(error, Error::Usage(_)));
        assert!(error.to_string().contains(&format!("did you mean `{}`", spec(0).folder_name())), "{error}");
        let error = exported(&folder, "").unwrap_err();
        assert!(error.to_string().starts_with("3 runs begin with ``"), "{error}");
        let nowhere = tempfile::tempdir().unwrap();
        assert!(matches!(exported(&nowhere, "ab"), Err(Error::Usage(_))));
    }
}
