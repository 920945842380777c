//! The options of `cargo xtask peers`.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, bail};
use clap::Parser;

use crate::machine;
use crate::workloads::{Choice, Selection};

/// Times training steps against PyTorch in alternating windows
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask peers")]
pub(crate) struct Options {
    /// Install torch and numpy into .tools/peers, and end
    #[arg(long)]
    pub(crate) setup: bool,
    /// Workloads, as NAME or NAME/train or NAME/infer (all models, which takes hours): fc_s fc_m fc_l cnn_s cnn_l vit_s
    /// dcae mlpae mlp_ae cnn_cre vit_cre resnet9 resnet_ae; `operations` for single ones, each of which has a name too,
    /// such as matmul_1024
    #[arg(long, value_name = "WHAT,...", value_delimiter = ',')]
    only: Vec<Selection>,
    /// Train on cpu or cuda:N; on a GPU with one thread
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    /// Numbers of threads (1 and the number of cores)
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    threads: Vec<NonZeroUsize>,
    /// Windows of each program
    #[arg(long, value_name = "N", default_value = "9")]
    pub(crate) rounds: NonZeroUsize,
    /// The shortest length of a window in seconds
    #[arg(long, value_name = "S", default_value = "1", value_parser = seconds)]
    pub(crate) window_s: f64,
    /// Images per step (those of each workload)
    #[arg(long, value_name = "N")]
    pub(crate) batch: Option<NonZeroUsize>,
    /// A Python with torch (.tools/peers/bin/python)
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<PathBuf>,
    /// Another program of the same protocol; may be given several times
    #[arg(long = "peer", value_name = "NAME=COMMAND")]
    pub(crate) baselines: Vec<Baseline>,
    /// A program to run in place of `peer_side`, to compare two builds
    #[arg(long, value_name = "PATH")]
    pub(crate) ours: Option<PathBuf>,
    /// The folder for NAME.json and NAME.md (benches/runs/DATE-cpu)
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// The name of these files
    #[arg(long, default_value = "peers")]
    pub(crate) name: String,
}

impl Options {
    pub(crate) fn choices(&self) -> Vec<Choice> {
        match self.only.is_empty() {
            true => Choice::all(),
            false => self.only.iter().flat_map(|selection| selection.0.clone()).collect(),
        }
    }

    pub(crate) fn threads(&self) -> Vec<usize> {
        match machine::cores() {
            _ if !self.threads.is_empty() => self.threads.iter().copied().map(Into::into).collect(),
            cores if cores > 1 && self.device == "cpu" => vec![1, cores],
            _ => vec![1],
        }
    }
}

fn seconds(text: &str) -> anyhow::Result<f64> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds.is_finite() => Ok(seconds),
        _ => bail!("expected seconds above 0"),
    }
}

/// Another program of the comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Baseline {
    pub(crate) name: String,
    /// The program and its first arguments.
    pub(crate) command: Vec<OsString>,
}

impl FromStr for Baseline {
    type Err = anyhow::Error;

    /// `NAME=COMMAND`, whose parts are separated by spaces.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, command) = text.split_once('=').context("expected NAME=COMMAND")?;
        let command: Vec<OsString> = command.split_whitespace().map(OsString::from).collect();
        if name.is_empty() || command.is_empty() {
            bail!("expected NAME=COMMAND");
        }
        Ok(Self { name: name.to_owned(), command })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from([&["side-by-side"], arguments].concat())
    }

    #[test]
    fn without_options_every_model_is_compared_and_the_help_names_it() {
        let options = parsed(&[]).unwrap();
        assert_eq!((options.choices().len(), options.rounds.get(), options.threads()[0]), (13, 9, 1));
        Options::command().debug_assert();
        let help = Options::command().render_long_help().to_string();
        let words: Vec<&str> =
            help.split_whitespace().map(|word| word.trim_end_matches([',', ';'])).collect();
        assert!(options.choices().iter().all(|choice| words.contains(&choice.workload.name)), "{help}");
    }

    #[test]
    fn options_are_read() {
        let options =
            parsed(&["--only", "fc_s,fc_l/infer", "--threads", "4,8", "--window-s", "0.5"]).unwrap();
        let chosen = options.choices();
        let chosen: Vec<_> = chosen.iter().map(|one| (one.workload.name, one.modes().len())).collect();
        assert_eq!(chosen, [("fc_s", 2), ("fc_l", 1)]);
        assert_eq!((options.threads(), options.window_s), (vec![4, 8], 0.5));
        assert_eq!(parsed(&["--device", "cuda:0"]).unwrap().threads(), [1]);
        let operations = parsed(&["--only", "operations,fc_s/train"]).unwrap().choices();
        assert_eq!((operations.len(), operations[0].modes().len()), (18, 1));
        let baselines =
            parsed(&["--peer", "candle=python3 it.py", "--peer", "burn=./burn"]).unwrap().baselines;
        let command = |words: &[&str]| words.iter().map(OsString::from).collect();
        let expected = [("candle", command(&["python3", "it.py"])), ("burn", command(&["./burn"]))];
        assert_eq!(baselines, expected.map(|(name, command)| Baseline { name: name.into(), command }));
    }

    #[test]
    fn invalid_options_are_refused_with_a_reason() {
        for (arguments, reason) in [
            (&["--only", "fc_x"][..], "no workload `fc_x`"),
            (&["--threads", "0"], "non-zero"),
            (&["--window-s=-1"], "above 0"),
            (&["--window-s", "0"], "above 0"),
            (&["--rounds"], "a value is required"),
            (&["--peer", "candle"], "expected NAME=COMMAND"),
            (&["--fast"], "unexpected argument '--fast'"),
        ] {
            let error = parsed(arguments).unwrap_err().to_string();
            assert!(error.contains(reason), "{arguments:?}: {error}");
        }
    }
}
