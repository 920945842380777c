//! `agon compare`: the values in which two runs, sweeps or results files differ, and the lines of their configs.

mod files;
mod runs_of;
mod sweeps;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::columns::columns;
use super::differences::{self, Difference};
use super::limited;
use super::sweep::{FOLDER, MEASURED};
use crate::error::{Error, Result};
use crate::output::print_result;
use experiments::preset_sweep::Swept;

/// The time limit for reading a results file.
const LIMIT: Duration = Duration::from_secs(60);

/// The largest size of a sweep's measurements.
const MAX_BYTES: u64 = 1 << 28;

/// The arguments of `agon compare`.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// The key of a run, the name or the folder of a sweep, or a results file
    a: String,
    /// Another one of the same kind
    b: String,
    /// The results folder
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The differences of two runs, sweeps or files.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    /// The names of both.
    pub(super) a: String,
    pub(super) b: String,
    /// Lines of the configs.
    pub(super) config: Vec<Difference>,
    /// Values that both have.
    pub(super) values: Vec<Moved>,
    /// The values that only one of them has.
    pub(super) only_in_a: Vec<String>,
    pub(super) only_in_b: Vec<String>,
    /// The number of bit-identical values, if only the others are listed.
    pub(super) equal: usize,
    /// The number of values that are printed as text, the first ones.
    #[serde(skip)]
    pub(super) shown: usize,
    /// The unit of resampling of the intervals; empty without any.
    pub(super) note: String,
}

/// A value of both.
#[derive(Debug, Serialize)]
pub(super) struct Moved {
    /// The quantity, with its unit.
    pub(super) name: String,
    /// The cell, such as `lambda = 0.5`; empty for a run.
    pub(super) at: String,
    pub(super) a: Option<f64>,
    pub(super) b: Option<f64>,
    /// B - A; for arrays the largest difference.
    pub(super) change: Option<f64>,
    /// The 95 % interval of the change.
    pub(super) interval: Option<[f64; 2]>,
    /// Seeds, images or elements behind it.
    pub(super) n: usize,
}

/// An operand of the comparison.
enum Operand {
    Run(String),
    Sweep(Box<Swept>),
    File(PathBuf),
}

pub(crate) fn command(args: &Compare) -> Result<ExitCode> {
    let [a, b] = [operand(&args.a, &args.out)?, operand(&args.b, &args.out)?];
    let comparison = match (a, b) {
        (Operand::Run(a), Operand::Run(b)) => runs_of::compare([&a, &b], &args.out)?,
        (Operand::Sweep(a), Operand::Sweep(b)) => sweeps::compare(&a, &b),
        (Operand::File(a), Operand::File(b)) => {
            // Untrusted files are read in a child process with limits.
            if let Some(code) = limited::run_in_child(&a, LIMIT)? {
                return Ok(code);
            }
            files::compare(&a, &b)?
        }
        _ => {
            return Err(Error::Usage(format!(
                "compare: expected two runs, two sweeps or two results files, got different kinds, `{}` and \
                 `{}`",
                args.a, args.b
            )));
        }
    };
    print_result(args.json, &comparison, || comparison.text())
}

/// The run, sweep or results file that a text names.
fn operand(text: &str, out: &Path) -> Result<Operand> {
    let path = Path::new(text);
    if path.is_file() && path.file_name().is_none_or(|name| name != MEASURED) {
        return Ok(Operand::File(path.into()));
    }
    let places = [path.to_owned(), path.join(MEASURED), out.join(FOLDER).join(path).join(MEASURED)];
    match places.iter().find(|place| place.is_file()) {
        Some(file) => Ok(Operand::Sweep(Box::new(swept(file)?))),
        None if path.components().count() > 1 || path.extension().is_some() => Err(Error::Usage(format!(
            "no file or sweep {}; give the key of a run, a sweep in {}, or a results file",
            path.display(),
            out.join(FOLDER).display()
        ))),
        None => Ok(Operand::Run(text.to_owned())),
    }
}

/// The measurements of a sweep.
fn swept(file: &Path) -> Result<Swept> {
    let refused = |why: String| {
        Error::Usage(format!(
            "{}: expected the measurements of a sweep, got other content: {why}; run `agon sweep` again",
            file.display()
        ))
    };
    let text = system::files::read_text(file, MAX_BYTES).map_err(|error| refused(error.to_string()))?;
    let swept: Swept = serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
    let whole = swept.cells.iter().all(|cell| cell.values.len() == swept.varied.len());
    whole.then_some(swept).ok_or_else(|| refused("a cell has too few values".into()))
}

impl Comparison {
    fn text(&self) -> String {
        let mut text = format!("A: {}\nB: {}\n\n", self.a, self.b);
        text += &match self.config.is_empty() {
            true => "the configs are equal\n".to_owned(),
            false => differences::text(&self.config, ["A", "B"]),
        };
        let number = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.6}"));
        let row = |of: &Moved| {
            let change = of.change.map_or("-".into(), |change| format!("{change:+.6}"));
            let interval =
                of.interval.map_or(String::new(), |[low, high]| format!("[{low:+.6}, {high:+.6}]"));
            let name = if of.at.is_empty() { of.name.clone() } else { format!("{}, {}", of.name, of.at) };
            [name, number(of.a), number(of.b), change, interval, of.n.to_string()]
        };
        let rows: Vec<_> = self.values.iter().take(self.shown).map(row).collect();
        if !rows.is_empty() {
            text += &format!("\n{}", columns(["value", "A", "B", "B - A", "95 % interval", "n"], &rows));
        }
        let more = self.values.len().saturating_sub(self.shown);
        if more > 0 {
            text += &format!("{} more with --json\n", system::text::count(more, "value"));
        }
        if self.equal > 0 {
            text += &format!("{} bit-identical\n", system::text::count(self.equal, "array"));
        }
        for (which, only) in [("A", &self.only_in_a), ("B", &self.only_in_b)] {
            if !only.is_empty() {
                text += &format!("only in {which}: {}\n", only.join(", "));
            }
        }
        if !self.note.is_empty() {
            text += &format!("{}\n", self.note);
        }
        text
    }
}
