//! The options of `cargo xtask peers`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use super::workloads::Choice;
use crate::args::{Reader, Usage};

pub(super) const HELP: &str = "\
usage: cargo xtask peers [OPTION...]

  --setup            install torch and numpy into .tools/peers, and end
  --only WHAT,...    workloads, as NAME or NAME/train or NAME/infer (all, which takes hours); the names are
                     fc_s fc_m fc_l cnn_s cnn_l vit_s dcae mlpae mlp_ae cnn_cre vit_cre resnet9 resnet_ae;
                     `operations` for single ones, each of which has a name too, such as matmul_1024
  --device DEVICE    train on cpu or cuda:N (cpu); on a GPU with one thread
  --threads N,...    numbers of threads (1 and the number of cores)
  --rounds N         windows of each program (9)
  --window-s S       the shortest length of a window in seconds (1)
  --batch N          images a step (those of each workload)
  --python PATH      a Python with torch (.tools/peers/bin/python)
  --peer NAME=COMMAND  another program of the same protocol; may be given several times
  --ours PATH        a program to run in place of the bench peer_side, to compare two builds
  --out FOLDER       where to write NAME.json and NAME.md (benches/runs/DATE-cpu)
  --name NAME        how to call them (peers)
";

/// What was asked for.
pub(super) enum Call {
    Help,
    Setup,
    Compare(Box<Options>),
}

/// A comparison, with every value filled in but those that depend on the checkout.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) choices: Vec<Choice>,
    /// `cpu` or `cuda:N`.
    pub(super) device: String,
    pub(super) threads: Vec<usize>,
    pub(super) rounds: usize,
    pub(super) window_s: f64,
    /// `None` for the batch of each workload.
    pub(super) batch: Option<usize>,
    pub(super) python: Option<PathBuf>,
    pub(super) ours: Option<PathBuf>,
    /// Programs beside PyTorch's.
    pub(super) peers: Vec<Peer>,
    pub(super) out: Option<PathBuf>,
    pub(super) name: String,
}

/// Another program of the comparison.
#[derive(Debug, PartialEq)]
pub(super) struct Peer {
    pub(super) name: String,
    /// The program and its first arguments.
    pub(super) command: Vec<OsString>,
}

impl FromStr for Peer {
    type Err = Usage;

    /// `NAME=COMMAND`, whose parts are separated by spaces.
    fn from_str(text: &str) -> Result<Self, Usage> {
        let wanted = || Usage(format!("`--peer` wants NAME=COMMAND, got `{text}`"));
        let (name, command) = text.split_once('=').ok_or_else(wanted)?;
        let command: Vec<OsString> = command.split_whitespace().map(OsString::from).collect();
        if name.is_empty() || command.is_empty() {
            return Err(wanted());
        }
        Ok(Self { name: name.to_owned(), command })
    }
}

pub(super) fn read(arguments: &[OsString], cores: usize) -> Result<Call, Usage> {
    let mut options = Options {
        choices: Choice::all(),
        device: "cpu".to_owned(),
        threads: if cores > 1 { vec![1, cores] } else { vec![1] },
        rounds: 9,
        window_s: 1.0,
        batch: None,
        python: None,
        ours: None,
        peers: Vec::new(),
        out: None,
        name: "peers".to_owned(),
    };
    let mut reader = Reader::new(arguments);
    while let Some(option) = reader.option()? {
        match option {
            "--help" | "-h" => return Ok(Call::Help),
            "--setup" => return Ok(Call::Setup),
            "--only" => {
                options.choices = choices(&reader.value::<String>(option, "workloads such as fc_m")?)?
            }
            "--device" => {
                options.device = reader.value(option, "cpu or cuda:0")?;
                options.threads = vec![1];
            }
            "--threads" => options.threads = reader.values(option, "numbers such as 1,2")?,
            "--rounds" => options.rounds = reader.value(option, "a number")?,
            "--window-s" => options.window_s = reader.value(option, "seconds")?,
            "--batch" => options.batch = Some(reader.value(option, "a number")?),
            "--python" => options.python = Some(reader.value(option, "a path")?),
            "--peer" => options.peers.push(reader.value::<String>(option, "NAME=COMMAND")?.parse()?),
            "--ours" => options.ours = Some(reader.value(option, "a path")?),
            "--out" => options.out = Some(reader.value(option, "a folder")?),
            "--name" => options.name = reader.value(option, "a name")?,
            other => return Err(Usage(format!("no option `{other}`\n\n{HELP}"))),
        }
    }
    check(&options)?;
    Ok(Call::Compare(Box::new(options)))
}

/// Parsed here and not by the reader, so that the message says what is known.
fn choices(text: &str) -> Result<Vec<Choice>, Usage> {
    let of = |word: &str| match word {
        "operations" => Ok(Choice::operations()),
        word => Ok(vec![word.parse()?]),
    };
    let choices: Vec<Vec<Choice>> = text.split(',').map(of).collect::<Result<_, Usage>>()?;
    Ok(choices.into_iter().flatten().collect())
}

fn check(options: &Options) -> Result<(), Usage> {
    if options.threads.contains(&0) || options.rounds == 0 || options.batch == Some(0) {
        return Err(Usage("`--threads`, `--rounds` and `--batch` want numbers above 0".to_owned()));
    }
    if !(options.window_s > 0.0 && options.window_s.is_finite()) {
        return Err(Usage(format!("`--window-s` wants seconds above 0, got {}", options.window_s)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(arguments: &[&str]) -> Result<Options, Usage> {
        match read(&arguments.iter().map(OsString::from).collect::<Vec<_>>(), 2)? {
            Call::Compare(options) => Ok(*options),
            Call::Help | Call::Setup => panic!("not a comparison: {arguments:?}"),
        }
    }

    #[test]
    fn without_options_everything_is_compared_on_one_and_on_all_cores() {
        let options = compare(&[]).unwrap();
        assert_eq!((options.choices.len(), options.threads, options.rounds), (13, vec![1, 2], 9));
        assert!(options.choices.iter().all(|choice| HELP.contains(choice.workload.name)));
    }

    #[test]
    fn options_are_read() {
        let options = compare(&["--only", "fc_s,fc_l/infer", "--threads", "4", "--window-s", "0.5"]).unwrap();
        let chosen = options.choices.iter().map(|choice| (choice.workload.name, choice.modes().len()));
        assert_eq!(chosen.collect::<Vec<_>>(), [("fc_s", 2), ("fc_l", 1)]);
        assert_eq!((options.threads, options.window_s), (vec![4], 0.5));
        let operations = compare(&["--only", "operations,fc_s/train"]).unwrap().choices;
        assert_eq!((operations.len(), operations[0].modes().len()), (18, 1));
        let peers = compare(&["--peer", "candle=python3 it.py", "--peer", "burn=./burn"]).unwrap().peers;
        let command = |words: &[&str]| words.iter().map(OsString::from).collect();
        let expected = [("candle", command(&["python3", "it.py"])), ("burn", command(&["./burn"]))];
        assert_eq!(peers, expected.map(|(name, command)| Peer { name: name.into(), command }));
    }

    #[test]
    fn calls_that_make_no_sense_are_refused_with_a_reason() {
        for (arguments, reason) in [
            (&["--only", "fc_x"][..], "did you mean fc_s?"),
            (&["--threads", "0"], "above 0"),
            (&["--window-s", "-1"], "above 0"),
            (&["--rounds"], "wants a number"),
            (&["--peer", "candle"], "wants NAME=COMMAND, got `candle`"),
            (&["--fast"], "no option `--fast`"),
        ] {
            let error = compare(arguments).unwrap_err().to_string();
            assert!(error.contains(reason), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn the_help_names_every_option() {
        for option in [
            "--setup",
            "--only",
            "--threads",
            "--rounds",
            "--window-s",
            "--batch",
            "--python",
            "--peer",
            "--ours",
        ] {
            assert!(HELP.contains(option), "{option}");
        }
    }
}
