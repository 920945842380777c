//! `agon export`: exports the parameters or the metrics of a finished run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use models::weights;
use serde_json::{Value, json};
use system::text;
use tensor::Tensor;

use super::stored::{self, Stored};
use crate::error::{Error, Result};
use crate::output::print_beside;
use crate::tensorboard::EventFile;
use runs::names::PARAMETERS;
use runs::run::keep;
use runs::shell;
use runs::store::{FinishedRun, trained};

/// The arguments of `agon export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    run: Stored,
    /// The file to write, or for TensorBoard the log folder to which a folder of the run is added
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The format
    #[arg(long, value_enum, default_value = "safetensors")]
    to: Format,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// The parameters, with PyTorch's names
    Safetensors,
    /// The metrics of every epoch, as a TensorBoard event file
    Tensorboard,
}

/// File extensions of other formats.
const FORMATS: [&str; 18] = [
    "safetensors",
    "h5",
    "hdf5",
    "pt",
    "pth",
    "bin",
    "ckpt",
    "onnx",
    "pb",
    "npz",
    "npy",
    "pkl",
    "pickle",
    "mat",
    "csv",
    "json",
    "txt",
    "zip",
];

impl Format {
    /// Checks that the file's extension is not that of another format.
    fn goes_with(self, file: &Path) -> Result<()> {
        let Some(ending) = file.extension().map(|ending| ending.to_string_lossy().to_lowercase()) else {
            return Ok(());
        };
        let what = match self {
            Self::Safetensors if ending != "safetensors" => {
                "parameters are written as safetensors; use the extension .safetensors, or none"
            }
            Self::Tensorboard if FORMATS.contains(&ending.as_str()) => {
                "event files for TensorBoard are written to a folder; name one, or omit `--to tensorboard`"
            }
            _ => return Ok(()),
        };
        Err(Error::Usage(format!("{} ends in .{ending}, and {what}", file.display())))
    }
}

pub(crate) fn command(args: &Export) -> Result<ExitCode> {
    let (text, value) = export(args)?;
    match args.json {
        true => print_beside(&args.file, &(value.to_string() + "\n"))?,
        false => print_beside(&args.file, &text)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the file and returns a summary, as text and as JSON.
fn export(args: &Export) -> Result<(String, Value)> {
    args.to.goes_with(&args.file)?;
    let run = args.run.finished()?;
    match args.to {
        Format::Safetensors => safetensors(&run, &args.file),
        Format::Tensorboard => tensorboard(&run, &args.file),
    }
}

fn safetensors(run: &FinishedRun, file: &Path) -> Result<(String, Value)> {
    // Parameters can be exported even if this version cannot read the config.
    if stored::config_of(run).is_ok() {
        stored::trained(run, "exported")?;
    }
    let parameters = parameters(run)?;
    weights::write(file, &parameters)?;
    let numbers: usize = parameters.iter().map(|(_, tensor)| tensor.shape().iter().product::<usize>()).sum();
    let (file, key) = (text::path(file), run.spec.folder_name());
    let value = json!({ "file": file, "key": key, "parameters": numbers, "tensors": parameters.len() });
    let [numbers, tensors] =
        [(numbers, "parameter"), (parameters.len(), "tensor")].map(|(n, noun)| text::count(n, noun));
    let alone = match parameters.iter().all(|(name, _)| keep::is_of_encoder(name)) {
        true => {
            "; only its encoder, since the rest is not stored: `agon train` with the same config stores all"
        }
        false => "",
    };
    Ok((format!("{file}: {numbers} in {tensors}, of run {key}{alone}\n"), value))
}

fn tensorboard(run: &FinishedRun, folder: &Path) -> Result<(String, Value)> {
    let mut events = EventFile::create(&folder.join(run.spec.folder_name()))?;
    run.epochs.iter().try_for_each(|epoch| events.write(epoch))?;
    let (file, n) = (text::path(events.path()), trained(&run.epochs));
    let value = json!({ "file": file, "key": run.spec.folder_name(), "epochs": n });
    let n = text::count(n as usize, "epoch");
    let folder = shell::shown(folder.as_os_str());
    Ok((format!("{file}: {n}; `tensorboard --logdir {folder}` shows them\n"), value))
}

/// The parameters of the run, by the names of [`models::weights`].
fn parameters(run: &FinishedRun) -> Result<Vec<(String, Tensor)>> {
    let key = run.spec.folder_name();
    let learned: Vec<(String, Tensor)> = run
        .finals
        .iter()
        .filter_map(|(name, array)| Some((name.strip_prefix(PARAMETERS)?.to_owned(), array.to_tensor()?)))
        .collect();
    if learned.is_empty() {
        return Err(Error::missing(format!(
            "parameters of run {key}: nothing was trained in it, or `agon reproduce` stored none; \
             `agon train` with the same config stores all",
        )));
    }
    Ok(learned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use runs::store::{Array, Arrays, DataId, Outcome, RunSpec, Store, Values};

    fn spec(seed: u64) -> RunSpec {
        let data = DataId { name: "digits".into(), sha256: "00".repeat(32), classes: vec![] };
        RunSpec { config: json!({}), seed, data, schema: 1 }
    }

    fn finals() -> Arrays {
        let of = |values: Vec<f32>| Array { shape: vec![1, values.len()], values: Values::F32(values) };
        Arrays::from([
            ("parameters/encoder.0.weight".into(), of(vec![1.0, 2.0])),
            ("test_latent".into(), of(vec![3.0])),
        ])
    }

    /// A results folder with three runs: a finished one, one without parameters, and an unfinished one.
    fn stored() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("runs")).unwrap();
        for (seed, finals) in [(0, Some(finals())), (1, Some(Arrays::new())), (2, None)] {
            let mut run = store.run(&spec(seed)).unwrap();
            run.record_without_checkpoint(0, [("test_mse".to_owned(), 0.25)].into(), 1.0).unwrap();
            if let Some(finals) = finals {
                run.finish(Outcome::Finished, &finals).unwrap();
            }
        }
        folder
    }

    fn exported(folder: &tempfile::TempDir, key: &str) -> Result<String> {
        let file = folder.path().join("w.safetensors");
        let run = Stored { key: key.to_owned(), out: folder.path().to_owned() };
        export(&Export { run, file, to: Format::Safetensors, json: false }).map(|(text, _)| text)
    }

    #[test]
    fn parameters_are_written_under_the_names_of_the_layers() {
        let folder = stored();
        let printed = exported(&folder, &spec(0).key()[..12]).unwrap();
        assert!(
            printed.contains("2 parameters in 1 tensor, of run ") && printed.contains("; only its encoder"),
            "{printed}"
        );
        let written = weights::read(&folder.path().join("w.safetensors")).unwrap();
        assert_eq!(written.keys().collect::<Vec<_>>(), ["encoder.0.weight"]);
        assert_eq!(written["encoder.0.weight"].as_slice::<f32>().unwrap(), [1.0, 2.0]);
        assert_eq!(written["encoder.0.weight"].shape(), [1, 2]);
    }

    #[test]
    fn the_metrics_of_every_epoch_are_written_for_tensorboard() {
        let folder = stored();
        let (key, file) = (spec(0).folder_name(), folder.path().join("the board"));
        let run = Stored { key: key.clone(), out: folder.path().to_owned() };
        let args = Export { run, file: file.clone(), to: Format::Tensorboard, json: false };
        let (printed, value) = export(&args).unwrap();
        assert_eq!((&value["key"], &value["epochs"]), (&key.as_str().into(), &0.into()));
        let shown = format!(": 0 epochs; `tensorboard --logdir '{}'` shows them\n", file.display());
        assert!(printed.ends_with(&shown), "{printed}");
        let events = std::fs::read(file.join(key).join("events.out.tfevents.0.agon")).unwrap();
        assert_eq!(crate::tensorboard::tests::read(&events), [(0, [("mse/test".to_owned(), 0.25)].into())]);
    }

    #[test]
    fn a_file_with_the_extension_of_another_format_is_refused() {
        let file = |name: &str, to: Format| to.goes_with(Path::new(name)).map_err(|error| error.to_string());
        for name in ["w.h5", "w.PT", "w.onnx", "w.safetensors.gz", "w.1"] {
            let message = file(name, Format::Safetensors).unwrap_err();
            assert!(message.contains(".safetensors") && message.starts_with(name), "{message}");
        }
        for name in ["w", "w.safetensors", "a.h5/w", "W.SafeTensors", "/dev/stdout"] {
            file(name, Format::Safetensors).unwrap();
        }
        assert!(file("w.safetensors", Format::Tensorboard).unwrap_err().contains("folder"));
        file("board.2024", Format::Tensorboard).unwrap();
    }

    #[test]
    fn an_untrained_or_unfinished_run_is_refused() {
        let folder = stored();
        let message = |seed| exported(&folder, &spec(seed).key()).unwrap_err().to_string();
        assert!(message(1).contains("nothing was trained"), "{}", message(1));
        assert!(message(2).contains("is not finished"), "{}", message(2));
        assert!(!folder.path().join("w.safetensors").exists());
    }

    #[test]
    fn for_an_unknown_key_the_nearest_is_suggested_and_for_an_ambiguous_one_all_are_listed() {
        let folder = stored();
        let mut slip = spec(0).folder_name();
        slip.replace_range(3..4, "x");
        let error = exported(&folder, &slip).unwrap_err();
        assert!(matches!(error, Error::Usage(_)));
        assert!(error.to_string().contains(&format!("did you mean `{}`", spec(0).folder_name())), "{error}");
        let error = exported(&folder, "").unwrap_err();
        assert!(error.to_string().starts_with("the keys of 3 runs begin with ``"), "{error}");
        let nowhere = tempfile::tempdir().unwrap();
        assert!(matches!(exported(&nowhere, "ab"), Err(Error::Usage(_))));
    }
}
